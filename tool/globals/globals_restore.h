/*-------------------------------------------------------------------------
 *
 * globals_restore.h
 *	  Restore roles and tablespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_RESTORE_H
#define NEX_GLOBALS_RESTORE_H

#include "globals_request.h"

/*
 * Read a backup of the globals, check its digests, connect, and see that it
 * can be restored: a role that exists with other attributes, and a directory
 * that is missing, are reported before anything is changed.  NULL (reported)
 * if it cannot.  The result is filled in here and by what follows, and is to be
 * freed in any case.
 */
extern GlobalsRestore *globals_restore_plan(const GlobalsRequest *request, GlobalsResult *result);

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

/* NULL is fine. */
extern void globals_restore_free(GlobalsRestore *restore);
extern void globals_result_free(GlobalsResult *result);

#endif /* NEX_GLOBALS_RESTORE_H */
