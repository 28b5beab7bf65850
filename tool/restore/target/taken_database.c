/*-------------------------------------------------------------------------
 *
 * taken_database.c
 *	  An empty database that was there, while a restore fills it.
 *
 * Rows arrive with the rights of the restoring session, so that whoever else
 * was in there could put code beside them.  A limit of connections alone keeps
 * neither the sessions out that are there nor those of the owner, who can lift
 * it from any other database.  So a superuser's restore takes the database:
 * in one transaction it becomes ours and closed, and is renamed and renamed
 * back, which succeeds only when nobody is in it, and until the commit lets
 * nobody in.  Nothing is filled before it was looked at once more.
 *
 * It stays the same database, rather than to be replaced by a new one:
 * replication slots, settings and privileges, also those inside of it, are not
 * lost, and no right to create databases is needed.
 *
 * A role that is no superuser cannot do that, but only its own rights are at
 * stake.  It takes from PUBLIC what lets others in, and ends the sessions that
 * it may end.
 *
 *-------------------------------------------------------------------------
 */
#include "taken_database.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "database_state.h"
#include "interrupt.h"
#include "left_database.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "restore_mark.h"
#include "run_alone.h"

#define POLL_INTERVAL_MS 100
#define POLLS 50

struct TakenDatabase
{
	DatabaseBefore before;
	char oid[16];
	char *mark;   /* the comment that it has meanwhile */
	char *me;     /* the session's user */
	bool owned;   /* it belongs to us for the time */
	bool limited; /* and lets nobody but superusers in */
	bool filled;  /* it was empty, and something may be in it by now */
};

static const SqlConstant state_query =
	SQL("SELECT o.rolname, o.oid::pg_catalog.text, d.datconnlimit,"
		" (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('oid', a.grantee,"
		"   'privilege', a.privilege_type, 'grantable', a.is_grantable))"
		"  FROM pg_catalog.aclexplode(d.datacl) a"
		"  JOIN pg_catalog.pg_roles r ON r.oid = a.grantee AND r.rolsuper"
		"  WHERE a.grantee <> d.datdba),"
		" pg_catalog.shobj_description(d.oid, 'pg_database'), o.rolsuper, session_user,"
		" (SELECT m.rolsuper FROM pg_catalog.pg_roles m WHERE m.rolname = current_user),"
		" (SELECT pg_catalog.string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)"
		"  FROM pg_catalog.aclexplode(coalesce(d.datacl,"
		"   pg_catalog.acldefault('d', d.datdba))) a"
		"  WHERE a.grantee = 0 AND a.privilege_type IN ('CONNECT', 'TEMPORARY')),"
		" d.oid::pg_catalog.text, " MARK_IS_OF_OWNER
		" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba"
		" WHERE d.datname = $1::pg_catalog.name");

static char *
text_at(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : xstrdup(PQgetvalue(result, 0, column));
}

/*
 * If a killed restore had it, then what is in its mark was true before.  The
 * present owner, who has written it, may be no restore; only what a superuser's restore does
 * is believed to be one's, and otherwise what the owner may decide anyway.
 */
static void
believe_mark(TakenDatabase *taken, bool of_superuser)
{
	DatabaseBefore *now = &taken->before;
	bool closed = now->limit == 0;
	DatabaseBefore marked;

	if (!restore_mark_is(now->comment))
		return;
	restore_mark_read(now->comment, &marked);
	if (closed)
		now->limit = marked.limit;
	if (closed && of_superuser && marked.owner_oid != 0)
	{
		free(now->owner);
		now->owner = marked.owner;
		now->owner_oid = marked.owner_oid;
		marked.owner = NULL;
		free(now->grants);
		now->grants = marked.grants;
		marked.grants = NULL;
	}
	if (now->to_public == NULL)
	{
		now->to_public = marked.to_public;
		marked.to_public = NULL;
	}
	free(now->comment);
	now->comment = marked.comment;
	marked.comment = NULL;
	database_before_free(&marked);
}

