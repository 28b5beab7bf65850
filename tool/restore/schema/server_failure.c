/*-------------------------------------------------------------------------
 *
 * server_failure.c
 *	  What a failed statement of a restore means, and what the server said.
 *
 *-------------------------------------------------------------------------
 */
#include "server_failure.h"

#include <string.h>

#include "interrupt.h"
#include "server_error.h"

bool
server_failure_is_fatal(const Connection *connection, const char *state)
{
	static const char *const classes[] = {"08", "53", "57P", "58030"};
	size_t i;

	if (PQstatus(connection->pg) != CONNECTION_OK || stop_requested())
		return true;
	for (i = 0; state != NULL && i < sizeof(classes) / sizeof(classes[0]); i++)
	{
		if (strncmp(state, classes[i], strlen(classes[i])) == 0)
			return true;
	}
	return false;
}

char *
server_failure_said(const Connection *connection, const PGresult *result)
{
	Buffer said;

	buffer_init(&said);
	server_error_append(&said, result, connection_message(connection));
	return buffer_detach(&said);
}
