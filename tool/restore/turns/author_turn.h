/*-------------------------------------------------------------------------
 *
 * author_turn.h
 *	  Entries of a part that the role which wrote them makes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AUTHOR_TURN_H
#define NEX_AUTHOR_TURN_H

#include "definitions.h"
#include "entry_scripts.h"
#include "rename.h"

/* Before a part is restored: false (reported) if it is not known what becomes of a kind. */
extern bool author_turns_check(const RestorePlan *plan, Connection *connection);

/* *author: is the entry, which is no table, to be made by it?  False (reported) on failure. */
extern bool author_turn_decide(const RestorePlan *plan, Connection *connection,
							   const TocEntry *entry, bool *author);

/* Does the text of the entry need its author's rights, if others than trusted roles wrote it? */
extern bool author_turn_may_need(const RestorePlan *plan, const TocEntry *entry);

/* Let the author run what pg_restore makes of the entry.  False (reported) on failure. */
extern bool author_turn_run(RestorePlan *plan, Connection *connection, const RenameMap *map,
							const TocEntry *entry);

/*
 * The same of statements in PL/pgSQL, which may make nothing else than
 * `changes`; NULL: a table.
 */
extern bool author_turn_take(Connection *connection, const RenameMap *map, const TocEntry *entry,
							 const char *statements, const CatalogChange *changes);

/* What pg_restore makes of the entry; NULL (reported) on failure. */
extern const EntryScript *author_turn_script(RestorePlan *plan, Connection *connection,
											 const TocEntry *entry);

#endif /* NEX_AUTHOR_TURN_H */
