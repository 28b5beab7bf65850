/*-------------------------------------------------------------------------
 *
 * in_place_scripts.c
 *	  Scripts of pg_restore for a database that exists, run in our own session.
 *
 *-------------------------------------------------------------------------
 */
#include "in_place_scripts.h"

#include <stdlib.h>
#include <string.h>

#include "client_program.h"
#include "interrupt.h"
#include "log.h"
#include "long_sql.h"
#include "memory.h"
#include "pg_restore_options.h"

#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"
#define RIGHTS_HINT                                                                                \
	"What belongs to several roles, or was granted by others, is restored by a superuser; "        \
	"--no-owner gives all of it to the role that restores, --no-privileges leaves out grants."

/* The session has a timeout of its own; pg_restore's is at the head of what it writes. */
static void
keep_lock_timeout(Buffer *script)
{
	static const char setting[] = "\nSET lock_timeout = 0;";
	char *found = script->data != NULL ? strstr(script->data, setting) : NULL;

	if (found != NULL)
		memset(found + 1, ' ', strlen(setting) - 1);
}

/* What pg_restore makes of a list. */
bool
in_place_write_script(const RestorePlan *plan, const char *list, Buffer *script)
{
	char *which = xasprintf("--use-list=%s", list);
	const char *argv[8] = {plan->pg_restore, which, "--file=-", plan->archive};
	size_t count = 4;
	bool good;

	pg_restore_add_options(plan, argv, &count);
	good = client_program_script("pg_restore", argv, NULL, script, NULL);
	if (good)
	{
		script_clean(script);
		keep_lock_timeout(script);
	}
	free(which);
	return good;
}

/*
 * Does the script have its backslashes doubled?  Backups of 0.2.0 are so if the
 * database or the role had this setting, and say it in their first lines.
 */
bool
in_place_doubles_backslashes(const char *script)
{
	const char *found = strstr(script, "\nSET standard_conforming_strings = off;\n");
	const char *last = strstr(script, "\nSET row_security");

	return found != NULL && last != NULL && found < last;
}

/*
 * Run a whole script; the server says which object it stopped at.  It reads
 * all of it before it runs the first line, so that a setting which decides how
 * it is read must be set before, and back behind it.
 */
bool
in_place_run_script(Connection *connection, const char *script, const char *failure)
{
	bool doubled = in_place_doubles_backslashes(script);
	PGresult *result;
	ExecStatusType status;
	char *said;
	bool good;

	if (long_sql_refused(script, &said))
	{
		report_error(EXIT_FAILED, NULL, "Restore a smaller part, or into a new database.", "%s: %s",
					 failure, said);
		free(said);
		return false;
	}
	if (doubled && !connection_command(connection, "SET standard_conforming_strings = off"))
		return false;
	result = PQexec(connection->pg, script);
	status = PQresultStatus(result);
	good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
	if (!good && !stop_requested())
	{
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		bool rights = state != NULL && strcmp(state, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0;

		connection_report_hint(connection, result, failure, rights ? RIGHTS_HINT : NULL);
	}
	PQclear(result);
	return good &&
		   (!doubled || connection_command(connection, "SET standard_conforming_strings = on"));
}

bool
in_place_run_list(const RestorePlan *plan, Connection *connection, const RenameMap *map, char *list,
				  const char *failure)
{
	Buffer script;
	Buffer renamed;
	bool good = list != NULL;

	buffer_init(&script);
	buffer_init(&renamed);
	good = good && in_place_write_script(plan, list, &script);
	if (good && map->count > 0)
	{
		rename_script(map, script.data, &renamed);
		good = in_place_run_script(connection, renamed.data, failure);
	}
	else if (good)
		good = in_place_run_script(connection, script.data, failure);
	buffer_free(&script);
	buffer_free(&renamed);
	free(list);
	return good && !stop_requested();
}

bool
in_place_run_text(Connection *connection, const RenameMap *map, const char *text,
				  const char *failure)
{
	char *renamed = rename_text(map, text);
	bool good = in_place_run_script(connection, renamed, failure);

	free(renamed);
	return good;
}

bool
in_place_run_head(Connection *connection, const char *head)
{
	Buffer script;
	bool good;

	buffer_init(&script);
	buffer_printf(&script, "\n%s", head);
	keep_lock_timeout(&script);
	good = in_place_run_script(connection, script.data, PRE_DATA_FAILURE);
	buffer_free(&script);
	return good;
}
