/*-------------------------------------------------------------------------
 *
 * owner_turn.c
 *	  A statement that runs with the rights of another role, and no more.
 *
 * SET ROLE would be no barrier: the session remains a superuser's, and a
 * trigger can say RESET ROLE.  A SECURITY DEFINER function that belongs to
 * the owner keeps its role, but lets the code leave things behind for the
 * session: settings (standard_conforming_strings, search_path), and deferred
 * triggers, which fire at COMMIT as the superuser.
 *
 * What PostgreSQL itself does when a superuser's VACUUM or REINDEX meets code
 * of a table's owner is tight: a security-restricted operation.  There the
 * role cannot be changed, settings are put back at the end, nothing can be
 * deferred, prepared, or put among the temporary tables and types.  A client
 * gets one by building an index: over one row of a temporary table of that
 * role, of a function that does what is to be done.  The function belongs to
 * us, so nobody can change it.
 *
 * The code may also do nothing, for as long as it likes, while the restore has
 * its locks.  So a turn has a time.  The server keeps it (statement_timeout)
 * unless the code catches that error, which comes once; a client that is gone
 * would not be noticed if the code changes client_connection_check_interval.
 * No code can catch the end of its session, which another one asks for then.
 *
 *-------------------------------------------------------------------------
 */
#include "owner_turn.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "row_copy.h"
#include "sql_build.h"

/* The one statement. */
#define TURN_RUN "CREATE INDEX ON " OWNER_TURN " (pg_temp.nex_backup_take_turn(turn))"

/* Seconds for the server to end the statement by itself. */
#define GRACE 5

void
owner_turn_append(Buffer *sql, const char *owner, const char *body)
{
	SqlText *turn = sql_in(sql);

	sql_append(turn, "CREATE TEMPORARY TABLE nex_backup_turn (turn pg_catalog.int4);"
					 "INSERT INTO " OWNER_TURN " VALUES (1);"
					 "CREATE FUNCTION " OWNER_TURN_ACT " RETURNS void LANGUAGE plpgsql"
					 " SET search_path = pg_catalog, pg_temp SET row_security = on AS ");
	sql_literal(turn, body);
	sql_append(turn, ";CREATE FUNCTION " OWNER_TURN_TAKE " RETURNS integer"
					 " IMMUTABLE LANGUAGE plpgsql AS"
					 " 'BEGIN PERFORM " OWNER_TURN_ACT "; RETURN 1; END'"
					 ";GRANT EXECUTE ON FUNCTION " OWNER_TURN_ACT ", " OWNER_TURN_TAKE " TO ");
	sql_identifier(turn, owner);
	sql_append(turn, ";ALTER TABLE " OWNER_TURN " OWNER TO ");
	sql_identifier(turn, owner);
}

/* NULL, or a result that says why not. */
static PGresult *
limit_statement(Connection *connection, int seconds)
{
	PGresult *result;
	SqlText sql;

	sql_init(&sql);
	sql_append(&sql, "SET statement_timeout = ");
	sql_signed(&sql, (int64_t) seconds * 1000);
	result = connection_exec(connection, &sql);
	sql_free(&sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return result;
	PQclear(result);
	return NULL;
}

/* It does not end by itself, or we do not wait for that. */
static void
end_session(const Connection *connection)
{
	char *pid = xasprintf("%d", PQbackendPID(connection->pg));
	const char *params[1] = {pid};

	if (connection->warden != NULL)
		PQclear(connection_ask(connection->warden,
							   SQL("SELECT pg_catalog.pg_terminate_backend($1::pg_catalog.int4)"),
							   1, params));
	free(pid);
}

PGresult *
owner_code_run(Connection *connection, SqlConstant sql, bool *late)
{
	double began = monotonic_seconds();
	int patience = connection->patience;
	int limit = connection->turn_timeout;
	const char *state;
	PGresult *result;

	*late = false;
	if (limit > 0)
	{
		result = limit_statement(connection, limit);
		if (result != NULL)
			return result;
		connection->patience = limit + GRACE;
	}
	result = connection_exec(connection, sql);
	connection->patience = patience;
	if (result == NULL)
	{
		*late = limit > 0 && !stop_requested() && monotonic_seconds() - began >= limit;
		end_session(connection);
		return NULL;
	}
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (state != NULL)
		*late = limit > 0 && strcmp(state, "57014") == 0 && monotonic_seconds() - began >= limit;
	else if (limit > 0)
		PQclear(limit_statement(connection, 0));
	return result;
}

PGresult *
owner_turn_run(Connection *connection, bool *late)
{
	return owner_code_run(connection, SQL(TURN_RUN), late);
}

bool
owner_turn_report_late(const Connection *connection, const char *owner, const char *what)
{
	char *role = printable_name(owner);

	report_error(EXIT_FAILED, NULL,
				 "Ask the owner what it does (triggers, functions of indexes and constraints).  "
				 "--owner-timeout gives it more time.  " NEW_DATABASE_HINT,
				 "%s: code of role \"%s\" took longer than %d s", what, role,
				 connection->turn_timeout);
	free(role);
	return false;
}
