/*-------------------------------------------------------------------------
 *
 * globals_restore.h
 *	  Restore roles and tablespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_RESTORE_H
#define NEX_GLOBALS_RESTORE_H

#include "connection.h"
#include "globals_statements.h"
#include "repository.h"
#include "settings.h"

/* What is to be done with one statement. */
typedef enum GlobalsAction
{
	GLOBALS_RUN,
	GLOBALS_LEAVE, /* it is so already, or shall stay as it is */
	GLOBALS_LATE   /* about the role that we are connected as: last of all */
} GlobalsAction;

typedef struct GlobalsRestore
{
	const Settings *settings;
	Repository *repository;
	BackupName backup;
	Manifest *manifest;
	ConnectionTarget *target;
	Connection *connection;
	GlobalsStatements statements;
	GlobalsAction *actions; /* one for each statement */
	char *session_role;
	bool superuser;
	bool impatient; /* lock_timeout is lowered */

	/* what comes of it */
	int roles_created;
	int roles_altered;
	int roles_kept; /* they differ, and stay as they are */
	int roles_unchanged;
	int memberships;
	int tablespaces_created;
	int tablespaces_left; /* they exist, or --no-tablespaces */
} GlobalsRestore;

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
