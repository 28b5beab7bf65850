/*-------------------------------------------------------------------------
 *
 * connection_open.c
 *	  Opening a connection, or saying why the server did not answer.
 *
 * Apart from connection.c: to find the cause, connect_cause.c opens a connection, too.
 *
 *-------------------------------------------------------------------------
 */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "connect_cause.h"
#include "interrupt.h"
#include "log.h"

void
connection_report_refused(ConnectionTarget *target, const char *message)
{
	const char *hint = connection_refused_hint(message);
	char *detail;

	/* Our own doing: what stopped us has been said. */
	if (stop_requested() && strstr(message, "canceling statement due to user request") != NULL)
		return;
	detail = connect_cause(target, message, &hint);
	report_error(EXIT_FAILED, detail, hint, "could not connect to the database");
	free(detail);
}

Connection *
connection_open(ConnectionTarget *target)
{
	char *message;
	Connection *connection = connection_try(target, &message);

	if (connection == NULL)
	{
		connection_report_refused(target, message);
		free(message);
	}
	return connection;
}
