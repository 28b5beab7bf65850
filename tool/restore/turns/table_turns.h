/*-------------------------------------------------------------------------
 *
 * table_turns.h
 *	  Statements over tables of others that their owners have to run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TABLE_TURNS_H
#define NEX_TABLE_TURNS_H

#include "planned_steps.h"

/* Before a part is restored: false (reported) if it has a statement that is not known. */
extern bool table_turns_check(const RestorePlan *plan);

/* Has the table's entry a statement that may have to be run as its owner? */
extern bool table_turns_has(const RestorePlan *plan, const TocEntry *entry);

/* What pg_restore makes of such an entry: what the session runs first, and what comes then. */
extern void table_turns_split(const char *script, Buffer *first, Buffer *then);

/*
 * Run what comes then, all over the table of the entry, as the owner that the
 * table has by now.  False (reported) on failure, and if nobody's rights would
 * be right.
 */
extern bool table_turns_run(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
							const char *statements);

/*
 * Before a primary key is added: let the owner of the table set its columns to
 * NOT NULL, if the server would have to find out whether they are.
 */
extern bool table_turns_prepare_key(const RestorePlan *plan, Connection *connection,
									const RenameMap *map, const TocEntry *entry,
									const BeforeTurn *before);

#endif /* NEX_TABLE_TURNS_H */
