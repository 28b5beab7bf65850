/*-------------------------------------------------------------------------
 *
 * globals_restore.h
 *	  Restore roles and tablespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_RESTORE_H
#define NEX_GLOBALS_RESTORE_H

#include "globals_plan.h"

/*
 * Read a backup of the globals (GLOBALS_DATABASE or "/ID"), check its
 * digests, connect, and see that it can be restored: a role that exists with
 * other attributes, and a directory that is missing, are reported before
 * anything is changed.  globals_restore_free() in any case.
 */
extern bool globals_restore_plan(GlobalsRestore *restore, const Settings *settings,
								 Repository *repository, const char *backup);

/*
 * Roles in one transaction, then tablespaces; false (reported) on failure.
 * What is refused (also by globals_restore_finish()) is reported as an error, too.
 */
extern bool globals_restore_execute(GlobalsRestore *restore);

/* Let go of the connection, before databases are restored: one of them may be swapped out. */
extern void globals_restore_disconnect(GlobalsRestore *restore);

/*
 * What changes the role that we are connected as, its password for one:
 * after this a new connection may be refused.
 */
extern bool globals_restore_finish(GlobalsRestore *restore);
extern void globals_restore_free(GlobalsRestore *restore);

#endif /* NEX_GLOBALS_RESTORE_H */
