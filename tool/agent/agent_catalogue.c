/*-------------------------------------------------------------------------
 *
 * agent_catalogue.c
 *	  The agent's session with the catalog, and the functions of the queue.
 *
 * Not postgres/connection.c: that cancels everything when a signal comes, but an
 * agent that is told to stop still has to say how its runs ended.
 *
 * Every call is one transaction, in which the extension is held before what is
 * called of it (extension_hold.c).  A call that fails ends the
 * session, whatever the reason: the next one starts clean, and the fence makes
 * a call that was repeated harmless.  An answer that does not come in time is
 * such a failure; how it is waited for is the agent's business.
 *
 *-------------------------------------------------------------------------
 */
#include "agent_catalogue.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "extension_hold.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "session_pins.h"
#include "sql_build.h"
#include "version.h"

#define STATEMENT_TIMEOUT "SET statement_timeout = '20s'; SET lock_timeout = '15s';"

/* Longer than those two, which a server may ignore; so short that another session may follow. */
#define CALL_SECONDS 25.0
#define CONNECT_SECONDS 5

/* So many agents have the same name, and numbers behind it. */
#define MAX_NAMESAKES 1000

/* Log a warning, with the first line of a message. */
static void
warn(const char *what, const char *message)
{
	char *line = xstrdup(message[0] != '\0' ? message : "it does not answer");

	line[strcspn(line, "\n")] = '\0';
	log_warning("%s: %s", what, line);
	free(line);
}

void
catalogue_disconnect(AgentCatalogue *catalogue)
{
	char *message = NULL;

	if (catalogue->connecting != NULL)
		catalogue->pg = connect_hosts_end(catalogue->connecting, &message);
	catalogue->connecting = NULL;
	free(message);
	if (catalogue->pg != NULL)
		PQfinish(catalogue->pg);
	catalogue->pg = NULL;
}

/* The result of what was sent; NULL if it does not come in time. */
static PGresult *
result_of(AgentCatalogue *catalogue, int sent)
{
	Deadline deadline = {monotonic_seconds() + CALL_SECONDS, catalogue->wait, catalogue->argument};

	catalogue->asked = monotonic_seconds();
	return sent == 1 ? deadline_results(catalogue->pg, &deadline) : NULL;
}

/* Run statements without parameters in a session that is being set up. */
static PGresult *
ask(AgentCatalogue *catalogue, SqlConstant sql)
{
	return result_of(catalogue, PQsendQuery(catalogue->pg, sql.text));
}

/* A call has failed, of which the session is the witness: the next one starts clean. */
static void
end_session(AgentCatalogue *catalogue, const char *message)
{
	warn("the catalog could not be asked", message);
	catalogue_disconnect(catalogue);
}

/* Begin a transaction in which a function of the extension may be called; or the session has ended.
 */
