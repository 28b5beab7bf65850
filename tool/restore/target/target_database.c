/*-------------------------------------------------------------------------
 *
 * target_database.c
 *	  Creating and removing the database that a restore fills.
 *
 * While it is filled it carries a comment that says so, by which
 * `nex_backup doctor` finds what a killed restore left behind.
 *
 *-------------------------------------------------------------------------
 */
#include "target_database.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "database_state.h"
#include "deadline.h"
#include "left_database.h"
#include "drop_database.h"
#include "log.h"
#include "owner_settings.h"
#include "progress.h"
#include "quote.h"
#include "restore_mark.h"
#include "restore_settings.h"
#include "settings.h"
#include "sql_build.h"
#include "taken_database.h"

static bool drop_leftover(const RestorePlan *plan);

/* to_jsonb() hides the columns that a version does not have. */
static const char properties_query[] =
	"SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,"
	" coalesce(j ->> 'datlocprovider', 'c'), coalesce(j ->> 'daticulocale', j ->> 'datlocale'),"
	" j ->> 'daticurules', t.spcname"
	" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace,"
	" LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = $1::pg_catalog.name";

/* Is there a role (or tablespace) of this name?  A warning, if not; false (reported) on failure. */
static bool
look_for(const RestorePlan *plan, const char *query, const char *what, const char *name,
		 bool *known)
{
	const char *params[1] = {name};
	PGresult *result = connection_query(plan->maintenance, query, 1, params);
	char *shown = printable_name(name);

	*known = result != NULL && PQntuples(result) > 0;
	if (result != NULL && !*known)
		log_warning("%s \"%s\" does not exist on this server; the default is taken", what, shown);
	free(shown);
	PQclear(result);
	return result != NULL;
}

static void
append_option(Buffer *sql, const char *keyword, const char *value)
{
	if (value == NULL)
		return;
	buffer_printf(sql, " %s ", keyword);
	quote_literal(sql, value);
}

/* Locale provider and what it needs; servers before 15 know only libc. */
static void
append_locale(Buffer *sql, const ManifestDatabase *database, int version)
{
	append_option(sql, "LC_COLLATE", database->collate);
	append_option(sql, "LC_CTYPE", database->ctype);
	if (version < 150000 || strcmp(database->provider, "c") == 0)
		return;
	if (strcmp(database->provider, "i") == 0)
	{
		buffer_append_string(sql, " LOCALE_PROVIDER icu");
		append_option(sql, "ICU_LOCALE", database->icu_locale);
		if (version >= 160000)
			append_option(sql, "ICU_RULES", database->icu_rules);
	}
	else if (strcmp(database->provider, "b") == 0)
	{
		buffer_append_string(sql, " LOCALE_PROVIDER builtin");
		append_option(sql, "BUILTIN_LOCALE", database->icu_locale);
	}
}

/*
 * A new database is marked, and opened to superusers or, where the restore is
 * not one's, to its owner: in one transaction, as a mark counts only where
 * nothing has changed since (restore_mark.h).  Nobody could connect before:
 * whoever is let in stays, and PUBLIC could.  To an owner who is no superuser
 * a limit would apply, too.
 */
static bool
mark_and_open(const RestorePlan *plan)
{
	MarkSession session;
	SqlText sql;
	bool good;

	if (!left_database_session(plan->maintenance, &session))
		return false;
	free(plan->progress->mark);
	plan->progress->mark = restore_mark(&plan->backup, &session, NULL);
	sql_init(&sql);
	if (!plan->superuser)
	{
		sql_append(&sql, "REVOKE CONNECT, TEMPORARY ON DATABASE ");
		sql_identifier(&sql, plan->working);
		sql_append(&sql, " FROM PUBLIC; ");
	}
	sql_append(&sql, "ALTER DATABASE ");
	sql_identifier(&sql, plan->working);
	sql_append(&sql, " ALLOW_CONNECTIONS true");
	if (!plan->superuser)
		sql_append(&sql, " CONNECTION LIMIT -1");
	sql_append(&sql, "; ");
	database_comment_add(&sql, plan->working, plan->progress->mark);
	good = connection_command(plan->maintenance, &sql);
	sql_free(&sql);
	return good;
}

/*
 * Give the database the owner of the backup; false (reported) on failure.  *ours: it can be changed
 * afterwards.  A member of that role that does not inherit from it cannot.
 */
