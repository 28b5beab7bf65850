/*-------------------------------------------------------------------------
 *
 * member_grants.h
 *	  Grants on objects of the extensions that a part of a backup brought.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MEMBER_GRANTS_H
#define NEX_MEMBER_GRANTS_H

#include "connection.h"
#include "restore_plan.h"

/*
 * Choose the grants on objects of the extensions that were restored by now.
 * Those that were chosen before are left out.  `ids` has room for all entries.
 * False (reported) on failure.
 */
extern bool member_grants_find(const RestorePlan *plan, Connection *connection, int *ids,
							   uint32_t *count);

/*
 * The same, but for none with --no-privileges, as a list for pg_restore: NULL
 * in *list if there are none; caller frees.
 */
extern bool member_grants_choose(const RestorePlan *plan, Connection *connection, char **list);

/* When all extensions are there: what was asked for and cannot be given, as lines of the report. */
extern void member_grants_report(const RestorePlan *plan);

#endif /* NEX_MEMBER_GRANTS_H */