static bool
begin(AgentCatalogue *catalogue)
{
	PGresult *result = ask(catalogue, SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"));
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
	char *problem = NULL;

	PQclear(result);
	if (good)
	{
		result = ask(catalogue, extension_hold_sql());
		good = PQresultStatus(result) == PGRES_TUPLES_OK;
		if (good)
			problem = extension_hold_problem(result);
		PQclear(result);
	}
	if (!good || problem != NULL)
		end_session(catalogue, problem != NULL ? problem : PQerrorMessage(catalogue->pg));
	free(problem);
	return catalogue->pg != NULL;
}

/* Run one statement; NULL, and the session ended, if it does not give rows. */
static PGresult *
call_unheld(AgentCatalogue *catalogue, SqlConstant sql, int count, const char *const *parameters)
{
	PGresult *result;

	if (catalogue->pg == NULL)
		return NULL;
	result = result_of(catalogue, PQsendQueryParams(catalogue->pg, sql.text, count, NULL,
													parameters, NULL, NULL, 0));
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
		return result;
	end_session(catalogue, PQerrorMessage(catalogue->pg));
	PQclear(result);
	return NULL;
}

/* The same in a transaction in which what is called is known to be the extension's. */
static PGresult *
call(AgentCatalogue *catalogue, SqlConstant sql, int count, const char *const *parameters)
{
	PGresult *result;
	PGresult *commit;

	if (catalogue->pg == NULL || !begin(catalogue))
		return NULL;
	result = call_unheld(catalogue, sql, count, parameters);
	if (result == NULL)
		return NULL;
	commit = ask(catalogue, SQL("COMMIT"));
	if (PQresultStatus(commit) != PGRES_COMMAND_OK)
	{
		end_session(catalogue, PQerrorMessage(catalogue->pg));
		PQclear(result);
		result = NULL;
	}
	PQclear(commit);
	return result;
}

static char *
value_of(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : xstrdup(PQgetvalue(result, 0, column));
}

/* One value as text; NULL if the session is lost (or the value is null). */
static char *
call_value(AgentCatalogue *catalogue, SqlConstant sql, int count, const char *const *parameters)
{
	PGresult *result = call(catalogue, sql, count, parameters);
	char *value = result != NULL ? value_of(result, 0) : NULL;

	PQclear(result);
	return value;
}

/* ---- the session ---- */

/* The timeouts are first, for one that the database has may be short. */
static bool
pin(AgentCatalogue *catalogue)
{
	PGresult *result;
	bool good;

	result = ask(catalogue,
				 SQL(STATEMENT_TIMEOUT
					 "SELECT pg_catalog.set_config('search_path', '', false);"
					 "SET idle_in_transaction_session_timeout = 0; SET DateStyle = 'ISO, MDY';"
					 "SET IntervalStyle = 'postgres'; SET standard_conforming_strings = on;"
					 "SET default_transaction_isolation = 'read committed';"
					 "SET default_transaction_read_only = off;"
					 "SET default_transaction_deferrable = off; SET jit = off;"
					 "SET max_parallel_workers_per_gather = 0;"
					 "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
					 " WHERE name IN ('transaction_timeout', 'idle_session_timeout')"));
	good = PQresultStatus(result) == PGRES_TUPLES_OK;
	PQclear(result);
	if (good)
	{
		result = ask(catalogue, (SqlConstant){session_role_sql(catalogue->target)});
		good = PQresultStatus(result) == PGRES_TUPLES_OK;
		PQclear(result);
	}
	return good;
}

/* The extension must be there, and speak our language. */
static bool
check_version(AgentCatalogue *catalogue)
{
	PGresult *result =
		call_unheld(catalogue,
					SQL("SELECT coalesce((SELECT extversion FROM pg_catalog.pg_extension"
						" WHERE extname OPERATOR(pg_catalog.=) 'nex_backup'), '')"),
					0, NULL);
	char *version = result != NULL ? value_of(result, 0) : NULL;
	bool good = version != NULL && strcmp(version, NEX_BACKUP_VERSION) == 0;

	PQclear(result);
	if (version != NULL && !good)
	{
		catalogue->refused = true;
		if (version[0] == '\0')
			report_error(EXIT_USAGE, NULL, "\"CREATE EXTENSION nex_backup\" there first.",
						 "the database of the catalog does not have the extension nex_backup");
		else
			report_error(EXIT_USAGE, "Both must be of the same version.",
						 "Update the older one: the program, or the extension with \"ALTER "
						 "EXTENSION nex_backup UPDATE\".",
						 "the catalog is of version %s, this program of version %s", version,
						 NEX_BACKUP_VERSION);
		catalogue_disconnect(catalogue);
	}
	free(version);
	return good;
}

/* Warn if the queue is not for agents. */
static void
check_executor(AgentCatalogue *catalogue)
{
	PGresult *result;

	if (!begin(catalogue))
		return;
	result = ask(catalogue, SQL("SELECT pg_catalog.substr(nex_backup.setting('executor'), 1, 40)"));
	/* Who may not ask cannot be warned. */
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 &&
		strcmp(PQgetvalue(result, 0, 0), "agent") != 0)
		log_warning_hint("Set it to \"agent\" in the catalog's server or database.",
						 "setting nex_backup.executor is \"%s\": agents get no runs",
						 PQgetvalue(result, 0, 0));
	PQclear(result);
	PQclear(ask(catalogue, SQL("ROLLBACK")));
}

/* What the user did not say about the connection: the primary, and no endless waits. */
bool
catalogue_connect_begin(AgentCatalogue *catalogue)
{
	static const ConnectDefault defaults[] = {
		{"target_session_attrs", "read-write"},
		{"fallback_application_name", "nex_backup agent"},
		{"keepalives_idle", "10"},
		{"keepalives_interval", "5"},
		{"keepalives_count", "3"},
		{"tcp_user_timeout", "20000"},
		{"client_encoding", "UTF8"},
		{NULL, NULL},
	};

	catalogue->connecting = connect_hosts_begin(catalogue->target, defaults, CONNECT_SECONDS);
	return catalogue->connecting != NULL;
}

bool
catalogue_connect_is_over(const AgentCatalogue *catalogue)
{
	return wait_for_socket(connect_hosts_descriptor(catalogue->connecting), POLLIN, 0) ==
		   WAIT_READY;
}

