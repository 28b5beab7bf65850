/*-------------------------------------------------------------------------
 *
 * scripted_server.h
 *	  A server that answers what a test says: this version of
 *	  tool/postgres/connection.c sends nothing anywhere.
 *
 * What happens between two commands of the tool, or what a server would have
 * to lie about, no real server does at the right moment.  Here the test
 * decides it at each command, and can look at all of them afterwards.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SCRIPTED_SERVER_H
#define NEX_SCRIPTED_SERVER_H

#include "scratch.h"

#include "connection.h"

#define MAX_COMMANDS 4096
#define MAX_ERRORS 64

/* The answer to a command or a query; results of what is sent come from server_queue(). */
static PGresult *server_answers(const char *sql, const char *const *params);

static int server_version = 150000;
static char *commands[MAX_COMMANDS];
static int ncommands;

static PGresult *queued[MAX_COMMANDS];
static int nqueued;
static int taken;

static const PGresult *failed[MAX_ERRORS];
static const char *failed_state[MAX_ERRORS];
static int nfailed;

static inline PGresult *
done(void)
{
	return PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
}

static inline PGresult *
fails_with(const char *state)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);

	assert_true(nfailed < MAX_ERRORS);
	failed[nfailed] = result;
	failed_state[nfailed++] = state;
	return result;
}

/* No rows yet; add_row() adds them. */
static inline PGresult *
no_rows(int columns)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc descriptions[16];
	char name[] = "?column?";
	int i;

	assert_true(columns <= 16);
	memset(descriptions, 0, sizeof(descriptions));
	for (i = 0; i < columns; i++)
		descriptions[i].name = name;
	assert_int_equal(PQsetResultAttrs(result, columns, descriptions), 1);
	return result;
}

/* A row of so many strings as the result has columns; NULL is NULL. */
static inline PGresult *
add_row(PGresult *result, ...)
{
	int row = PQntuples(result);
	va_list values;
	int i;

	va_start(values, result);
	for (i = 0; i < PQnfields(result); i++)
	{
		char *value = va_arg(values, char *);

		assert_int_equal(
			PQsetvalue(result, row, i, value, value == NULL ? -1 : (int) strlen(value)), 1);
	}
	va_end(values);
	return result;
}

static inline void
server_queue(PGresult *result)
{
	assert_true(nqueued < MAX_COMMANDS);
	queued[nqueued++] = result;
}

static inline void
server_forget(void)
{
	while (ncommands > 0)
		free(commands[--ncommands]);
	while (taken < nqueued)
		PQclear(queued[taken++]);
	nqueued = 0;
	taken = 0;
	nfailed = 0;
}

/* The place of the first command that has this in it, from a place on; -1: none. */
static inline int
command_with(const char *words, int from)
{
	int i;

	for (i = from; i < ncommands; i++)
	{
		if (strstr(commands[i], words) != NULL)
			return i;
	}
	return -1;
}

static PGresult *
answer(const char *sql, const char *const *params)
{
	assert_true(ncommands < MAX_COMMANDS);
	commands[ncommands++] = strdup(sql);
	return server_answers(sql, params);
}

/* ---- of libpq ---- */

PGresult *
PQgetResult(PGconn *pg)
{
	(void) pg;
	return taken < nqueued ? queued[taken++] : NULL;
}

char *
PQresultErrorField(const PGresult *result, int field)
{
	int i;

	for (i = nfailed - 1; i >= 0 && field == PG_DIAG_SQLSTATE; i--)
	{
		if (failed[i] == result)
			return (char *) failed_state[i];
	}
	return NULL;
}

/* ---- of connection.c ---- */

Connection *
connection_open(ConnectionTarget *target)
{
	(void) target;
	return calloc(1, sizeof(Connection));
}

void
connection_close(Connection *connection)
{
	free(connection);
}

int
connection_version(const Connection *connection)
{
	(void) connection;
	return server_version;
}

const char *
connection_message(const Connection *connection)
{
	(void) connection;
	return "as the test says\n";
}

PGresult *
connection_run_exec(Connection *connection, SqlConstant sql)
{
	(void) connection;
	return answer(sql.text, NULL);
}

PGresult *
connection_run_ask(Connection *connection, SqlConstant sql, int nparams, const char *const *params)
{
	(void) connection;
	(void) nparams;
	return answer(sql.text, params);
}

bool
connection_run_send(Connection *connection, SqlConstant sql)
{
	(void) connection;
	PQclear(answer(sql.text, NULL));
	return true;
}

bool
connection_report(Connection *connection, const PGresult *result, const char *what)
{
	(void) connection;
	(void) result;
	return report_error(EXIT_FAILED, NULL, NULL, "%s", what);
}

bool
connection_report_hint(Connection *connection, const PGresult *result, const char *what,
					   const char *hint)
{
	(void) connection;
	(void) result;
	return report_error(EXIT_FAILED, NULL, hint, "%s", what);
}

bool
connection_run_command(Connection *connection, SqlConstant sql)
{
	PGresult *result = connection_run_exec(connection, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return good || connection_report(connection, NULL, "could not run a command");
}

PGresult *
connection_run_query(Connection *connection, SqlConstant sql, int nparams,
					 const char *const *params)
{
	PGresult *result = connection_run_ask(connection, sql, nparams, params);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	PQclear(result);
	connection_report(connection, NULL, "could not run a query");
	return NULL;
}

#endif /* NEX_SCRIPTED_SERVER_H */