/* Take down what the database is like. */
static bool
look_at_database(const RestorePlan *plan, TakenDatabase *taken)
{
	const char *params[1] = {plan->working};
	PGresult *result = connection_query(plan->maintenance, state_query, 1, params);
	bool found = result != NULL && PQntuples(result) == 1;
	MarkSession session;

	if (found && !left_database_session(plan->maintenance, &session))
		found = false;
	else if (found)
	{
		taken->before.owner = text_at(result, 0);
		taken->before.owner_oid = (unsigned) strtoul(PQgetvalue(result, 0, 1), NULL, 10);
		taken->before.limit = (int) strtol(PQgetvalue(result, 0, 2), NULL, 10);
		taken->before.grants = text_at(result, 3);
		taken->before.comment = restore_mark_own_comment(plan->maintenance, text_at(result, 4));
		taken->me = text_at(result, 6);
		taken->owned = PQgetvalue(result, 0, 7)[0] == 't';
		taken->before.to_public = text_at(result, 8);
		snprintf(taken->oid, sizeof(taken->oid), "%s", PQgetvalue(result, 0, 9));
		if (PQgetvalue(result, 0, 10)[0] == 't')
			believe_mark(taken, PQgetvalue(result, 0, 5)[0] == 't');
		taken->mark = restore_mark(&plan->backup, &session, &taken->before);
	}
	else if (result != NULL)
	{
		char *shown = printable_name(plan->working);

		report_error(EXIT_FAILED, NULL, NULL, "database \"%s\" does not exist any more", shown);
		free(shown);
	}
	PQclear(result);
	return found;
}

/* ---- statements ---- */

static void
alter(SqlText *sql, const RestorePlan *plan)
{
	sql_append(sql, "ALTER DATABASE ");
	sql_identifier(sql, plan->working);
}

static void
add_owner(SqlText *sql, const RestorePlan *plan, const char *owner)
{
	alter(sql, plan);
	sql_append(sql, " OWNER TO ");
	sql_identifier(sql, owner);
	sql_append(sql, "; ");
}

static void
add_limit(SqlText *sql, const RestorePlan *plan, int limit)
{
	alter(sql, plan);
	sql_append(sql, " CONNECTION LIMIT ");
	sql_signed(sql, limit);
	sql_append(sql, "; ");
}

/* Privileges such as "CONNECT, TEMPORARY"; what is none is left out. */
static void
add_to_public(SqlText *sql, const RestorePlan *plan, const char *privileges, bool grant)
{
	bool connect = privileges != NULL && strstr(privileges, "CONNECT") != NULL;
	bool temporary = privileges != NULL && strstr(privileges, "TEMPORARY") != NULL;

	if (!connect && !temporary)
		return;
	if (grant)
		sql_append(sql, "GRANT ");
	else
		sql_append(sql, "REVOKE ");
	if (connect)
		sql_append(sql, "CONNECT");
	if (connect && temporary)
		sql_append(sql, ", ");
	if (temporary)
		sql_append(sql, "TEMPORARY");
	sql_append(sql, " ON DATABASE ");
	sql_identifier(sql, plan->working);
	if (grant)
		sql_append(sql, " TO PUBLIC; ");
	else
		sql_append(sql, " FROM PUBLIC; ");
}

/* Let the maintenance connection act as the session's user, or again as its role. */
static bool act_as_session(const RestorePlan *plan, bool session);

/*
 * Run commands in one transaction, which leave the same when they are run twice.  Whoever owns the
 * database, or may grant something on it, can change its row at the same moment; then once more.
 * Likewise if the connection is lost at them, as nobody knows what became of them.
 */
static bool
run_patiently(RestorePlan *plan, const SqlText *sql)
{
	bool lost = false;
	int i;

	for (i = 0; i < POLLS; i++)
	{
		PGresult *result = connection_exec(plan->maintenance, sql);
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		bool again = state != NULL && strcmp(state, CONCURRENTLY_UPDATED) == 0;
		bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

		PQclear(result);
		if (good)
			return true;
		if (!again && !lost && PQstatus(plan->maintenance->pg) != CONNECTION_OK)
		{
			lost = again = target_database_reconnect(plan) && act_as_session(plan, plan->superuser);
			if (again)
				log_warning("the connection to the server was lost, and made again");
		}
		if (!again)
			break;
		poll(NULL, 0, POLL_INTERVAL_MS);
	}
	return connection_command(plan->maintenance, sql);
}

