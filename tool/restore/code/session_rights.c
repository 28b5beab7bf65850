/*-------------------------------------------------------------------------
 *
 * session_rights.c
 *	  Whose rights a session has, and whom that leaves to be trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "session_rights.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "settings.h"
#include "turn_settings.h"

bool
session_rights_at_stake(const Settings *settings, Connection *connection, bool *at_stake)
{
	PGresult *result;

	*at_stake = false;
	if (settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	result = connection_query(connection,
							  "SELECT pg_catalog.bool_or(rolsuper) FROM pg_catalog.pg_roles"
							  " WHERE rolname IN (CURRENT_USER, SESSION_USER)",
							  0, NULL);
	*at_stake = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return result != NULL;
}

char *
session_rights_suspend_role(Connection *connection)
{
	const char *super = PQparameterStatus(connection->pg, "is_superuser");
	PGresult *result;
	char *role;

	if (super != NULL && strcmp(super, "on") == 0)
		return xstrdup("");
	result = connection_query(connection,
							  "SELECT pg_catalog.current_setting('role'),"
							  " pg_catalog.set_config('role', 'none', true)",
							  0, NULL);
	role = result != NULL ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;
	PQclear(result);
	return role;
}

bool
session_rights_resume_role(Connection *connection, char *role)
{
	const char *params[1] = {role};
	PGresult *result;
	bool good = true;

	if (role[0] != '\0')
	{
		result = connection_query(connection,
								  "SELECT pg_catalog.set_config('role', $1::pg_catalog.text, true)",
								  1, params);
		good = result != NULL;
		PQclear(result);
	}
	free(role);
	return good;
}
