/*-------------------------------------------------------------------------
 *
 * maintenance.c
 *	  A connection for work on the server as a whole.
 *
 * The same databases are tried as by createdb and pg_dumpall.
 *
 *-------------------------------------------------------------------------
 */
#include "maintenance.h"

#include <stdlib.h>

#include "backup_settings.h"
#include "connection_settings.h"
#include "interrupt.h"
#include "server_clock.h"
#include "settings.h"

/* Its waits for locks are known to lock_waits.h, as any role can lock what is read here. */
static Connection *
bound(const Settings *settings, ConnectionTarget *target, Connection *connection)
{
	if (connection != NULL &&
		!connection_bound_lock_waits(connection, target, settings->backup->lock_wait_timeout))
	{
		connection_close(connection);
		return NULL;
	}
	if (connection != NULL)
		server_clock_check(connection);
	return connection;
}

Connection *
connection_open_maintenance(const Settings *settings, ConnectionTarget **target)
{
	Connection *connection = NULL;
	char *message = NULL;

	*target = target_create(settings, settings->connection->dbname == NULL ? "postgres" : NULL);
	if (*target == NULL)
		return NULL;
	if (settings->connection->dbname == NULL)
	{
		connection = connection_try(*target, &message);
		if (connection == NULL && connection_was_kept_waiting(message))
		{
			connection_report_refused(*target, message);
			free(message);
			return NULL;
		}
		if (connection == NULL && !stop_requested())
		{
			ConnectionTarget *fallback = target_with_database(*target, "template1");
			char *ignored = NULL;

			connection = connection_try(fallback, &ignored);
			if (connection != NULL)
			{
				target_free(*target);
				*target = fallback;
			}
			else
				target_free(fallback);
			free(ignored);
		}
		free(message);
	}
	if (connection == NULL)
		connection = connection_open(*target);
	return bound(settings, *target, connection);
}
