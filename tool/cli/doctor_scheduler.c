/*-------------------------------------------------------------------------
 *
 * doctor_scheduler.c
 *	  The part of "nex_backup doctor" that asks the extension what its
 *	  scheduler is content with.
 *
 * The status knows what no file tells: a job that is disabled, a run that does
 * not begin, alarms that nobody was told of.  What it says of backups is left
 * out, as the repository itself was asked.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "doctor.h"
#include "memory.h"
#include "quote.h"
#include "sql_build.h"
#include "target.h"

#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"

#define NOTIFICATIONS "notifications"

/* Say one row of the status. */
static void
say_row(Doctor *doctor, const char *name, const char *status, const char *detail)
{
	CheckStatus result = strcmp(status, "critical") == 0  ? CHECK_CRITICAL
						 : strcmp(status, "warning") == 0 ? CHECK_WARNING
														  : CHECK_OK;
	char *safe_name = printable_name(name);
	char *safe_detail = printable_name(detail);

	if (strcmp(name, NOTIFICATIONS) == 0)
	{
		doctor->alarms_wait = result != CHECK_OK;
		doctor_say(doctor, result, NOTIFICATIONS,
				   result != CHECK_OK ? "nex_backup notify --test; \"SELECT log_tail FROM "
										"nex_backup.runs WHERE kind = 'notify' ORDER BY id "
										"DESC LIMIT 1\" shows more."
									  : NULL,
				   "%s", safe_detail);
	}
	else if (strcmp(name, "scheduler") == 0 || strcmp(name, "catalogue") == 0 ||
			 strcmp(name, "extension") == 0)
		doctor_say(doctor, result, name[0] == 's' ? "scheduler" : "extension", NULL, "%s",
				   safe_detail);
	else
		doctor_say(doctor, result, "scheduler", NULL, "%s: %s", safe_name, safe_detail);
	free(safe_detail);
	free(safe_name);
}

/*
 * The schema of the extension's own status function in this database; NULL if
 * there is none.  Somebody else's function of this name is not called.  Caller frees.
 */
static char *
schema_of_status(Connection *connection)
{
	PGresult *result = connection_ask(
		connection,
		SQL("SELECT n.nspname FROM pg_catalog.pg_proc p"
			" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace"
			" JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) p.oid"
			"  AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass"
			"  AND d.refclassid OPERATOR(pg_catalog.=)"
			"      'pg_catalog.pg_extension'::pg_catalog.regclass"
			"  AND d.deptype OPERATOR(pg_catalog.=) 'e'"
			" JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid"
			" WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup'"
			"  AND p.proname OPERATOR(pg_catalog.=) 'nex_backup_status'"
			"  AND p.pronargs OPERATOR(pg_catalog.=) 0"),
		0, NULL);
	char *schema = NULL;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		schema = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return schema;
}

/* Say what the status says of the scheduler, unless all is well. */
static void
check_status(Doctor *doctor, Connection *connection, const char *schema)
{
	PGresult *result;
	SqlText sql;
	int i;

	/* The views of the extension are its own. */
	PQclear(connection_ask(
		connection,
		SQL("SELECT pg_catalog.set_config(s.name, '', false) FROM pg_catalog.pg_settings s"
			" WHERE s.name OPERATOR(pg_catalog.=) 'restrict_nonsystem_relation_kind'"),
		0, NULL));
	sql_init(&sql);
	sql_append(&sql, "SELECT s.name, s.status, s.detail FROM ");
	sql_qualified(&sql, schema, "nex_backup_status");
	sql_append(&sql, "() s WHERE s.name OPERATOR(pg_catalog.=) 'scheduler'"
					 " OR s.status OPERATOR(pg_catalog.<>) 'ok' AND s.name OPERATOR(pg_catalog.~)"
					 " '^(notifications|catalogue|extension|job .*|run [0-9]+)$'");
	result = connection_ask(connection, &sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		char *message = xstrdup(connection_message(connection));

		message[strcspn(message, "\n")] = '\0';
		doctor_say(doctor,
				   state != NULL && strcmp(state, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0
					   ? CHECK_OK
					   : CHECK_WARNING,
				   "scheduler", NULL, "not looked at: %s", message);
		free(message);
	}
	else
	{
		for (i = 0; i < PQntuples(result); i++)
			say_row(doctor, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1),
					PQgetvalue(result, i, 2));
	}
	PQclear(result);
	sql_free(&sql);
}

/* The database that has the jobs, if it is another one; NULL if not, or not known.  Caller frees.
 */
static char *
other_database(Connection *connection)
{
	PGresult *result = connection_ask(
		connection,
		SQL("SELECT pg_catalog.current_setting('nex_backup.database', true)"
			" WHERE pg_catalog.current_setting('nex_backup.database', true)"
			" OPERATOR(pg_catalog.<>) pg_catalog.current_database()::pg_catalog.text"),
		0, NULL);
	char *name = NULL;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
		PQgetvalue(result, 0, 0)[0] != '\0')
		name = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return name;
}

void
doctor_check_scheduler(Doctor *doctor, Connection *connection, const ConnectionTarget *target)
{
	char *name = other_database(connection);
	ConnectionTarget *other = name != NULL ? target_with_database(target, name) : NULL;
	char *message = NULL;
	Connection *jobs = other != NULL ? connection_try(other, &message) : NULL;
	Connection *looked_at = jobs != NULL ? jobs : connection;
	char *schema = schema_of_status(looked_at);

	if (schema != NULL)
		check_status(doctor, looked_at, schema);
	free(schema);
	if (jobs != NULL)
		connection_close(jobs);
	free(message);
	target_free(other);
	free(name);
}
