/*-------------------------------------------------------------------------
 *
 * drop_database.c
 *	  DROP DATABASE while others try to get in.
 *
 * A session counts as one of the database before the server has refused it, and
 * WITH (FORCE) fails at a session that the caller may not end.  An application
 * that connects again and again, to a database that is closed to it, would so
 * keep a database from being dropped.  Hence it is tried again.
 *
 *-------------------------------------------------------------------------
 */
#include "drop_database.h"

#include <string.h>
#include <unistd.h>

#include "database_state.h"
#include "deadline.h"
#include "sql_build.h"

#define TRY_FOR 10 /* seconds */
#define PAUSE_US 100000

/* Did a statement fail because somebody else was in the database? */
static bool
others_were_in_it(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state != NULL && (strcmp(state, "42501") == 0 || strcmp(state, "55006") == 0);
}

bool
drop_database(Connection *connection, const char *name)
{
	double give_up = monotonic_seconds() + TRY_FOR;
	bool dropped;
	bool again;
	SqlText sql;

	sql_init(&sql);
	PQclear(connection_exec(connection, SQL("SET lock_timeout = '" CLEANUP_LOCK_TIMEOUT "'")));

	/* A template cannot be dropped. */
	sql_append(&sql, "ALTER DATABASE ");
	sql_identifier(&sql, name);
	sql_append(&sql, " IS_TEMPLATE false");
	PQclear(connection_exec(connection, &sql));
	sql_reset(&sql);
	sql_append(&sql, "DROP DATABASE IF EXISTS ");
	sql_identifier(&sql, name);
	sql_append(&sql, " WITH (FORCE)");
	do
	{
		PGresult *result = connection_exec(connection, &sql);

		dropped = PQresultStatus(result) == PGRES_COMMAND_OK;
		again = !dropped && others_were_in_it(result) && monotonic_seconds() < give_up;
		PQclear(result);
		if (again)
			usleep(PAUSE_US);
	} while (again);
	sql_free(&sql);
	return dropped;
}