bool
catalogue_connect_end(AgentCatalogue *catalogue, bool quiet)
{
	char *message = NULL;
	bool connected;
	bool more;

	catalogue->pg = connect_hosts_end(catalogue->connecting, &message);
	catalogue->connecting = NULL;
	connected = catalogue->pg != NULL;
	more = session_pins_more(catalogue->target, PQserverVersion(catalogue->pg),
							 connected ? "" : message);
	if (!connected || !pin(catalogue))
	{
		if (connected && !more)
			warn("the session with the catalog could not be set up", PQerrorMessage(catalogue->pg));
		else if (!more && !quiet)
			warn("could not connect to the catalog, trying again", message);
		free(message);
		catalogue_disconnect(catalogue);
		/* At once, with what is known now. */
		if (more)
			catalogue_connect_begin(catalogue);
		return false;
	}
	if (!check_version(catalogue))
		return false;
	PQclear(ask(catalogue, SQL("LISTEN nex_backup")));
	check_executor(catalogue);
	if (catalogue->pg == NULL)
		return false;
	/* Runs that we work on were claimed under the name that we had before. */
	if (catalogue->name == NULL)
		catalogue->name = xstrdup(catalogue->base_name);
	catalogue->named = false;
	return true;
}

bool
catalogue_notified(AgentCatalogue *catalogue)
{
	bool any = false;
	PGnotify *notify;

	if (catalogue->pg == NULL)
		return false;
	if (PQconsumeInput(catalogue->pg) == 0)
	{
		warn("lost the connection to the catalog", PQerrorMessage(catalogue->pg));
		catalogue_disconnect(catalogue);
		return false;
	}
	while ((notify = PQnotifies(catalogue->pg)) != NULL)
	{
		any = true;
		PQfreemem(notify);
	}
	return any;
}

/* ---- the queue ---- */

static PGresult *
ask_advance(AgentCatalogue *catalogue)
{
	const char *parameters[3];
	char pid[24];

	snprintf(pid, sizeof(pid), "%d", (int) getpid());
	parameters[0] = catalogue->name;
	parameters[1] = catalogue->host;
	parameters[2] = pid;
	return call(catalogue,
				SQL("SELECT pg_catalog.substr(a.state, 1, 40), a.startable::pg_catalog.int4,"
					" pg_catalog.date_part('epoch', a.wait), pg_catalog.substr(a.detail, 1, 1000)"
					" FROM nex_backup.advance($1, false, $2, $3::pg_catalog.int4) a"),
				3, parameters);
}

/*
 * Ask under a name that no other agent has: a second agent on a host is
 * "host-2".  Which are taken, the queue knows; NULL if the session is lost.
 */
static PGresult *
advance_by_name(AgentCatalogue *catalogue)
{
	PGresult *result = ask_advance(catalogue);
	int number;

	for (number = 1; result != NULL && strcmp(PQgetvalue(result, 0, 0), "name taken") == 0;
		 number++)
	{
		PQclear(result);
		result = NULL;
		if (number > MAX_NAMESAKES)
		{
			log_warning("no name is left: %d agents are called \"%s\"", MAX_NAMESAKES,
						catalogue->base_name);
			catalogue_disconnect(catalogue);
			break;
		}
		free(catalogue->name);
		catalogue->name = number == 1 ? xstrdup(catalogue->base_name)
									  : xasprintf("%s-%d", catalogue->base_name, number);
		catalogue->named = false;
		result = ask_advance(catalogue);
	}
	if (result != NULL && !catalogue->named)
	{
		log_info("connected to the catalog as agent \"%s\"", catalogue->name);
		catalogue->named = true;
	}
	return result;
}

char *
catalogue_advance(AgentCatalogue *catalogue, int *startable, double *wait, char **detail)
{
	PGresult *result = advance_by_name(catalogue);
	char *state;

	if (result == NULL)
		return NULL;
	state = value_of(result, 0);
	*startable = (int) strtol(PQgetvalue(result, 0, 1), NULL, 10);
	*wait = strtod(PQgetvalue(result, 0, 2), NULL);
	*detail = value_of(result, 3);
	PQclear(result);
	return state != NULL ? state : xstrdup("unknown");
}

/* The words of the run, one row each, because libpq has no parser for arrays. */
static bool
read_words(const PGresult *result, AgentRun *run)
{
	int i;

	run->nwords = PQntuples(result);
	run->words = xcalloc((size_t) run->nwords + 1, sizeof(char *));
	for (i = 0; i < run->nwords; i++)
		run->words[i] = xstrdup(PQgetvalue(result, i, 8));
	return run->nwords > 0;
}

