/*-------------------------------------------------------------------------
 *
 * pg_dumpall_session.c
 *	  How pg_dumpall connects.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_dumpall_session.h"

#include <stdlib.h>

#include "lock_waits.h"
#include "memory.h"
#include "session_pins.h"

/* It sets none itself, unlike pg_dump.  Lock_watch.c is first, and says who was in the way. */
static void
add_lock_timeout(ConnectionTarget *target)
{
	char *option = xasprintf("-c lock_timeout=%ds", target->lock_patience + LOCK_WATCH_GRACE);

	target_add_option(target, option);
	free(option);
}

/* By this name lock_watch.c knows a child; the conninfo is freed. */
static char *
with_application(char *conninfo, const Connection *connection)
{
	char *application = lock_waits_application(connection->pg);
	char *named = xasprintf("%s application_name=%s", conninfo, application);

	free(application);
	free(conninfo);
	return named;
}

char *
session_conninfo_for_pg_dumpall(const ConnectionTarget *target, const Connection *connection,
								const char *database, const char *directory)
{
	ConnectionTarget *pinned = target_with_database(target, database);
	const char *encoding = PQparameterStatus(connection->pg, "client_encoding");
	char *conninfo;

	session_pin_writer(pinned, connection->role, connection->child_options);
	/* Unlike pg_dump it has no option for this, and would take that of the role. */
	if (encoding != NULL)
	{
		char *option = xasprintf("-c client_encoding=%s", encoding);

		target_add_option(pinned, option);
		free(option);
	}
	if (pinned->lock_patience > 0)
		add_lock_timeout(pinned);
	conninfo = target_conninfo_for_pg_dumpall(pinned, database, directory);
	target_free(pinned);
	return conninfo != NULL ? with_application(conninfo, connection) : NULL;
}
