/*-------------------------------------------------------------------------
 *
 * live_views.h
 *	  What a materialized view reads when it is filled in a live database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_VIEWS_H
#define NEX_LIVE_VIEWS_H

#include "archive_toc.h"
#include "restore_plan.h"

/*
 * Would whoever wrote what it reads gain by being run as its owner, a superuser
 * or the role of the session?  `target` is its quoted name.  False (reported) on
 * failure.
 */
extern bool live_view_is_trusted(Connection *connection, const char *target, bool *trusted);

/*
 * Then see, directly before it is filled, that nothing that it reads runs code
 * of others, and lock the tables against new code.  False (reported) if
 * something does.
 */
extern bool live_view_check(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
							const char *target);

#endif /* NEX_LIVE_VIEWS_H */