/* A time that others have set; NaN, infinity and negative ones would be none. */
static double
seconds_of(const PGresult *result, int column, double otherwise)
{
	double seconds =
		PQgetisnull(result, 0, column) ? otherwise : strtod(PQgetvalue(result, 0, column), NULL);

	return seconds >= 0 && seconds < 1e9 ? seconds : otherwise;
}

bool
catalogue_claim(AgentCatalogue *catalogue, AgentRun *run)
{
	const char *parameters[3];
	char pid[24];
	PGresult *result;
	bool got;

	memset(run, 0, sizeof(*run));
	snprintf(pid, sizeof(pid), "%d", (int) getpid());
	parameters[0] = catalogue->name;
	parameters[1] = catalogue->host;
	parameters[2] = pid;
	result = call(
		catalogue,
		SQL("SELECT c.run::pg_catalog.int8, c.fence::pg_catalog.int8, pg_catalog.substr(c.job, 1, "
			"200),"
			" pg_catalog.substr(c.kind, 1, 40), pg_catalog.substr(c.database, 1, 200),"
			" c.timeout_seconds::pg_catalog.float8, c.kill_grace_seconds::pg_catalog.float8, w.n,"
			" pg_catalog.substr(w.word, 1, 10000)"
			" FROM nex_backup.claim($1, false, $2, $3::pg_catalog.int4) c"
			" LEFT JOIN LATERAL pg_catalog.unnest(c.argv) WITH ORDINALITY w (word, n)"
			" ON true ORDER BY w.n LIMIT 1000"),
		3, parameters);
	if (result == NULL)
		return false;
	got = !PQgetisnull(result, 0, 0);
	if (got)
	{
		run->run = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		run->fence = value_of(result, 1);
		run->job = value_of(result, 2);
		run->kind = value_of(result, 3);
		run->database = value_of(result, 4);
		run->timeout = seconds_of(result, 5, 0);
		run->kill_grace = seconds_of(result, 6, 30);
		if (!PQgetisnull(result, 0, 8))
			read_words(result, run);
	}
	PQclear(result);
	return got;
}

void
agent_run_free(AgentRun *run)
{
	int i;

	for (i = 0; i < run->nwords; i++)
		free(run->words[i]);
	free(run->words);
	free(run->fence);
	free(run->job);
	free(run->kind);
	free(run->database);
	memset(run, 0, sizeof(*run));
}

char *
catalogue_start(AgentCatalogue *catalogue, const AgentRun *run, int pid)
{
	const char *parameters[3];
	char number[24];
	char child[24];

	snprintf(number, sizeof(number), "%lld", (long long) run->run);
	snprintf(child, sizeof(child), "%d", pid);
	parameters[0] = number;
	parameters[1] = run->fence;
	parameters[2] = child;
	return call_value(catalogue,
					  SQL("SELECT nex_backup.start($1::pg_catalog.int8, $2::pg_catalog.int8,"
						  " $3::pg_catalog.int4)::pg_catalog.bool"),
					  3, parameters);
}

char *
catalogue_heartbeat(AgentCatalogue *catalogue, const AgentRun *run, const char *progress)
{
	const char *parameters[3];
	char number[24];

	snprintf(number, sizeof(number), "%lld", (long long) run->run);
	parameters[0] = number;
	parameters[1] = run->fence;
	parameters[2] = progress;
	return call_value(catalogue,
					  SQL("SELECT pg_catalog.substr(nex_backup.heartbeat($1::pg_catalog.int8,"
						  " $2::pg_catalog.int8, $3), 1, 40)"),
					  3, parameters);
}

char *
catalogue_finish(AgentCatalogue *catalogue, const AgentRun *run, const char *exit_code,
				 const char *signal, const char *stopped, const char *error, const char *log_tail)
{
	const char *parameters[7];
	char number[24];

	snprintf(number, sizeof(number), "%lld", (long long) run->run);
	parameters[0] = number;
	parameters[1] = run->fence;
	parameters[2] = exit_code;
	parameters[3] = signal;
	parameters[4] = stopped;
	parameters[5] = error;
	parameters[6] = log_tail;
	return call_value(catalogue,
					  SQL("SELECT pg_catalog.substr(nex_backup.finish($1::pg_catalog.int8,"
						  " $2::pg_catalog.int8, $3::pg_catalog.int4, $4::pg_catalog.int4, $5,"
						  " $6, $7), 1, 40)"),
					  7, parameters);
}
