/*-------------------------------------------------------------------------
 *
 * protections.h
 *	  Row security, policies, rules and triggers of a part, before code of
 *	  others has its next turn.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PROTECTIONS_H
#define NEX_PROTECTIONS_H

#include "protections_state.h"

/* Is there anything of it for the table, or for one of its partitions? */
extern bool protections_has(const RestorePlan *plan, const TocEntry *table);

/* The definitions are made, and there are no rows yet: protect what waits for none. */
extern bool protections_begin(const RestorePlan *plan, Connection *connection,
							  const RenameMap *map);
extern void protections_free(Protections *protections);

/* Directly before rows come for a table of the manifest: has nobody been there? */
extern bool protections_before_rows(const RestorePlan *plan, Connection *connection,
									const RenameMap *map, uint32_t table);

/* Directly behind them. */
extern bool protections_after_rows(const RestorePlan *plan, Connection *connection,
								   const RenameMap *map, uint32_t table);

/* Has the entry, which comes after the rows in the archive, been made already? */
extern bool protections_made(const RestorePlan *plan, const TocEntry *entry);

/* At the end: has anybody changed rows that had to wait for their protection? */
extern bool protections_check(const RestorePlan *plan, Connection *connection,
							  const RenameMap *map);

#endif /* NEX_PROTECTIONS_H */
