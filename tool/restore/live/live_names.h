/*-------------------------------------------------------------------------
 *
 * live_names.h
 *	  Names in definitions of a backup that others could give a meaning to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_NAMES_H
#define NEX_LIVE_NAMES_H

#include "archive_toc.h"
#include "restore_plan.h"

/*
 * See that no function, operator or cast that a definition of the part names
 * is, or becomes while it is restored, one of somebody whose code should not
 * run there.  `superusers` has the names of superusers and of the session's
 * role; with `locks`, the session can lock rows of catalogs.  False (reported)
 * if it is not certain.
 */
extern bool live_names_check(const RestorePlan *plan, Connection *connection,
							 const PGresult *superusers, bool locks);

/*
 * The same for what a relation, which has been restored and has the name
 * `target` now, was found to call: casts are not named.
 */
extern bool live_names_check_bound(const RestorePlan *plan, Connection *connection,
								   const TocEntry *entry, const char *target);

#endif /* NEX_LIVE_NAMES_H */
