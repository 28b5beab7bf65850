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

/* The schema in which it makes something: with --as, that of the table's new name. */
extern const char *author_turn_schema(const RenameMap *map, const TocEntry *entry);

/*
 * Append what the author is to run, in PL/pgSQL, to make what pg_restore makes
 * of the entry, whose settings are the session's; NULL (reported) on failure.
 */
extern const EntryScript *author_turn_statements(const RestorePlan *plan, Connection *connection,
												 const RenameMap *map, const TocEntry *entry,
												 Buffer *statements);

#endif /* NEX_AUTHOR_TURN_H */
