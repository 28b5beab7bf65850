/*-------------------------------------------------------------------------
 *
 * in_place_scripts.h
 *	  Scripts of pg_restore for a database that exists, run in our own session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_IN_PLACE_SCRIPTS_H
#define NEX_IN_PLACE_SCRIPTS_H

#include "rename.h"
#include "restore_plan.h"

#define PRE_DATA_FAILURE "could not restore the pre-data section"

/* What pg_restore makes of a list.  False (reported) on failure. */
extern bool in_place_write_script(const RestorePlan *plan, const char *list, Buffer *script);

/* Run a whole script.  False (reported) on failure. */
extern bool in_place_run_script(Connection *connection, const char *script, const char *failure);

/* Run what pg_restore makes of a list, which is freed; NULL fails. */
extern bool in_place_run_list(const RestorePlan *plan, Connection *connection, const RenameMap *map,
							  char *list, const char *failure);

/* Run a part of what pg_restore writes, renamed. */
extern bool in_place_run_text(Connection *connection, const RenameMap *map, const char *text,
							  const char *failure);

/* Run settings of a script of pg_restore. */
extern bool in_place_run_head(Connection *connection, const char *head);

/* Does a script, or the head of one, say that backslashes are doubled? */
extern bool in_place_doubles_backslashes(const char *script);

#endif /* NEX_IN_PLACE_SCRIPTS_H */