static bool
add_owner(SqlText *sql, const RestorePlan *plan, bool *ours)
{
	const char *params[1] = {plan->manifest->database.owner};
	bool known;
	PGresult *result;

	*ours = true;
	if (!look_for(plan, "SELECT FROM pg_catalog.pg_roles WHERE rolname = $1::pg_catalog.name",
				  "role", params[0], &known))
		return false;
	if (!known)
		return true;
	result = connection_query(
		plan->maintenance,
		SQL("SELECT r.rolsuper OR r.rolname = $1::pg_catalog.name FROM pg_catalog.pg_roles r"
			" WHERE r.rolname = current_user"),
		1, params);
	if (result == NULL)
		return false;
	*ours = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	sql_append(sql, "ALTER DATABASE ");
	sql_identifier(sql, plan->working);
	sql_append(sql, " OWNER TO ");
	sql_identifier(sql, params[0]);
	sql_append(sql, "; ");
	return true;
}

/* The tablespace that the database is to have; false (reported) on failure. */
static bool
wanted_tablespace(const RestorePlan *plan, const char **name)
{
	bool known = true;

	*name = plan->manifest->database.tablespace;
	if (strcmp(*name, "pg_default") == 0 || plan->settings->restore->no_tablespaces)
		known = false;
	else if (!look_for(plan,
					   "SELECT FROM pg_catalog.pg_tablespace WHERE spcname = $1::pg_catalog.name",
					   "tablespace", *name, &known))
		return false;
	if (!known)
		*name = "pg_default";
	return true;
}

bool
target_database_is_alike(const RestorePlan *plan, bool *alike)
{
	const ManifestDatabase *database = &plan->manifest->database;
	const char *params[1] = {plan->database};
	const char *wanted[8] = {database->encoding,
							 database->collate,
							 database->ctype,
							 database->provider,
							 database->icu_locale,
							 database->icu_rules,
							 NULL};
	PGresult *result = connection_query(plan->maintenance, properties_query, 1, params);
	int i;

	if (result == NULL)
		return false;
	if (!wanted_tablespace(plan, &wanted[6]))
	{
		PQclear(result);
		return false;
	}
	*alike = PQntuples(result) == 1;
	for (i = 0; *alike && i < PQnfields(result); i++)
	{
		const char *value = PQgetisnull(result, 0, i) ? "" : PQgetvalue(result, 0, i);

		*alike = strcmp(value, wanted[i] != NULL ? wanted[i] : "") == 0;
	}
	PQclear(result);
	return true;
}

/*
 * Run commands that leave the same when they are run twice: if the connection is lost at them,
 * nobody knows whether they were carried out, and they are run again over a new one.
 */
