/*-------------------------------------------------------------------------
 *
 * refused_settings.c
 *	  Which statements about a database fail, before they are run together.
 *
 * A setting can be refused for what only this server lacks (a locale, a time
 * zone, a parameter of another version, the provider of a label), and a comment
 * can have been given in another encoding.  None is worth a database that was
 * loaded for hours.  But grants and settings must come into force together
 * with the last step that opens the database, in one message.  So when that
 * message has failed, each of these statements is tried alone and taken back,
 * and the message is sent again without those that failed.  What is said of who
 * may connect (grants, limits) is not left out: the restore fails.
 *
 *-------------------------------------------------------------------------
 */
#include "refused_settings.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "server_failure.h"
#include "sql_name.h"
#include "sql_text.h"
#include "withheld.h"

#define SHOWN_BYTES 200

/* As known_database.c writes them; the last one sets an empty list. */
static bool
may_be_missing(const char *statement)
{
	static const char *const whole[] = {"COMMENT ON DATABASE ", "SECURITY LABEL ",
										"DO 'BEGIN PERFORM pg_catalog.set_config("};
	static const char alter[] = "ALTER DATABASE ";
	const char *at = sql_skip_blank(statement);
	char *name = NULL;
	bool sets;
	size_t i;

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
	{
		if (strncmp(at, whole[i], strlen(whole[i])) == 0)
			return true;
	}
	if (strncmp(at, alter, strlen(alter)) != 0)
		return false;
	at = sql_name_read(at + strlen(alter), &name);
	sets = at != NULL && strncmp(at, " SET ", 5) == 0;
	free(name);
	return sets;
}

static void
add(RefusedSettings *refused, const char *statement, char *said)
{
	RefusedSetting *item;

	refused->items =
		xrealloc(refused->items, ((size_t) refused->count + 1) * sizeof(*refused->items));
	item = &refused->items[refused->count++];
	item->said = said;
	statement = sql_skip_blank(statement);
	item->statement = withhold_values(statement, SHOWN_BYTES);
}

/* *said, to be freed: why the server has not taken it; NULL: it has. */
static bool
try_one(Connection *connection, const char *statement, char **said)
{
	PGresult *result;
	bool good = true;

	*said = NULL;
	if (!connection_command(connection, SQL("BEGIN")))
		return false;
	result = connection_exec(connection, statement);
	if (PQresultStatus(result) == PGRES_COMMAND_OK)
		;
	else if (server_failure_is_fatal(connection, PQresultErrorField(result, PG_DIAG_SQLSTATE)))
		good = connection_report(connection, result, "could not run a command of the backup");
	else
		*said = server_failure_said(connection, result);
	PQclear(result);
	return good && connection_command(connection, SQL("ROLLBACK"));
}

bool
refused_settings_find(Connection *connection, Buffer *sql, RefusedSettings *refused)
{
	const char *from = sql->data;
	char *to = sql->data;
	bool good = true;

	while (good && *from != '\0')
	{
		const char *end = sql_statement_end(from);
		char *statement = xasprintf("%.*s", (int) (end - from), from);
		char *said = NULL;

		good = !may_be_missing(statement) || try_one(connection, statement, &said);
		if (said != NULL)
			add(refused, statement, said);
		else
		{
			memmove(to, from, (size_t) (end - from));
			to += end - from;
		}
		free(statement);
		from = end;
	}
	*to = '\0';
	sql->length = (size_t) (to - sql->data);
	return good;
}

char *
refused_setting_hint(const RestorePlan *plan)
{
	char *name = printable_name(plan->database);
	char *hint =
		xasprintf("Remove the cause, and run the statement by hand for database \"%s\", if "
				  "it is wanted there.",
				  name);

	free(name);
	return hint;
}

void
refused_settings_report(const RestorePlan *plan, const RefusedSettings *refused)
{
	char *hint = refused_setting_hint(plan);
	uint32_t i;

	for (i = 0; i < refused->count; i++)
	{
		char *shown = withheld_printable(refused->items[i].statement);
		char *detail = xasprintf("The server said: %s", refused->items[i].said);

		report_error(EXIT_FAILED, detail, hint,
					 "the database is complete, but for a setting that the server does not take: "
					 "%s",
					 shown);
		free(detail);
		free(shown);
	}
	free(hint);
}

void
refused_settings_free(RefusedSettings *refused)
{
	uint32_t i;

	for (i = 0; i < refused->count; i++)
	{
		free(refused->items[i].statement);
		free(refused->items[i].said);
	}
	free(refused->items);
	memset(refused, 0, sizeof(*refused));
}