static bool
act_as_session(const RestorePlan *plan, bool session)
{
	const char *role = plan->maintenance->role;
	SqlText sql;
	bool good;

	if (role == NULL || strcmp(role, "none") == 0)
		return true;
	if (session)
		return connection_command(plan->maintenance, SQL("SET ROLE NONE"));
	sql_init(&sql);
	sql_append(&sql, "SET ROLE ");
	sql_identifier(&sql, role);
	good = connection_command(plan->maintenance, &sql);
	sql_free(&sql);
	return good;
}

/* ---- as a superuser ---- */

/* The transaction; the name in between is never seen by anybody. */
static void
closing_commands(const RestorePlan *plan, const TakenDatabase *taken, SqlText *sql)
{
	char *aside = xasprintf("nex_backup_%ld_%lld", (long) getpid(), (long long) time(NULL));

	sql_append(sql, "BEGIN; SET LOCAL lock_timeout = '" DATABASE_LOCK_TIMEOUT "'; ");
	if (taken->owned)
		add_owner(sql, plan, taken->me);
	add_limit(sql, plan, 0);
	database_comment_add(sql, plan->working, taken->mark);
	alter(sql, plan);
	sql_append(sql, " RENAME TO ");
	sql_identifier(sql, aside);
	sql_append(sql, "; ALTER DATABASE ");
	sql_identifier(sql, aside);
	sql_append(sql, " RENAME TO ");
	sql_identifier(sql, plan->working);
	sql_append(sql, "; COMMIT");
	free(aside);
}

static bool
close_as_superuser(const RestorePlan *plan, TakenDatabase *taken)
{
	char *shown = printable_name(plan->working);
	char *what = xasprintf("could not close database \"%s\" to others", shown);
	SqlText sql;
	bool good;

	sql_init(&sql);
	closing_commands(plan, taken, &sql);
	good = act_as_session(plan, true) && target_database_run_alone(plan, &sql, what);
	taken->limited = good;
	taken->owned = taken->owned && good;
	good = act_as_session(plan, false) && good;
	sql_free(&sql);
	free(what);
	free(shown);
	return good;
}

/* ---- as another role ---- */

/* May we connect, now that PUBLIC may not?  A member that does not inherit lives from that. */
static bool
may_connect(const RestorePlan *plan)
{
	const char *params[1] = {plan->working};
	PGresult *result =
		connection_query(plan->maintenance,
						 SQL("SELECT pg_catalog.has_database_privilege(session_user, "
							 "$1::pg_catalog.text, 'CONNECT')"),
						 1, params);
	bool may = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';

	PQclear(result);
	return may;
}

/* End the sessions of other roles in it that we may end; how many there were. */
static int
end_sessions(const RestorePlan *plan)
{
	const char *params[1] = {plan->working};
	PGresult *result =
		connection_query(plan->maintenance,
						 SQL("SELECT a.pid::pg_catalog.text FROM pg_catalog.pg_stat_activity a"
							 " WHERE a.datname = $1::pg_catalog.name AND a.usename <> session_user"
							 " AND a.pid <> pg_catalog.pg_backend_pid()"),
						 1, params);
	int count = result != NULL ? PQntuples(result) : 0;
	int i;

	for (i = 0; i < count; i++)
	{
		SqlText sql;

		/* Whether it could be ended is seen when they are counted again. */
		sql_init(&sql);
		sql_append(&sql, "SELECT pg_catalog.pg_terminate_backend(");
		if (sql_checked_number(&sql, PQgetvalue(result, i, 0)))
		{
			sql_append(&sql, ")");
			PQclear(connection_exec(plan->maintenance, &sql));
		}
		sql_free(&sql);
	}
	PQclear(result);
	return count;
}

static void
end_sessions_patiently(const RestorePlan *plan)
{
	int left;
	int i;

	for (i = 0; (left = end_sessions(plan)) > 0 && i < POLLS && !stop_requested(); i++)
		poll(NULL, 0, POLL_INTERVAL_MS);
	if (left > 0)
	{
		char *shown = printable_name(plan->working);

		log_warning_hint("Their code could run with the rights of this role while rows are loaded. "
						 "End them, or restore as a superuser.",
						 "%d other session%s of database \"%s\" cannot be ended by this role", left,
						 left == 1 ? "" : "s", shown);
		free(shown);
	}
}

