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
#include "doctor_checks.h"
#include "doctor_scheduler.h"
#include "extension_hold.h"
#include "memory.h"
#include "quote.h"
#include "sql_build.h"
#include "target.h"

#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"

#define NOTIFICATIONS "notifications"
#define BACKUPS_GONE "backups gone of "
#define COPY "copy "

/* That the status could not be asked for; a role that may not is none the worse for it. */
static void
say_failure(Doctor *doctor, Connection *connection, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	char *message = xstrdup(connection_message(connection));

	message[strcspn(message, "\n")] = '\0';
	doctor_say(doctor,
			   state != NULL && strcmp(state, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0 ? CHECK_OK
																					: CHECK_WARNING,
			   "scheduler", NULL, "not looked at: %s", message);
	free(message);
}

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
	else if (strncmp(name, BACKUPS_GONE, strlen(BACKUPS_GONE)) == 0)
		doctor_say(doctor, result, "backups", NULL, "%s: %s", safe_name + strlen(BACKUPS_GONE),
				   safe_detail);
	else
		doctor_say(doctor, result, strncmp(name, COPY, strlen(COPY)) == 0 ? "copies" : "scheduler",
				   NULL, "%s: %s", safe_name, safe_detail);
	free(safe_detail);
	free(safe_name);
}

/* Whether a role is a superuser, or the one that asks, whose own code it is then. */
#define TRUSTED(owner)                                                                             \
	"EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) " owner          \
	" AND (r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) SESSION_USER))"

/* Where the status function is, and whose. */
typedef struct StatusFunction
{
	char *schema;      /* NULL: there is none */
	char *owner;       /* who is not trusted; NULL: the owner is */
	bool schema_stays; /* whoever could rename the schema is trusted */
} StatusFunction;

static void
status_function_free(StatusFunction *function)
{
	free(function->schema);
	free(function->owner);
	memset(function, 0, sizeof(*function));
}

/* The extension's own status function in this database; another one of this name is not called. */
static void
find_status(Connection *connection, StatusFunction *function)
{
	PGresult *result =
		connection_ask(connection,
					   SQL("SELECT n.nspname, CASE WHEN NOT " TRUSTED(
						   "p.proowner") " THEN"
										 "  pg_catalog.pg_get_userbyid(p.proowner) "
										 "END, " TRUSTED("n.nspowner") " AND " TRUSTED(
											 "b.datdba") " OR "
														 "pg_catalog.pg_get_userbyid(n."
														 "nspowner)"
														 " OPERATOR(pg_catalog.=) "
														 "'pg_database_owner' AND " TRUSTED(
															 "b.datdba") " FROM "
																		 "pg_catalog.pg_proc p"
																		 " JOIN "
																		 "pg_catalog.pg_"
																		 "namespace n ON n.oid "
																		 "OPERATOR(pg_catalog.="
																		 ") p.pronamespace"
																		 " JOIN "
																		 "pg_catalog.pg_depend "
																		 "d ON d.objid "
																		 "OPERATOR(pg_catalog.="
																		 ") p.oid"
																		 "  AND d.classid "
																		 "OPERATOR(pg_catalog.="
																		 ") "
																		 "'pg_catalog.pg_proc':"
																		 ":pg_catalog.regclass"
																		 "  AND d.refclassid "
																		 "OPERATOR(pg_catalog.="
																		 ")"
																		 "      "
																		 "'pg_catalog.pg_"
																		 "extension'::pg_"
																		 "catalog.regclass"
																		 "  AND d.deptype "
																		 "OPERATOR(pg_catalog.="
																		 ") 'e'"
																		 " JOIN "
																		 "pg_catalog.pg_"
																		 "extension e ON e.oid "
																		 "OPERATOR(pg_catalog.="
																		 ") d.refobjid"
																		 " JOIN "
																		 "pg_catalog.pg_"
																		 "database b ON "
																		 "b.datname "
																		 "OPERATOR(pg_catalog.="
																		 ")"
																		 "  "
																		 "pg_catalog.current_"
																		 "database()"
																		 " WHERE e.extname "
																		 "OPERATOR(pg_catalog.="
																		 ") 'nex_backup'"
																		 "  AND p.proname "
																		 "OPERATOR(pg_catalog.="
																		 ") 'nex_backup_status'"
																		 "  AND p.pronargs "
																		 "OPERATOR(pg_catalog.="
																		 ") 0"),
					   0, NULL);

	memset(function, 0, sizeof(*function));
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
	{
		function->schema = xstrdup(PQgetvalue(result, 0, 0));
		if (!PQgetisnull(result, 0, 1))
			function->owner = xstrdup(PQgetvalue(result, 0, 1));
		function->schema_stays = strcmp(PQgetvalue(result, 0, 2), "t") == 0;
	}
	PQclear(result);
}

