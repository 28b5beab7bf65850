/*-------------------------------------------------------------------------
 *
 * database_state.c
 *	  What the server says of the database that a restore fills.
 *
 *-------------------------------------------------------------------------
 */
#include "database_state.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "log.h"
#include "owner_settings.h"
#include "quote.h"
#include "restore_settings.h"
#include "settings.h"
#include "sql_build.h"

/* A server that starts again after a crash does so within seconds, or not soon. */
#define ANSWER_SECONDS 15
#define CONNECT_TRIES 5
#define CONNECT_INTERVAL_MS 500
#define CONNECT_SECONDS 4 /* for all tries: a server that does not answer is not asked again */

/* Objects that initdb's template0 does not have. */
static const char emptiness_query[] =
	"SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.oid >= 16384 AND n.nspname !~ "
	"'^pg_')"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_language l WHERE l.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_am a WHERE a.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_conversion c WHERE c.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_collation c WHERE c.oid >= 16384"
	"  AND c.collnamespace <> 'pg_catalog'::pg_catalog.regnamespace)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_config t WHERE t.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_dict t WHERE t.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper f WHERE f.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger e WHERE e.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE p.oid >= 16384)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
	"  ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database())"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_default_acl)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)";

bool
target_database_exists(Connection *maintenance, const char *name, bool *exists)
{
	const char *params[1] = {name};
	PGresult *result = connection_query(
		maintenance, "SELECT FROM pg_catalog.pg_database WHERE datname = $1::pg_catalog.name", 1,
		params);

	if (result == NULL)
		return false;
	*exists = PQntuples(result) > 0;
	PQclear(result);
	return true;
}

bool
target_database_accepts(Connection *maintenance, const char *name)
{
	const char *params[1] = {name};
	PGresult *result = connection_query(
		maintenance,
		SQL("SELECT FROM pg_catalog.pg_database d WHERE d.datname = $1::pg_catalog.name"
			" AND NOT d.datallowconn"),
		1, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
	{
		char *shown = printable_name(name);
		bool initial = strcmp(name, "template0") == 0; /* nobody may change that one */

		good = report_error(
			EXIT_FAILED, NULL,
			initial ? "Give another name with --to."
					: "Give another name with --to, replace it with --drop (the old one is kept), "
					  "or open it with ALTER DATABASE ... ALLOW_CONNECTIONS true.",
			"database \"%s\" accepts no connections", shown);
		free(shown);
	}
	PQclear(result);
	return good;
}

bool
target_database_is_empty(const ConnectionTarget *target, const char *name, bool *empty)
{
	ConnectionTarget *there = target_with_database(target, name);
	Connection *connection = connection_open(there);
	PGresult *result = NULL;

	if (connection != NULL)
		result = connection_query(connection, emptiness_query, 0, NULL);
	*empty = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	connection_close(connection);
	target_free(there);
	return result != NULL;
}

/* Whoever has an empty database of this name made, may have prepared it. */
static const SqlConstant owner_query =
	SQL("SELECT o.rolname, o.rolsuper OR o.rolname IN (session_user, current_user)"
		" OR o.rolname = $2::pg_catalog.name"
		" OR (NOT s.rolsuper AND pg_catalog.pg_has_role(s.oid, o.oid, 'MEMBER'))"
		" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba"
		" JOIN pg_catalog.pg_roles s ON s.rolname = session_user"
		" WHERE d.datname = $1::pg_catalog.name");

bool
target_database_check_owner(const RestorePlan *plan)
{
	const char *params[2] = {plan->database, plan->manifest->database.owner};
	PGresult *result = connection_query(plan->maintenance, owner_query, 2, params);
	bool named = plan->request->of_cluster == NULL &&
				 (plan->request->database != NULL || plan->settings->owners->no_owner);
	bool good = result != NULL;

	if (good && PQntuples(result) == 1 && PQgetvalue(result, 0, 1)[0] != 't' &&
		!(named && plan->progress->taken != NULL))
	{
		char *shown = printable_name(plan->database);
		char *has = printable_name(PQgetvalue(result, 0, 0));
		char *wants = printable_name(plan->manifest->database.owner);

		if (named)
			log_warning(
				"database \"%s\" belongs to role \"%s\", not to \"%s\" as in the backup, and "
				"keeps its owner and settings",
				shown, has, wants);
		else
			good = report_error(
				EXIT_FAILED, "Its owner may have prepared it, by settings or schemas of others.",
				"Drop it, so that it is created again, or name it with --to to fill it as it is.",
				"database \"%s\" exists, is empty, and belongs to role \"%s\", not to \"%s\" as in "
				"the backup",
				shown, has, wants);
		free(shown);
		free(has);
		free(wants);
	}
	PQclear(result);
	return good;
}

bool
target_database_is_marked(const RestorePlan *plan, const char *mark, bool *marked)
{
	const char *params[2] = {plan->working, mark};
	PGresult *result = connection_query(
		plan->maintenance,
		SQL("SELECT FROM pg_catalog.pg_database d WHERE d.datname = $1::pg_catalog.name"
			" AND pg_catalog.shobj_description(d.oid, 'pg_database') = $2"),
		2, params);

	*marked = result != NULL && PQntuples(result) == 1;
	PQclear(result);
	return result != NULL;
}

/*
 * The maintenance connection has been idle, so that only a question shows
 * whether it is still there.  No longer than this: where what we say gets
 * lost, TCP would wait for two minutes, and there is another way to ask.
 */
static bool
is_answered(Connection *connection)
{
	Deadline deadline = {monotonic_seconds() + ANSWER_SECONDS, NULL, NULL};
	PGresult *result = NULL;
	bool answered;

	if (PQsetnonblocking(connection->pg, 1) == 0 && connection_run_send(connection, SQL("SELECT")))
		result = deadline_results(connection->pg, &deadline);
	answered = result != NULL && PQstatus(connection->pg) == CONNECTION_OK &&
			   PQsetnonblocking(connection->pg, 0) == 0;
	PQclear(result);
	return answered;
}

bool
target_database_reconnect(RestorePlan *plan)
{
	ConnectionTarget *last;
	Connection *again = NULL;
	double until;
	int i;

	if (is_answered(plan->maintenance))
		return true;
	last = target_with_database(plan->target, PQdb(plan->maintenance->pg));
	last->last_word = true;
	until = monotonic_seconds() + CONNECT_SECONDS;
	for (i = 0; again == NULL && i < CONNECT_TRIES && (i == 0 || monotonic_seconds() < until); i++)
	{
		char *message = NULL;

		if (i > 0)
			poll(NULL, 0, CONNECT_INTERVAL_MS);
		again = connection_try(last, &message);
		free(message);
	}
	target_free(last);
	if (again == NULL)
		return false;
	connection_close(plan->maintenance);
	plan->maintenance = again;
	connection_spare(again);
	return true;
}