static bool
close_as_owner(const RestorePlan *plan, TakenDatabase *taken)
{
	SqlText sql;
	bool good;

	taken->owned = false;
	sql_init(&sql);
	sql_append(&sql, "BEGIN; ");
	database_comment_add(&sql, plan->working, taken->mark);
	sql_append(&sql, "SAVEPOINT closed; ");
	add_to_public(&sql, plan, taken->before.to_public, false);
	good = connection_command(plan->maintenance, &sql) &&
		   (may_connect(plan) ||
			connection_command(plan->maintenance, SQL("ROLLBACK TO SAVEPOINT closed"))) &&
		   connection_command(plan->maintenance, SQL("COMMIT"));
	sql_free(&sql);
	if (!good)
		PQclear(connection_exec(plan->maintenance, SQL("ROLLBACK")));
	else
		end_sessions_patiently(plan);
	return good;
}

/* ---- giving it back ---- */

/* Is there a role of this name still?  While the database was ours, it could be dropped. */
static bool
owner_is_there(const RestorePlan *plan, DatabaseBefore *before)
{
	char oid[16];
	const char *params[1] = {oid};
	PGresult *result;
	bool there;

	/* The number is the same when the role was renamed, or its name is no UTF-8. */
	snprintf(oid, sizeof(oid), "%u", before->owner_oid);
	result = connection_query(
		plan->maintenance,
		SQL("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = $1::pg_catalog.oid"), 1, params);
	there = result != NULL && PQntuples(result) == 1;
	if (there)
	{
		free(before->owner);
		before->owner = xstrdup(PQgetvalue(result, 0, 0));
	}
	else if (result != NULL)
	{
		char *shown = printable_name(plan->working);
		char *role = printable_name(before->owner);

		log_warning("role \"%s\", the owner of database \"%s\", does not exist any more", role,
					shown);
		free(role);
		free(shown);
	}
	PQclear(result);
	return there;
}

/* What was granted by name to a superuser who took it became one with what an owner has. */
static bool
grant_again(RestorePlan *plan, const TakenDatabase *taken)
{
	const char *params[1] = {taken->before.grants};
	PGresult *result;
	bool good;
	int i;

	if (taken->before.grants == NULL)
		return true;
	result = connection_query(
		plan->maintenance,
		SQL("SELECT g.privilege, g.grantable, r.rolname"
			" FROM pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)"
			" AS g(oid pg_catalog.oid, privilege pg_catalog.text, grantable pg_catalog.bool)"
			" JOIN pg_catalog.pg_roles r ON r.oid = g.oid"),
		1, params);
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result); i++)
	{
		SqlText sql;

		sql_init(&sql);
		sql_append(&sql, "GRANT ");
		good = sql_keyword(&sql, PQgetvalue(result, i, 0));
		sql_append(&sql, " ON DATABASE ");
		sql_identifier(&sql, plan->working);
		sql_append(&sql, " TO ");
		sql_identifier(&sql, PQgetvalue(result, i, 2));
		if (PQgetvalue(result, i, 1)[0] == 't')
			sql_append(&sql, " WITH GRANT OPTION");
		good = good && run_patiently(plan, &sql);
		sql_free(&sql);
	}
	PQclear(result);
	return good;
}

bool
taken_database_give(RestorePlan *plan)
{
	TakenDatabase *taken = plan->progress->taken;
	SqlText sql;
	bool good;

	if (!act_as_session(plan, plan->superuser))
		return false;
	sql_init(&sql);
	if (!plan->superuser)
		add_to_public(&sql, plan, taken->before.to_public, true);
	else if (taken->owned && owner_is_there(plan, &taken->before))
		add_owner(&sql, plan, taken->before.owner);
	good = sql_length(&sql) == 0 ||
		   (run_patiently(plan, &sql) && (!plan->superuser || grant_again(plan, taken)));
	/* A mark that is older than a change counts no more. */
	if (good && sql_length(&sql) > 0)
	{
		sql_reset(&sql);
		database_comment_add(&sql, plan->working, taken->mark);
		good = run_patiently(plan, &sql);
	}
	taken->owned = taken->owned && !good;
	sql_free(&sql);
	return good;
}

