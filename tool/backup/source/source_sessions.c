/*-------------------------------------------------------------------------
 *
 * source_sessions.c
 *	  Getting every session of a backup onto one snapshot, with its locks.
 *
 * The leader locks before it takes the snapshot, but pg_dump and the workers
 * are sessions of their own, and can lock only after they have imported it.
 * A session that asks for ACCESS EXCLUSIVE in between waits for the leader,
 * and the others would wait behind that session: a deadlock of which the
 * server knows nothing.  So nobody waits there, and when somebody is kept out
 * all locks are let go, the other session has its turn, and everything is done
 * again.  Copying starts when the last one has its locks; from then on nobody
 * can come in between.
 *
 *-------------------------------------------------------------------------
 */
#include "source_sessions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "moved_objects.h"
#include "progress.h"
#include "sequence_patterns.h"
#include "settings.h"
#include "snapshot_watch.h"
#include "source_server.h"
#include "subprocess.h"
#include "table_locks.h"
#include "work_settings.h"

#define MAX_ROUNDS 1000
#define MIN_ROUNDS 3
#define POLL_MS 10
#define LOOK_EVERY 50        /* polls: at who waits to lock catalogs */
#define SCHEMA_LOCKS_MS 5000 /* by then pg_dump has its locks, or has given up */

typedef enum Round
{
	ROUND_GOOD,
	ROUND_KEPT_OUT, /* somebody wants an exclusive lock */
	ROUND_FAILED    /* reported */
} Round;

static const SqlConstant clear_query = SQL("SELECT pg_catalog.pg_stat_clear_snapshot()");

static const SqlConstant schema_locks_query =
	SQL("SELECT count(DISTINCT l.relation) FILTER (WHERE l.granted),"
		" max(l.pid) FILTER (WHERE NOT l.granted"
		"  AND l.waitstart < pg_catalog.clock_timestamp() - interval '100 ms')"
		" FROM pg_catalog.pg_locks l"
		" JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
		" WHERE a.application_name = $1"
		" AND a.usesysid = (SELECT m.usesysid FROM pg_catalog.pg_stat_activity m"
		"  WHERE m.pid = pg_catalog.pg_backend_pid())"
		" AND l.locktype = 'relation'"
		" AND l.relation = ANY ($2::pg_catalog.oid[])");

/* When the server of a session was started, which tells servers apart; NULL (reported). */
static char *
server_start(Connection *connection)
{
	PGresult *result = connection_query(
		connection, SQL("SELECT pg_catalog.pg_postmaster_start_time()::pg_catalog.text"), 0, NULL);
	char *start = result != NULL ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;

	PQclear(result);
	return start;
}

/*
 * A snapshot is one of one server.  What is between us and the servers, such
 * as a load balancer, may bring each session to another one.
 */
static bool
check_same_server(SourceSessions *sessions)
{
	char *first = server_start(sessions->leader);
	bool good = first != NULL;
	int i;

	for (i = 0; good && i < sessions->settings->work->jobs; i++)
	{
		char *start = server_start(sessions->workers[i]);

		good = start != NULL;
		if (good && strcmp(start, first) != 0)
			good = report_error(EXIT_FAILED, NULL,
								"Name one server with -h, not a load balancer or a list of hosts.",
								"the sessions of the backup reached different servers");
		free(start);
	}
	free(first);
	return good;
}

static bool
open_workers(SourceSessions *sessions)
{
	int jobs = sessions->settings->work->jobs;
	int i;

	sessions->workers = xcalloc((size_t) jobs, sizeof(Connection *));
	for (i = 0; i < jobs; i++)
	{
		sessions->workers[i] = connection_open(sessions->target);
		if (sessions->workers[i] == NULL)
			return false;
	}
	return check_same_server(sessions);
}

/* Have a worker import the snapshot and lock all tables, without waiting for any. */
static Round
bring_worker(SourceSessions *sessions, Connection *worker)
{
	PGresult *failed;
	Round round = ROUND_FAILED;

	if (!snapshot_import(worker, &sessions->snapshot))
		return ROUND_FAILED;
	if (!sessions->lock_ahead)
		return ROUND_GOOD;
	failed = table_locks_take(worker, &sessions->tables, NULL, SQL(" NOWAIT"));
	if (failed == NULL)
		return ROUND_GOOD;
	/* A schema may be renamed in between, too. */
	if (result_has_state(failed, SQLSTATE_LOCK_NOT_AVAILABLE) ||
		result_has_state(failed, SQLSTATE_UNDEFINED_TABLE) ||
		result_has_state(failed, SQLSTATE_UNDEFINED_SCHEMA))
		round = ROUND_KEPT_OUT;
	else
		connection_report(worker, failed, "could not lock the tables");
	PQclear(failed);
	return round;
}

