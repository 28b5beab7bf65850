/*-------------------------------------------------------------------------
 *
 * role_settings.c
 *	  Settings of roles in the restored database.
 *
 * Any role can give itself settings in any database, also in one that it may
 * not connect to, and keep them locked in a transaction, or choose them so that
 * no server takes them again (refused_settings.h).  A restore of hours must not
 * be thrown away for that: such a setting is reported as missing, and the rest
 * is complete.
 *
 * The same goes for a setting of a role that can do more here than the role of
 * its name where the backup was made: whoever could create roles there chose
 * the name, and with a search_path, for example, the functions that the role
 * of this server would call.  What it can do is in the backup; of backups that
 * do not say it, those of this server are believed.  A setting that the role
 * has here already, in the database that is replaced for instance, changes
 * nothing for it.  Each statement is executed in a transaction of its own, and
 * the catalog tells whose setting it has changed: that needs no second parser.
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
#include "object_errors.h"
#include "other_server.h"
#include "refused_settings.h"
#include "role_powers.h"
#include "server_failure.h"
#include "sql_text.h"
#include "withheld.h"

#define PATIENCE "5s"
#define LOCK_NOT_AVAILABLE "55P03"

/* As known_database.c writes them; SQL of another form is executed as it is, if at all. */
#define OF_ROLE "ALTER ROLE "

/* An empty list is set by a block (known_database.c) of which the database's settings have one,
 * too. */
#define EMPTY_LIST "DO 'BEGIN PERFORM pg_catalog.set_config("

