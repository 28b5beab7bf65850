/*-------------------------------------------------------------------------
 *
 * forced_keys.h
 *	  Foreign keys of tables whose row security binds their owners.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FORCED_KEYS_H
#define NEX_FORCED_KEYS_H

#include "rename.h"
#include "restore_plan.h"

/*
 * Row security that binds owners (FORCE) would hide rows from the check of a
 * foreign key that the owner of its table runs: statements that let the owner
 * see them, and `back` those that end this; NULL if there is no such table.
 * Caller frees both.  False (reported) on failure.
 */
extern bool protections_open_forced(const RestorePlan *plan, Connection *connection,
									const RenameMap *map, const TocEntry *key, char **open,
									char **back);

#endif /* NEX_FORCED_KEYS_H */
