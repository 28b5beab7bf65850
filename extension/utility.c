/*-------------------------------------------------------------------------
 *
 * utility.c
 *	  What every session says of itself before a utility statement.
 *
 * The guard of locks must know who is a superuser, and nobody can tell it: it
 * reads no catalogs, and a worker that reads them for it can be kept waiting
 * before it has, at the start of the server, by whoever should be canceled.  But
 * no other statements take the locks that are in everybody's way.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

#include "hold.h"
#include "said_who.h"
#include "utility.h"

static ProcessUtility_hook_type previous_hook = NULL;

/* What ends a transaction must work in one that has failed, too, and takes no such locks. */
static void
utility_hook(PlannedStmt *statement, const char *query, bool read_only_tree,
			 ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment *environment,
			 DestReceiver *receiver, QueryCompletion *completion)
{
	if (!IsA(statement->utilityStmt, TransactionStmt) && IsTransactionState())
	{
		hold_check_statement(statement->utilityStmt);
		said_who_of_statement();
	}
	PG_TRY();
	{
		if (previous_hook != NULL)
			previous_hook(statement, query, read_only_tree, context, parameters, environment,
						  receiver, completion);
		else
			standard_ProcessUtility(statement, query, read_only_tree, context, parameters,
									environment, receiver, completion);
	}
	PG_FINALLY();
	{
		/* The statement may have been that of code of others in a session of a superuser. */
		said_who_of_session();
	}
	PG_END_TRY();
}

void
utility_register(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = utility_hook;
}