bool
taken_database_open(RestorePlan *plan, int limit)
{
	TakenDatabase *taken = plan->progress->taken;
	bool marked;
	SqlText sql;
	bool good;

	if (!target_database_is_marked(plan, taken->mark, &marked))
		return false;
	sql_init(&sql);
	if (marked)
		database_comment_add(&sql, plan->working, taken->before.comment);
	if (taken->limited || limit != taken->before.limit)
		add_limit(&sql, plan, limit);
	good = sql_length(&sql) == 0 ||
		   (act_as_session(plan, plan->superuser) && run_patiently(plan, &sql));
	if (good)
		taken->limited = false;
	sql_free(&sql);
	return good;
}

int
taken_database_limit(const RestorePlan *plan)
{
	return plan->progress->taken->before.limit;
}

/* Does it hold nothing still?  Then its comment need not say what was begun. */
static bool
holds_nothing(const RestorePlan *plan, const ConnectionTarget *last)
{
	bool empty = false;

	return !plan->progress->taken->filled ||
		   (target_database_is_empty(last, plan->working, &empty) && empty);
}

void
taken_database_give_back(RestorePlan *plan)
{
	TakenDatabase *taken = plan->progress->taken;
	ConnectionTarget *last;
	char *shown;
	bool empty = false;
	bool good;
	SqlText sql;

	if (taken == NULL || taken->mark == NULL)
		return;

	/* The user may have interrupted us; this must be done all the same. */
	last = target_with_database(plan->target, PQdb(plan->maintenance->pg));
	last->last_word = true;
	good = target_database_reconnect(plan);
	empty = good && holds_nothing(plan, last);
	good = good && (!plan->superuser || act_as_session(plan, true)) && taken_database_give(plan);
	sql_init(&sql);
	if (taken->limited)
		add_limit(&sql, plan, taken->before.limit);
	if (empty)
		database_comment_add(&sql, plan->working, taken->before.comment);
	good = good && (sql_length(&sql) == 0 || run_patiently(plan, &sql));
	sql_free(&sql);
	shown = printable_name(plan->working);
	if (!good)
		log_warning_hint("\"nex_backup doctor\" shows the commands that give it back.",
						 "database \"%s\" could not be opened to others again", shown);
	if (!empty)
		log_warning_hint("Drop it, or empty it, before you restore into it again.",
						 "database \"%s\" may hold a part of the backup", shown);
	free(shown);
	target_free(last);
}

/* By its name somebody else may have put another one in its place before it was closed. */
static bool
is_same(const RestorePlan *plan, const TakenDatabase *taken)
{
	const char *params[2] = {plan->working, taken->oid};
	PGresult *result = connection_query(plan->maintenance,
										SQL("SELECT FROM pg_catalog.pg_database WHERE datname = "
											"$1::pg_catalog.name AND oid = $2::pg_catalog.oid"),
										2, params);
	bool same = result != NULL && PQntuples(result) == 1;

	if (result != NULL && !same)
	{
		char *shown = printable_name(plan->working);

		report_error(EXIT_FAILED, NULL, "Look into it; then drop it.",
					 "database \"%s\" was exchanged for another one", shown);
		free(shown);
	}
	PQclear(result);
	return same;
}

bool
taken_database_take(const RestorePlan *plan)
{
	TakenDatabase *taken = xcalloc(1, sizeof(*taken));
	bool empty = false;
	char *shown;

	plan->progress->taken = taken;
	if (!look_at_database(plan, taken))
		return false;
	if (!target_database_check_owner(plan) ||
		!(plan->superuser ? close_as_superuser(plan, taken) : close_as_owner(plan, taken)))
	{
		/* Nothing was changed. */
		free(taken->mark);
		taken->mark = NULL;
		return false;
	}
	if (!is_same(plan, taken) || !target_database_is_empty(plan->target, plan->working, &empty))
		return false;
	taken->filled = empty;
	if (empty)
		return true;
	shown = printable_name(plan->working);
	report_error(EXIT_FAILED, NULL, "Look into it; then drop it, or empty it.",
				 "database \"%s\" is not empty any more", shown);
	free(shown);
	return false;
}

void
taken_database_free(TakenDatabase *taken)
{
	if (taken == NULL)
		return;
	database_before_free(&taken->before);
	free(taken->mark);
	free(taken->me);
	free(taken);
}
