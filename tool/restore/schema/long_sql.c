/*-------------------------------------------------------------------------
 *
 * long_sql.c
 *	  SQL of a backup that is more than a server takes as one message.
 *
 * Backups of today have no member that long, and warn of statements that are.
 * Older ones may have either: anybody can have a large object, and give it a
 * comment of half a gigabyte of quotes.  Sent as it is, it would end the
 * session, and the restore with it, whatever was said of errors.
 *
 *-------------------------------------------------------------------------
 */
#include "long_sql.h"

#include <stdlib.h>
#include <string.h>

#include "entry_scripts.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "server_failure.h"
#include "sql_text.h"
#include "withheld.h"

/* Of a statement that is not shown whole. */
#define SHOWN_BYTES 200

bool
long_sql_refused(const char *sql, char **said)
{
	size_t length = strlen(sql);

	if (length <= LONGEST_MESSAGE)
		return false;
	*said = xasprintf("it has %zu bytes, and a server takes less than 1 GB at once", length);
	return true;
}

const char *
long_sql_end(const char *sql, size_t limit)
{
	const char *end = entry_statement_end(sql);
	const char *next = end;

	while ((size_t) (next - sql) <= limit)
	{
		end = next;
		if (*end == '\0')
			break;
		next = entry_statement_end(end);
	}
	return end;
}

/* The beginning of a statement, for a message; caller frees. */
static char *
shown(const char *sql)
{
	char *start = withhold_values(sql_skip_blank(sql), SHOWN_BYTES);
	char *text = withheld_printable(start);

	free(start);
	return text;
}

/* What is refused is no reason to go without all the rest. */
static bool
run_message(Connection *connection, const char *sql)
{
	PGresult *result = connection_exec(connection, sql);
	ExecStatusType status = PQresultStatus(result);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool good =
		status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;

	if (!good)
	{
		char *start = shown(sql);
		char *what = xasprintf("could not run \"%s\"", start);

		connection_report_hint(connection, result, what,
							   server_failure_is_fatal(connection, state) ? NULL : SKIP_HINT);
		free(what);
		free(start);
	}
	PQclear(result);
	return good;
}

bool
long_sql_try(Connection *connection, const char *sql)
{
	PGresult *result = strlen(sql) <= LONGEST_MESSAGE ? connection_exec(connection, sql) : NULL;
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return good;
}

bool
long_sql_run(Connection *connection, const char *sql)
{
	bool good = true;

	if (strlen(sql) <= LONGEST_MESSAGE)
		return run_message(connection, sql);
	while (good && *sql != '\0')
	{
		const char *end = long_sql_end(sql, LONGEST_MESSAGE);
		char *message = xasprintf("%.*s", (int) (end - sql), sql);
		char *start = shown(message);
		char *said;

		if (long_sql_refused(message, &said))
		{
			good = report_error(EXIT_FAILED, NULL, SKIP_HINT, "could not run \"%s ...\": %s", start,
								said);
			free(said);
		}
		else
			good = run_message(connection, message);
		free(start);
		free(message);
		sql = end;
	}
	return good;
}

char *
long_sql_note(const char *sql)
{
	char *marked = shown(sql);
	char *start = withheld_shown(marked);
	char *note = xasprintf("-- a statement of %zu bytes, which is not written here: %s ...;",
						   strlen(sql), start);

	free(marked);
	free(start);
	return note;
}