static bool
run_surely(RestorePlan *plan, const SqlText *sql)
{
	PGresult *result = connection_exec(plan->maintenance, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	if (!good && PQstatus(plan->maintenance->pg) != CONNECTION_OK &&
		target_database_reconnect(plan))
		log_warning("the connection to the server was lost, and made again");
	return good || connection_command(plan->maintenance, sql);
}

bool
target_database_look_at_role(RestorePlan *plan)
{
	PGresult *result = connection_query(
		plan->maintenance,
		SQL("SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user"), 0,
		NULL);

	if (result == NULL)
		return false;
	plan->superuser = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return true;
}

bool
target_database_create(RestorePlan *plan)
{
	const ManifestDatabase *database = &plan->manifest->database;
	const char *tablespace;
	Buffer sql;
	bool good;

	progress_phase("creating database", "", 0, 0);
	if (!target_database_look_at_role(plan))
		return false;
	if (plan->fate == TARGET_FILLED)
		return taken_database_take(plan);
	if ((plan->leftover && !drop_leftover(plan)) || !wanted_tablespace(plan, &tablespace))
		return false;
	buffer_init(&sql);
	buffer_append_string(&sql, "CREATE DATABASE ");
	quote_identifier(&sql, plan->working);
	buffer_append_string(&sql, NEW_DATABASE_OPTIONS);
	append_option(&sql, "ENCODING", database->encoding);
	append_locale(&sql, database, connection_version(plan->maintenance));
	if (strcmp(tablespace, "pg_default") != 0)
	{
		buffer_append_string(&sql, " TABLESPACE ");
		quote_identifier(&sql, tablespace);
	}
	good = connection_command(plan->maintenance, sql.data);
	buffer_free(&sql);
	plan->progress->created = good;
	return good && mark_and_open(plan);
}

/* A mark that is older than a change counts no more.  One that we could not take away goes now. */
static void
keep_mark(SqlText *sql, const RestorePlan *plan, bool ours)
{
	if (!ours)
	{
		free(plan->progress->mark);
		plan->progress->mark = NULL;
		plan->progress->mark_gone = true;
	}
	database_comment_add(sql, plan->working, plan->progress->mark);
}

bool
target_database_finish(RestorePlan *plan)
{
	bool ours = true;
	SqlText owner;
	SqlText sql;
	bool good;

	/* It was idle for as long as everything took. */
	if (!restore_without_errors(plan))
		return false;
	if (!target_database_reconnect(plan))
		return connection_report(plan->maintenance, NULL, "lost the connection to the server");
	if (plan->fate == TARGET_FILLED && !taken_database_give(plan))
		return false;
	sql_init(&owner);
	good = (plan->fate == TARGET_FILLED ? plan->request->of_cluster == NULL
										: plan->settings->owners->no_owner) ||
		   add_owner(&owner, plan, &ours);
	sql_init(&sql);
	if (plan->fate != TARGET_FILLED && !ours)
	{
		target_database_give_to_public(plan, &sql);
		keep_mark(&sql, plan, ours);
	}
	sql_text(&sql, &owner);
	if (plan->fate != TARGET_FILLED && ours)
		keep_mark(&sql, plan, ours);
	good = good && (sql_length(&sql) == 0 || run_surely(plan, &sql));
	sql_free(&sql);
	sql_free(&owner);
	return good;
}

void
target_database_give_to_public(const RestorePlan *plan, SqlText *sql)
{
	if (!plan->progress->created || plan->superuser || plan->progress->is_public)
		return;
	plan->progress->is_public = true;
	sql_append(sql, "GRANT CONNECT, TEMPORARY ON DATABASE ");
	sql_identifier(sql, plan->working);
	sql_append(sql, " TO PUBLIC;\n");
}

bool
target_database_last_step(RestorePlan *plan, bool keeps_comment, SqlText *sql)
{
	int limit = plan->manifest->database.connection_limit;
	bool marked;

	/* Others may have taken long. */
	if (!target_database_reconnect(plan))
		return connection_report(plan->maintenance, NULL, "lost the connection to the server");
	if (!target_database_is_marked(plan, plan->progress->mark, &marked))
		return false;
	if (plan->superuser || limit >= 0)
	{
		sql_append(sql, "ALTER DATABASE ");
		sql_identifier(sql, plan->working);
		sql_append(sql, " CONNECTION LIMIT ");
		sql_signed(sql, limit);
		sql_append(sql, ";\n");
	}
	if (marked && !keeps_comment)
		database_comment_add(sql, plan->working, NULL);
	plan->progress->mark_gone = true;
	return true;
}

bool
target_database_open(RestorePlan *plan)
{
	int limit = plan->manifest->database.connection_limit;
	SqlText sql;
	bool good;

	if (plan->progress->opened)
		return true;
	if (plan->fate == TARGET_FILLED)
		return taken_database_open(plan, limit < 0 ? taken_database_limit(plan) : limit);
	sql_init(&sql);
	target_database_give_to_public(plan, &sql);
	good = target_database_last_step(plan, false, &sql) &&
		   (sql_length(&sql) == 0 || run_surely(plan, &sql));
	sql_free(&sql);
	return good;
}

/*
 * A database with subscriptions cannot be dropped.  Those that were restored
 * must let go of their slot first: dropping them otherwise would drop the
 * slot, which belongs to the original.
 */
static void
drop_subscriptions(const RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	char *message = NULL;
	Connection *connection = connection_try(target, &message);
	PGresult *result = NULL;
	int i;

	if (connection != NULL)
		result = PQexec(connection->pg,
						"SELECT pg_catalog.format('ALTER SUBSCRIPTION %1$I DISABLE;"
						" ALTER SUBSCRIPTION %1$I SET (slot_name = NONE);"
						" DROP SUBSCRIPTION %1$I', s.subname)"
						" FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
						" ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()");
	for (i = 0; i < PQntuples(result); i++)
		PQclear(PQexec(connection->pg, PQgetvalue(result, i, 0)));
	PQclear(result);
	connection_close(connection);
	target_free(target);
	free(message);
}

/* Drop the database that we filled, or that an earlier restore did; false without a report. */
static bool
drop_working(const RestorePlan *plan)
{
	/* The maintenance connection is idle, so this works after an interrupt too. */
	if (drop_database(plan->maintenance, plan->working))
		return true;
	if (PQstatus(plan->maintenance->pg) != CONNECTION_OK)
		return false;
	drop_subscriptions(plan);
	return drop_database(plan->maintenance, plan->working);
}

/*
 * One that an earlier restore could not mark is marked, and looked into.  What
 * is not empty was closed by somebody else, and becomes what it was.
 */
static bool
look_into_unmarked(const RestorePlan *plan, const char *shown)
{
	bool empty = false;
	SqlText sql;

	if (!mark_and_open(plan) || !target_database_is_empty(plan->target, plan->working, &empty) ||
		empty)
		return empty;
	sql_init(&sql);
	sql_append(&sql, "COMMENT ON DATABASE ");
	sql_identifier(&sql, plan->working);
	sql_append(&sql, " IS NULL; ALTER DATABASE ");
	sql_identifier(&sql, plan->working);
	sql_append(&sql, " ALLOW_CONNECTIONS false CONNECTION LIMIT 0");
	(void) connection_command(plan->maintenance, &sql);
	sql_free(&sql);
	return report_error(
		EXIT_FAILED, NULL,
		plan->fate == TARGET_REPLACED
			? "Look what is in it (ALTER DATABASE ... ALLOW_CONNECTIONS true "
			  "CONNECTION LIMIT -1), and drop it if nobody needs it."
			: "Give another name with --to, replace it with --drop (it is kept), or "
			  "look what is in it (ALTER DATABASE ... ALLOW_CONNECTIONS true "
			  "CONNECTION LIMIT -1).",
		"database \"%s\" accepts no connections, and is not empty", shown);
}

/* What an earlier restore left where this one begins. */
static bool
drop_leftover(const RestorePlan *plan)
{
	char *shown = printable_name(plan->working);
	LeftBy left;
	bool good;

	good = left_database_look(
		&(LeftWhere){plan->maintenance, plan->target, plan->repository, &plan->backup},
		plan->working, &left);
	if (good && left == LEFT_RUNNING)
		good = report_error(EXIT_LOCKED, NULL, "Wait until it has ended.",
							"another restore is filling database \"%s\"", shown);
	else if (good && left == LEFT_UNMARKED)
		good = look_into_unmarked(plan, shown);
	else if (good && left != LEFT_MADE)
		good = report_error(EXIT_FAILED, NULL, "Try again.",
							"database \"%s\", which an earlier restore has left, was changed "
							"meanwhile",
							shown);
	if (good && !drop_working(plan))
		good = report_error(EXIT_FAILED, connection_message(plan->maintenance), NULL,
							"could not remove database \"%s\", which an earlier restore has left",
							shown);
	else if (good)
		log_info("removed database \"%s\", which an earlier restore has left incomplete", shown);
	free(shown);
	return good;
}

void
target_database_discard(RestorePlan *plan)
{
	char *shown;
	Buffer sql;

	if (!plan->progress->created)
	{
		if (plan->fate == TARGET_FILLED)
			taken_database_give_back(plan);
		return;
	}
	shown = printable_name(plan->working);
	progress_phase("removing the incomplete database", "", 0, 0);
	if (target_database_reconnect(plan) && drop_working(plan))
		log_info("removed the incomplete database \"%s\"", shown);
	else
	{
		buffer_init(&sql);
		buffer_append_string(&sql, "DROP DATABASE IF EXISTS ");
		quote_identifier_shown(&sql, plan->working);
		buffer_append_string(&sql, " WITH (FORCE);");
		log_warning_hint(sql.data,
						 plan->progress->mark_gone
							 ? "could not remove database \"%s\", of which it is not known whether "
							   "it is complete; run the command below when the server is up"
							 : "could not remove the incomplete database \"%s\"; run the command "
							   "below when the server is up, or the same restore again",
						 shown);
		buffer_free(&sql);
	}
	free(shown);
}