static bool
is_of_role(const char *statement)
{
	statement = sql_skip_blank(statement);
	if (strncmp(statement, OF_ROLE, strlen(OF_ROLE)) == 0)
		return true;
	return strncmp(statement, EMPTY_LIST, strlen(EMPTY_LIST)) == 0 &&
		   strstr(statement, "); " OF_ROLE) != NULL;
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

/* What became of a statement. */
typedef enum Outcome
{
	DONE,
	WAITED,   /* not executed: somebody else has the lock */
	STRANGER, /* taken back: the role can do more here */
	FAILED,   /* not executed, with another error */
	BROKEN    /* the connection, for instance; reported */
} Outcome;

/* A statement that is being executed. */
typedef struct Attempt
{
	const RestorePlan *plan;
	Connection *connection;
	const char *statement;
	PGresult *result; /* of the statement */
	char *more;       /* of a stranger: what it can do here, and not there */
} Attempt;

static const SqlConstant changed_query = SQL("SELECT r.rolname, " SQL_ROLE_POWERS(
	"r.oid") ", s.setconfig"
			 " FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole"
			 " WHERE s.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid");

/* Has the role these settings already: here, or in the database that this one is called like? */
static const SqlConstant present_query =
	SQL("SELECT d.datname = pg_catalog.current_database()"
		" FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole"
		" JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"
		" WHERE r.rolname = $1::pg_catalog.name"
		" AND (d.datname = pg_catalog.current_database() OR d.datname = $2::pg_catalog.name"
		"  OR d.datname = $3::pg_catalog.name)"
		" AND s.setconfig OPERATOR(pg_catalog.@>) $4::pg_catalog.text[] ORDER BY 1 DESC LIMIT 1");

/* Is it a word of the list "SUPERUSER, pg_monitor"? */
static bool
is_listed(const char *list, const char *word, size_t length)
{
	while (*list != '\0')
	{
		size_t here = strcspn(list, ",");

		if (here == length && strncmp(list, word, length) == 0)
			return true;
		list += here;
		list += strspn(list, ", ");
	}
	return false;
}

/* What of the one list is not in the other; NULL: nothing.  Superusers can do everything. */
static char *
powers_more(const char *here, const char *there)
{
	Buffer more;

	buffer_init(&more);
	while (*here != '\0' && !is_listed(there, "SUPERUSER", strlen("SUPERUSER")))
	{
		size_t length = strcspn(here, ",");

		if (!is_listed(there, here, length))
			buffer_printf(&more, "%s%.*s", more.length > 0 ? ", " : "", (int) length, here);
		here += length;
		here += strspn(here, ", ");
	}
	if (more.length > 0)
		return buffer_detach(&more);
	buffer_free(&more);
	return NULL;
}

/* What the role of this name can do more than that of the backup; NULL: nothing. */
static char *
more_than_in_backup(const RestorePlan *plan, const char *role, const char *powers)
{
	const ManifestDatabase *database = &plan->manifest->database;
	uint32_t i;

	if (powers[0] == '\0')
		return NULL;
	if (!database->knows_roles)
		return other_server_is_same(plan) ? NULL : xstrdup(powers);
	for (i = 0; i < database->nroles; i++)
	{
		if (strcmp(database->roles[i].name, role) == 0)
			return powers_more(powers, database->roles[i].powers);
	}
	return xstrdup(powers);
}

/* Execute it in a transaction that is left open. */
static Outcome
begin_one(Attempt *attempt)
{
	const char *state;

	PQclear(attempt->result);
	attempt->result = NULL;
	if (!connection_command(attempt->connection, SQL("BEGIN")))
		return BROKEN;
	attempt->result = connection_exec(attempt->connection, attempt->statement);
	if (PQresultStatus(attempt->result) == PGRES_COMMAND_OK ||
		PQresultStatus(attempt->result) == PGRES_EMPTY_QUERY)
		return DONE;
	state = PQresultErrorField(attempt->result, PG_DIAG_SQLSTATE);
	return state != NULL && strcmp(state, LOCK_NOT_AVAILABLE) == 0 ? WAITED : FAILED;
}

/* It was taken back: does the role have these settings, so that it may have them here, too? */
static Outcome
repeat_if_present(Attempt *attempt, const char *role, const char *settings)
{
	const char *params[4] = {role, attempt->plan->database, attempt->plan->manifest->database.name,
							 settings};
	PGresult *result = connection_query(attempt->connection, present_query, 4, params);
	Outcome outcome = result == NULL ? BROKEN : STRANGER;
	bool here = result != NULL && PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';

	if (here)
		outcome = DONE;
	else if (result != NULL && PQntuples(result) == 1)
	{
		outcome = begin_one(attempt);
		if (outcome != BROKEN &&
			!connection_command(attempt->connection,
								outcome == DONE ? SQL("COMMIT") : SQL("ROLLBACK")))
			outcome = BROKEN;
	}
	PQclear(result);
	return outcome;
}

/* The statement was executed: whose settings are these? */
static Outcome
judge(Attempt *attempt)
{
	PGresult *changed = connection_query(attempt->connection, changed_query, 0, NULL);
	Outcome outcome = changed == NULL ? BROKEN : DONE;
	int i;

	for (i = 0; outcome == DONE && attempt->more == NULL && i < PQntuples(changed); i++)
		attempt->more = more_than_in_backup(attempt->plan, PQgetvalue(changed, i, 0),
											PQgetvalue(changed, i, 1));
	if (outcome == DONE && attempt->more == NULL)
		outcome = connection_command(attempt->connection, SQL("COMMIT")) ? DONE : BROKEN;
	else if (outcome == DONE)
		outcome = connection_command(attempt->connection, SQL("ROLLBACK"))
					  ? repeat_if_present(attempt, PQgetvalue(changed, i - 1, 0),
										  PQgetvalue(changed, i - 1, 2))
					  : BROKEN;
	PQclear(changed);
	return outcome;
}

static Outcome
run_one(Attempt *attempt)
{
	Outcome outcome = begin_one(attempt);

	if (outcome == DONE)
		return judge(attempt);
	if (outcome != BROKEN && !connection_command(attempt->connection, SQL("ROLLBACK")))
		outcome = BROKEN;
	return outcome;
}

static void
report_refused(Attempt *attempt, const char *shown)
{
	char *what = xasprintf("the database is complete, but for a setting of a role that the server "
						   "does not take: %s",
						   shown);

	connection_report_hint(
		attempt->connection, attempt->result, what,
		"Remove the cause, and run the statement by hand, if it is wanted here.");
	free(what);
}

/* Say what is missing; false if the restore has failed. */
static bool
report(Attempt *attempt, Outcome outcome)
{
	char *statement = known_sql_shown(sql_skip_blank(attempt->statement), 200);
	char *shown = withhold_values(statement, (int) strlen(statement));
	char *detail = NULL;
	char *said = NULL;

	if (outcome == STRANGER)
		detail = xasprintf("The role can do more here than the role of this name could where the "
						   "backup was made: %s.",
						   attempt->more);
	else if (outcome == WAITED && attempt->plan->progress->errors == NULL)
		detail = lock_waits_holder(PQbackendPID(attempt->connection->pg));

	/* With --on-object-error=skip, each statement has its own error. */
	if (attempt->plan->progress->errors != NULL)
	{
		said = server_failure_said(attempt->connection, attempt->result);
		object_errors_add(attempt->plan, NULL, false, "settings of roles in the database",
						  attempt->statement, detail != NULL ? detail : said, 0);
	}
	else if (outcome == STRANGER)
		report_error(
			EXIT_FAILED, detail,
			"If it is the same role, and you trust this setting, run the statement by hand.",
			"the database is complete, but for a setting of a role: %s", shown);
	else if (outcome == WAITED)
		report_error(EXIT_FAILED, detail,
					 "End the session that is named, and run the statement by hand.",
					 "the database is complete, but for a setting that is locked: %s", shown);
	else
		report_refused(attempt, shown);
	free(said);
	free(detail);
	free(shown);
	free(statement);
	return PQstatus(attempt->connection->pg) == CONNECTION_OK && !stop_requested();
}

bool
role_settings_run(const RestorePlan *plan, Connection *connection, const Buffer *statements)
{
	const char *from = statements->data != NULL ? statements->data : "";
	bool patient = true;
	bool good = connection_command(connection, SQL("SET lock_timeout = '" PATIENCE "'"));

	while (good && *from != '\0' && !stop_requested())
	{
		const char *end = sql_statement_end(from);
		char *statement = xasprintf("%.*s", (int) (end - from), from);
		Attempt attempt = {plan, connection, statement, NULL, NULL};
		Outcome outcome = run_one(&attempt);

		good = outcome != BROKEN && (outcome == DONE || report(&attempt, outcome));
		PQclear(attempt.result);
		free(attempt.more);
		free(statement);
		from = end;
		/* A role with very many settings is no reason to wait for each of them. */
		if (outcome == WAITED && patient)
		{
			patient = false;
			good = good && connection_command(connection, SQL("SET lock_timeout = '1s'"));
		}
	}
	return good && !stop_requested();
}
