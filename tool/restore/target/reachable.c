/*-------------------------------------------------------------------------
 *
 * reachable.c
 *	  A session of the restored database, as an application would have it.
 *
 * Settings of a database are read when a session begins: a library that this
 * server does not have in session_preload_libraries, or a trigger for login that
 * fails, keep everybody out, superusers, too, and nothing was connected since they were
 * restored.  Asking for each setting what it needs would be a list that is never
 * complete; a session is the proof.
 *
 *-------------------------------------------------------------------------
 */
#include "reachable.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"

/* What keeps us out, but not everybody, and was so in the original. */
static bool
is_about_us(const char *message)
{
	return connection_limit_hint(message) != NULL ||
		   strstr(message, "permission denied for database") != NULL;
}

void
reachable_check(const RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	char *message = NULL;
	Connection *connection = connection_try(target, &message);
	char *name = printable_name(plan->working);

	if (connection == NULL && !stop_requested() && !is_about_us(message != NULL ? message : ""))
	{
		plan->progress->unreachable = true;
		report_error(
			EXIT_FAILED, message,
			"Install what is missing, or connect to another database and take the setting away "
			"(ALTER DATABASE NAME RESET session_preload_libraries).",
			"the restored database \"%s\" is complete, but accepts no connection", name);
	}
	connection_close(connection);
	target_free(target);
	free(message);
	free(name);
}
