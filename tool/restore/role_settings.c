/*-------------------------------------------------------------------------
 *
 * role_settings.c
 *	  Settings of roles in the restored database.
 *
 * Any role can give itself settings in any database, also in one that it may
 * not connect to, and keep them locked in a transaction.  A restore of hours
 * must not be thrown away for that: such a setting is reported as missing, and
 * the rest is complete.
 *
 *-------------------------------------------------------------------------
 */
#include "role_settings.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "known_sql.h"
#include "lock_waits.h"
#include "log.h"
#include "memory.h"
#include "sql_text.h"

#define PATIENCE "5s"
#define LOCK_NOT_AVAILABLE "55P03"

static const char *const beginnings[] = {
	"ALTER ROLE ", "DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''ALTER ROLE ", NULL};

static bool
is_of_role(const char *statement)
{
	int i;

	statement = sql_skip_blank(statement);
	for (i = 0; beginnings[i] != NULL; i++)
	{
		if (strncmp(statement, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

void
role_settings_take(Buffer *sql, Buffer *others)
{
	const char *from = sql->data;
	char *to = sql->data;

	while (*from != '\0')
	{
		const char *end = sql_statement_end(from);

		if (is_of_role(from))
			buffer_append(others, from, (size_t) (end - from));
		else
		{
			memmove(to, from, (size_t) (end - from));
			to += end - from;
		}
		from = end;
	}
	*to = '\0';
	sql->length = (size_t) (to - sql->data);
}

/* One of them; *waited: it was not run, as somebody else has the lock. */
static bool
run_one(Connection *connection, const char *statement, bool *waited)
{
	PGresult *result = connection_exec(connection, statement);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool good =
		PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_EMPTY_QUERY;

	*waited = !good && state != NULL && strcmp(state, LOCK_NOT_AVAILABLE) == 0;
	if (!good && !*waited)
		connection_report(connection, result, "could not restore the settings of a role");
	PQclear(result);
	return good || *waited;
}

bool
role_settings_run(Connection *connection, const Buffer *statements)
{
	const char *from = statements->data;
	int missing = 0;
	bool good = connection_command(connection, SQL("SET lock_timeout = '" PATIENCE "'"));

	while (good && from != NULL && *from != '\0' && !stop_requested())
	{
		const char *end = sql_statement_end(from);
		char *statement = xasprintf("%.*s", (int) (end - from), from);
		bool waited;

		good = run_one(connection, statement, &waited);
		if (waited)
		{
			char *holder = lock_waits_holder(PQbackendPID(connection->pg));
			char *shown = known_sql_shown(statement, 200);

			missing++;
			report_error(EXIT_FAILED, holder,
						 "End the session that is named, and run the statement by hand.",
						 "the database is complete, but for a setting that is locked: %s", shown);
			free(holder);
			free(shown);
		}
		free(statement);
		from = end;
		/* A role with very many settings is no reason to wait for each of them. */
		if (missing == 1)
			good = good && connection_command(connection, SQL("SET lock_timeout = '1s'"));
	}
	return good && !stop_requested();
}