/* Nobody renames a schema while the status is asked for. */
static bool
keep_schemas(Doctor *doctor, Connection *connection)
{
	PGresult *result =
		connection_exec(connection, SQL("SET LOCAL lock_timeout = '2s';"
										"LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE;"
										"SET LOCAL lock_timeout = DEFAULT"));
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
		doctor_say(doctor, CHECK_WARNING, "scheduler", NULL,
				   "not looked at, as a role that is not a superuser owns the database or the "
				   "schema that the extension was created in");
	PQclear(result);
	return good;
}

static void
say_foreign(Doctor *doctor, const char *problem)
{
	doctor_say(doctor, CHECK_CRITICAL, "extension",
			   "That role could have changed the extension: DROP EXTENSION nex_backup, CREATE "
			   "EXTENSION nex_backup, and nex_backup_sync() for each repository bring it back, "
			   "without its jobs.",
			   "%s, so nothing of it is called", problem);
}

/*
 * What is called must be the extension's, and stay that: so it is held as it is
 * for a report (extension_hold.c), and the schema of the function keeps its name.
 */
static bool
hold(Doctor *doctor, Connection *connection, StatusFunction *function)
{
	PGresult *result = connection_exec(connection, extension_hold_sql());
	char *problem = NULL;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		say_failure(doctor, connection, result);
		PQclear(result);
		return false;
	}
	problem = extension_hold_problem(result);
	PQclear(result);
	find_status(connection, function);
	if (problem == NULL && function->schema != NULL && !function->schema_stays)
	{
		if (!keep_schemas(doctor, connection))
			return false;
		status_function_free(function);
		find_status(connection, function);
	}
	if (problem == NULL && function->owner != NULL)
	{
		char *owner = printable_name(function->owner);

		problem = xasprintf("function nex_backup_status belongs to role %s, which is not a "
							"superuser",
							owner);
		free(owner);
	}
	if (problem != NULL)
		say_foreign(doctor, problem);
	free(problem);
	return function->schema != NULL && function->owner == NULL;
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
	sql_append(
		&sql,
		"() s WHERE s.name OPERATOR(pg_catalog.=) 'scheduler'"
		" OR s.status OPERATOR(pg_catalog.<>) 'ok' AND s.name OPERATOR(pg_catalog.~)"
		" '^(notifications|catalogue|extension|job .*|run [0-9]+|backups gone of .*|copy .*)$'");
	result = connection_ask(connection, &sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		say_failure(doctor, connection, result);
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

/* In one transaction, which nothing is left of. */
static void
look(Doctor *doctor, Connection *connection, StatusFunction *function)
{
	PQclear(connection_exec(connection, SQL("BEGIN ISOLATION LEVEL READ COMMITTED")));
	if (hold(doctor, connection, function))
		check_status(doctor, connection, function->schema);
	PQclear(connection_exec(connection, SQL("ROLLBACK")));
}

void
doctor_check_scheduler(Doctor *doctor, Connection *connection, const ConnectionTarget *target)
{
	char *name = other_database(connection);
	ConnectionTarget *other = name != NULL ? target_with_database(target, name) : NULL;
	char *message = NULL;
	Connection *jobs = other != NULL ? connection_try(other, &message) : NULL;
	Connection *looked_at = jobs != NULL ? jobs : connection;
	StatusFunction function;

	find_status(looked_at, &function);
	if (function.schema != NULL)
	{
		status_function_free(&function);
		look(doctor, looked_at, &function);
	}
	status_function_free(&function);
	if (jobs != NULL)
		connection_close(jobs);
	free(message);
	target_free(other);
	free(name);
}