/*
 * Who wants to lock a catalog may wait for the leader, and a worker that needs
 * the catalog behind them, while the leader waits for the worker.
 */
static Round
bring_workers(SourceSessions *sessions)
{
	SnapshotWatch *watch =
		snapshot_watch_start(sessions->leader, sessions->settings, NULL, &sessions->catalogs);
	Round round = watch != NULL ? ROUND_GOOD : ROUND_FAILED;
	int i;

	for (i = 0; i < sessions->settings->work->jobs && round == ROUND_GOOD; i++)
		round = stop_requested() ? ROUND_FAILED : bring_worker(sessions, sessions->workers[i]);
	snapshot_watch_stop(watch, NULL);
	return round;
}

static bool
start_schema(SourceSessions *sessions)
{
	Schema *schema = &sessions->schema;

	memset(schema, 0, sizeof(*schema));
	schema->target = sessions->target;
	schema->database = sessions->database;
	schema->encoding = sessions->encoding;
	schema->snapshot = sessions->snapshot.name;
	schema->bindir = sessions->settings->work->pg_bindir;
	schema->server_version = connection_version(sessions->leader);
	schema->directory = sessions->directory;
	schema->role = sessions->leader->role;
	schema->child_options = sessions->leader->child_options;
	schema->names = sessions->names;
	schema->unread = sessions->unread;
	schema->pg_dump = sessions->pg_dump;
	schema->pg_dump_version = xstrdup(sessions->pg_dump_version);
	schema->application = xasprintf("nex_backup schema %d", PQbackendPID(sessions->leader->pg));
	if (pthread_create(&sessions->schema_thread, NULL, schema_dump, schema) != 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not start a thread");
	sessions->schema_running = true;
	return true;
}

static bool
cancel_backend(SourceSessions *sessions, const char *pid)
{
	const char *params[1] = {pid};
	PGresult *result = connection_query(
		sessions->leader, SQL("SELECT pg_catalog.pg_cancel_backend($1::pg_catalog.int4)"), 1,
		params);

	PQclear(result);
	return result != NULL;
}

/*
 * How many tables pg_dump has locked; -1 (reported) on failure.  If it waits
 * for one, end that: others wait meanwhile, and only we can give way.
 */
static int
schema_locks(SourceSessions *sessions, const char *oids)
{
	const char *params[2] = {sessions->schema.application, oids};
	PGresult *result;
	int count = -1;

	if (!connection_command(sessions->leader, clear_query))
		return -1;
	result = connection_query(sessions->leader, schema_locks_query, 2, params);
	if (result == NULL)
		return -1;
	count = (int) strtol(PQgetvalue(result, 0, 0), NULL, 10);
	if (!PQgetisnull(result, 0, 1) && !cancel_backend(sessions, PQgetvalue(result, 0, 1)))
		count = -1;
	PQclear(result);
	return count;
}

/* pg_dump leaves the configuration tables of extensions to us. */
static int
tables_of_schema(const SourceTables *list)
{
	int count = 0;
	int i;

	for (i = 0; i < list->count; i++)
		count += !list->tables[i].configuration;
	return count;
}

/* Who keeps pg_dump from starting?  False (reported) when the leader's connection is lost. */
static bool
look_at_catalogs(SourceSessions *sessions)
{
	PGresult *failed = NULL;

	if (catalog_waits_look(&sessions->catalogs, sessions->leader, &sessions->schema, &failed))
		return true;
	connection_report(sessions->leader, failed, "could not look at locks");
	PQclear(failed);
	return false;
}

/* Wait until pg_dump has all its locks, or has ended. */
static Round
wait_for_schema_locks(SourceSessions *sessions)
{
	static const struct timespec nap = {0, POLL_MS * 1000000L};
	int wanted = tables_of_schema(&sessions->tables);
	char *oids = source_tables_oids(&sessions->tables);
	Round round = ROUND_GOOD;
	int locked = 0;
	int i;

	for (i = 0; i < SCHEMA_LOCKS_MS / POLL_MS && locked >= 0 && locked < wanted; i++)
	{
		if (stop_requested() || atomic_load(&sessions->schema.ended))
			break;
		nanosleep(&nap, NULL);
		locked = schema_locks(sessions, oids);
		if (locked >= 0 && i % LOOK_EVERY == LOOK_EVERY - 1 && !look_at_catalogs(sessions))
			locked = -1;
	}
	free(oids);
	if (locked < 0 || stop_requested())
		round = ROUND_FAILED;
	else if (atomic_load(&sessions->schema.ended) && sessions->schema.kept_out)
		round = ROUND_KEPT_OUT;
	return round;
}

/* All sessions let go of snapshot and locks. */
static bool
let_go(SourceSessions *sessions)
{
	bool good = true;
	int i;

	if (sessions->schema_running)
		pthread_join(sessions->schema_thread, NULL);
	sessions->schema_running = false;
	schema_free(&sessions->schema);
	for (i = 0; i < sessions->settings->work->jobs && good; i++)
		good = connection_command(sessions->workers[i], SQL("ROLLBACK"));
	good = good && connection_command(sessions->leader, SQL("ROLLBACK"));
	source_tables_free(&sessions->tables);
	snapshot_free(&sessions->snapshot);
	free(sessions->names);
	sessions->names = NULL;
	sequence_patterns_free(sessions->unread);
	sessions->unread = NULL;
	return good;
}

/*
 * Workers lock all tables ahead, unless the backup is to give way anyway, or
 * the server's lock table could get tight: it has room for twice as many
 * holders as locks.
 */
static bool
choose_locking(SourceSessions *sessions)
{
	const Settings *settings = sessions->settings;
	uint64_t holders = (uint64_t) sessions->tables.count * ((uint64_t) settings->work->jobs + 2);
	LockCapacity capacity;

	if (!lock_capacity_read(sessions->leader, &capacity))
		return false;
	sessions->lock_ahead = settings->backup->on_lock_conflict == ON_LOCK_CONFLICT_WAIT &&
						   lock_capacity_suffices(&capacity, holders);
	if (settings->backup->on_lock_conflict == ON_LOCK_CONFLICT_WAIT && !sessions->lock_ahead)
		log_debug("tables are locked one by one, because max_locks_per_transaction is small");
	return true;
}

static Round
start_once(SourceSessions *sessions)
{
	Round round;

	if (!snapshot_take(sessions->leader, sessions->target,
					   sessions->settings->backup->lock_wait_timeout, &sessions->tables,
					   &sessions->snapshot) ||
		!source_tables_check(&sessions->tables) || !choose_locking(sessions))
		return ROUND_FAILED;
	round = bring_workers(sessions);
	if (round != ROUND_GOOD)
		return round;
	sessions->names = moved_objects_names(sessions->leader);
	sessions->unread = sequence_patterns_read(sessions->leader);
	if (sessions->names == NULL || sessions->unread == NULL)
		return ROUND_FAILED;
	return start_schema(sessions) ? wait_for_schema_locks(sessions) : ROUND_FAILED;
}

bool
source_sessions_start(SourceSessions *sessions)
{
	int timeout = sessions->settings->backup->lock_wait_timeout;
	int64_t start = progress_seconds();
	int i;

	sessions->pg_dump =
		find_client_program(sessions->settings->work->pg_bindir, "pg_dump",
							connection_version(sessions->leader), &sessions->pg_dump_version);
	if (sessions->pg_dump == NULL || !open_workers(sessions))
		return false;
	for (i = 0; i < MAX_ROUNDS; i++)
	{
		Round round = start_once(sessions);

		if (round != ROUND_KEPT_OUT)
			return round == ROUND_GOOD;
		log_debug("a session asked for an exclusive lock in between, trying again");
		if (!let_go(sessions))
			return false;
		if (i >= MIN_ROUNDS && timeout > 0 && progress_seconds() - start >= timeout)
			break;
	}
	return report_error(
		EXIT_FAILED,
		"Again and again a session asked for an exclusive lock after the leader had "
		"locked all tables and before the other sessions of the backup had.",
		"Run the backup when no schema changes are under way.",
		"could not lock all tables in all sessions in %d attempts", i + 1);
}

bool
source_sessions_join_schema(SourceSessions *sessions)
{
	if (!sessions->schema_running)
		return false;
	sessions->schema_running = false;
	pthread_join(sessions->schema_thread, NULL);
	if (sessions->schema.kept_out && !stop_requested())
		return report_error(EXIT_FAILED, sessions->schema.warnings,
							"Run the backup again when the schema change is done.",
							"pg_dump could not lock the tables");
	return sessions->schema.good;
}

void
source_sessions_close(SourceSessions *sessions)
{
	int i;

	if (sessions->schema_running)
	{
		stop_request();
		source_sessions_join_schema(sessions);
	}
	for (i = 0; sessions->workers != NULL && i < sessions->settings->work->jobs; i++)
		connection_close(sessions->workers[i]);
	free(sessions->workers);
	free(sessions->pg_dump);
	free(sessions->pg_dump_version);
	schema_free(&sessions->schema);
	source_tables_free(&sessions->tables);
	snapshot_free(&sessions->snapshot);
	free(sessions->names);
	sequence_patterns_free(sessions->unread);
	catalog_waits_end(&sessions->catalogs, NULL);
}
