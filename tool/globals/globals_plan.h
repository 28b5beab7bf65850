/*-------------------------------------------------------------------------
 *
 * globals_plan.h
 *	  What is to be done with each statement of the globals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_PLAN_H
#define NEX_GLOBALS_PLAN_H

#include "backup_name.h"
#include "connection.h"
#include "globals_statements.h"
#include "repository.h"

typedef struct Settings Settings;

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

#endif /* NEX_GLOBALS_PLAN_H */
