/*-------------------------------------------------------------------------
 *
 * globals_plan.h
 *	  What is to be done with each statement of the globals.
 *
 * Only the steps of a restore of the globals know it; see globals_restore.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_PLAN_H
#define NEX_GLOBALS_PLAN_H

#include "connection.h"
#include "globals_request.h"
#include "globals_statements.h"

/* What is to be done with one statement. */
typedef enum GlobalsAction
{
	GLOBALS_RUN,
	GLOBALS_LEAVE, /* it is so already, or shall stay as it is */
	GLOBALS_LATE   /* about the role that we are connected as: last of all */
} GlobalsAction;

struct GlobalsRestore
{
	GlobalsResult *result;
	const Settings *settings; /* of the request, as is the repository */
	Repository *repository;
	ConnectionTarget *target;
	Connection *connection;
	GlobalsStatements statements;
	GlobalsAction *actions; /* one for each statement */
	char *session_role;
	bool superuser;
	bool impatient; /* lock_timeout is lowered */
};

#endif /* NEX_GLOBALS_PLAN_H */
