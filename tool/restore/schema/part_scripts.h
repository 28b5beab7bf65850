/*-------------------------------------------------------------------------
 *
 * part_scripts.h
 *	  Entries of a part, run out of one script that has them all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_SCRIPTS_H
#define NEX_PART_SCRIPTS_H

#include "connection.h"
#include "entry_scripts.h"
#include "rename.h"
#include "restore_plan.h"

/* What pg_restore makes of the entry; NULL (reported) on failure. */
extern const EntryScript *part_script(const RestorePlan *plan, Connection *connection,
									  const TocEntry *entry);

/* Are the texts to be read by the session as they are?  False (reported) on failure. */
extern bool part_scripts_usable(const RestorePlan *plan, Connection *connection, bool *usable);

/* Run entries, by their ids, in this order.  False (reported) on failure. */
extern bool part_scripts_run(const RestorePlan *plan, Connection *connection, const RenameMap *map,
							 const int *ids, uint32_t count, const char *failure);

#endif /* NEX_PART_SCRIPTS_H */
