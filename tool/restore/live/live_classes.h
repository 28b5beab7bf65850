/*-------------------------------------------------------------------------
 *
 * live_classes.h
 *	  Operator classes that would compare values by functions of others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_CLASSES_H
#define NEX_LIVE_CLASSES_H

#include "archive_toc.h"
#include "restore_plan.h"

/*
 * See that no index, constraint or key of the part is built with the rights of
 * the session on an operator class of the live database that runs functions of
 * others.  False (reported) if one would be.
 */
extern bool live_classes_check(const RestorePlan *plan, Connection *connection);

/* The same once more when `class` has come with the part. */
extern bool live_classes_check_made(const RestorePlan *plan, Connection *connection,
									const TocEntry *class);

#endif /* NEX_LIVE_CLASSES_H */
