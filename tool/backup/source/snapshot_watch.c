/*-------------------------------------------------------------------------
 *
 * snapshot_watch.c
 *	  The leader's transaction while others work.
 *
 * An ACCESS SHARE lock disturbs nobody until a session wants ACCESS
 * EXCLUSIVE on the table.  That session waits, and everybody who comes later,
 * readers too, waits behind it: one ALTER TABLE makes an outage out of a
 * backup.  PostgreSQL releases locks only at the end of a transaction, and
 * the snapshot lives in the same one, so there are two ways out: they wait
 * until the backup is done, or the backup gives way.
 *
 * The question is asked on the leader's own connection, which has nothing
 * else to do.  That keeps it from being idle, and its loss is noticed within
 * a second instead of after hours of copying.
 *
 * pg_dump waits as well: it asks the server for the text of views, rules and
 * the like, which locks what they use, and its own --lock-wait-timeout does
 * not hold there.  Whoever owns such an object could stop the backups of all
 * databases, so we look how long it waits, too: each time, and in all, as
 * many short waits are a long one.
 *
 *-------------------------------------------------------------------------
 */
#include "snapshot_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_settings.h"
#include "backup_warning.h"
#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "quote.h"
#include "settings.h"
#include "table_locks.h"

#define MAX_CONFLICTS 100    /* that are remembered */
#define WARN_AFTER 1.0       /* seconds: shorter waits disturb nobody */
#define ABORT_AFTER 2.0      /* seconds that a session waits before the backup gives way */
#define REMIND_INTERVAL 60.0 /* seconds between warnings of the same wait */
#define WATCH_INTERVAL 1     /* second */
#define ALL_WAITS 3          /* pg_dump may wait so many times --lock-wait-timeout in all */

/* One session that waits, or has waited, behind this backup. */
typedef struct Conflict
{
	char *pid;
	char *table; /* for people */
	char *who;
	double waited; /* seconds */
	double warned; /* how long it had waited at the last warning; 0: none yet */
} Conflict;

/* How long pg_dump has waited for locks, as far as it was seen. */
typedef struct SchemaWaits
{
	double total;  /* seconds */
	double looked; /* by monotonic_seconds() */
	bool waiting;  /* at the last look */
	char *last;    /* "public.a, which process 4711 (...) had locked"; NULL: none yet */
} SchemaWaits;

struct SnapshotWatch
{
	Connection *leader;
	LockConflictPolicy policy;
	int max_age;           /* seconds; 0: any */
	int lock_wait_timeout; /* seconds, of pg_dump; 0: any */
	const Schema *schema;  /* NULL: there is no pg_dump yet */
	bool said;             /* that it waits */
	SchemaWaits waits;
	int64_t started;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stopping;
	SqlText pids; /* of our sessions: "4711,4712" */
	Conflict conflicts[MAX_CONFLICTS];
	int nconflicts;
	CatalogWaits *catalogs;
};

/*
 * The first command makes the second see the sessions of this moment: within
 * a transaction pg_stat_activity stays what it was.  The relation may be newer
 * than our snapshot, an index; regclass finds it all the same.
 * pg_blocking_pids() would not see the replay of a standby waiting.
 */
static const SqlConstant waiting_query =
	SQL("SELECT pg_catalog.pg_stat_clear_snapshot();"
		"SELECT w.pid, w.relation::pg_catalog.regclass, coalesce(nullif(a.application_name, ''),"
		" a.backend_type), a.usename,"
		" coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - w.waitstart), 0),"
		" (SELECT count(*) FROM pg_catalog.pg_locks b WHERE NOT b.granted AND b.pid <> w.pid"
		"  AND b.locktype = 'relation' AND b.database = w.database AND b.relation = w.relation)"
		" FROM pg_catalog.pg_locks w"
		" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid"
		" WHERE NOT w.granted AND w.locktype = 'relation' AND w.mode = 'AccessExclusiveLock'"
		" AND w.database = (SELECT oid FROM pg_catalog.pg_database"
		"  WHERE datname = pg_catalog.current_database())"
		" AND EXISTS (SELECT FROM pg_catalog.pg_locks h WHERE h.granted AND h.pid IN (");

/* Behind the list of our own sessions. */
static const SqlConstant waiting_query_end =
	SQL(")"
		"  AND h.locktype = 'relation' AND h.database = w.database AND h.relation = w.relation)");

/* What pg_dump waits for, and behind whom.  Anybody may have its name, but not our role. */
static const SqlConstant schema_query =
	SQL("SELECT CASE WHEN w.locktype = 'relation' THEN w.relation::pg_catalog.regclass::text"
		"  ELSE w.locktype END,"
		" coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - w.waitstart), 0),"
		" h.pid, h.application_name, h.usename"
		" FROM pg_catalog.pg_locks w JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid"
		" LEFT JOIN pg_catalog.pg_stat_activity h"
		"  ON h.pid = (pg_catalog.pg_blocking_pids(w.pid))[1]"
		" WHERE NOT w.granted AND a.application_name = $1"
		" AND a.datname = pg_catalog.current_database()"
		" AND a.usesysid = (SELECT m.usesysid FROM pg_catalog.pg_stat_activity m"
		"  WHERE m.pid = pg_catalog.pg_backend_pid())");

static Conflict *
find_conflict(SnapshotWatch *watch, const PGresult *result, int row)
{
	const char *pid = PQgetvalue(result, row, 0);
	char *table = printable_name(PQgetvalue(result, row, 1));
	double waited = strtod(PQgetvalue(result, row, 4), NULL);
	Conflict *conflict;
	int i;

	for (i = 0; i < watch->nconflicts; i++)
	{
		conflict = &watch->conflicts[i];
		if (strcmp(conflict->pid, pid) == 0 && strcmp(conflict->table, table) == 0 &&
			waited >= conflict->waited)
		{
			free(table);
			return conflict;
		}
	}
	if (watch->nconflicts == MAX_CONFLICTS)
	{
		free(table);
		return NULL;
	}
	conflict = &watch->conflicts[watch->nconflicts++];
	conflict->pid = xstrdup(pid);
	conflict->table = table;
	conflict->who = describe_session(pid, PQgetvalue(result, row, 2), PQgetvalue(result, row, 3));
	return conflict;
}

/* Warn of a session that waits, or give way to it. */
static void
judge(SnapshotWatch *watch, Conflict *conflict, const char *behind)
{
	bool others = strcmp(behind, "0") != 0;

	if (watch->policy == ON_LOCK_CONFLICT_ABORT && conflict->waited >= ABORT_AFTER)
	{
		char *detail = xasprintf("It has waited %.0f s behind this backup, and %s session%s behind "
								 "it.",
								 conflict->waited, others ? behind : "no",
								 strcmp(behind, "1") == 0 ? "" : "s");

		report_error(EXIT_FAILED, detail,
					 "Run the backup again when the schema change is done, or let it wait with "
					 "--on-lock-conflict=wait.",
					 "canceled because %s is waiting to lock %s", conflict->who, conflict->table);
		free(detail);
		stop_request();
	}
	else if (conflict->waited >= WARN_AFTER &&
			 (conflict->warned == 0 || conflict->waited >= conflict->warned + REMIND_INTERVAL))
	{
		conflict->warned = conflict->waited;
		log_warning_hint(
			"Until the backup is done or the session is ended, everybody who uses "
			"the table waits as well; with --on-lock-conflict=abort, the backup would end instead.",
			"%s has waited %.0f s to lock %s, which this backup reads; behind it: %s",
			conflict->who, conflict->waited, conflict->table, behind);
	}
}

/* The snapshot went with the leader's session. */
static bool
report_loss(SnapshotWatch *watch, PGresult *result)
{
	if (!stop_requested())
		connection_report(watch->leader, result, "lost the snapshot of this backup");
	PQclear(result);
	stop_request();
	return false;
}

/* Between two looks that both find it waiting it is taken to have waited, for whomever. */
static void
add_up(SchemaWaits *waits, double now, bool waiting, double waited)
{
	double interval = now - waits->looked;

	if (waiting)
		waits->total += waits->waiting || waited > interval ? interval : waited;
	waits->waiting = waiting;
	waits->looked = now;
}

/* End the backup: pg_dump has waited for too long. */
static void
end_schema(const char *what, const char *who, const char *waited)
{
	char *detail = xasprintf("%s has it locked.", who);

	report_error(EXIT_FAILED, detail,
				 "Run the backup again when that session is done, or let it wait longer with "
				 "--lock-wait-timeout.",
				 "pg_dump could not lock %s within %s", what, waited);
	free(detail);
	stop_request();
}

/* Say that pg_dump waits, and end it when it has waited too long. */
static void
judge_schema(SnapshotWatch *watch, const PGresult *result, double waited)
{
	char *what = printable_name(PQgetvalue(result, 0, 0));
	char *who = describe_session(PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3),
								 PQgetvalue(result, 0, 4));
	int timeout = watch->lock_wait_timeout;
	char *limit = NULL;

	if (timeout > 0 && waited >= timeout)
		limit = xasprintf("%d s", timeout);
	else if (timeout > 0 && watch->waits.total >= ALL_WAITS * timeout)
		limit =
			xasprintf("%d s, which is the most for all its waits together", ALL_WAITS * timeout);
	free(watch->waits.last);
	watch->waits.last = xasprintf("%s, which %s had locked", what, who);
	if (limit != NULL)
		end_schema(what, who, limit);
	else if (watch->waits.total >= WARN_AFTER && !watch->said)
	{
		watch->said = true;
		log_warning_hint(timeout > 0 ? "The backup ends if that takes too long; see "
									   "--lock-wait-timeout."
									 : NULL,
						 "pg_dump waits for %s, which %s has locked", what, who);
	}
	free(limit);
	free(who);
	free(what);
}

/* For whoever asks later why this backup took so long. */
static void
keep_waits(const SchemaWaits *waits, Manifest *manifest)
{
	char *text;

	if (waits->last == NULL || waits->total < WARN_AFTER)
		return;
	text = xasprintf("pg_dump waited %.0f s or more in all for locks of others, at last for %s",
					 waits->total, waits->last);
	backup_warning_keep(manifest, text);
	free(text);
}

/* Does pg_dump wait?  False when the leader's connection is lost. */
static bool
look_at_schema(SnapshotWatch *watch)
{
	const char *params[1];
	PGresult *result;
	double waited = 0;

	if (watch->schema == NULL)
		return true;
	params[0] = watch->schema->application;
	result = connection_ask(watch->leader, schema_query, 1, params);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return report_loss(watch, result);
	if (PQntuples(result) > 0)
		waited = strtod(PQgetvalue(result, 0, 1), NULL);
	add_up(&watch->waits, monotonic_seconds(), PQntuples(result) > 0, waited);
	if (PQntuples(result) > 0 && !stop_requested())
		judge_schema(watch, result, waited);
	PQclear(result);
	return true;
}

/* Who waits behind us?  False when the leader's connection is lost. */
static bool
look_at_locks(SnapshotWatch *watch)
{
	PGresult *result;
	SqlText sql;
	int i;

	sql_init(&sql);
	sql_append_constant(&sql, waiting_query);
	pthread_mutex_lock(&watch->mutex);
	sql_text(&sql, &watch->pids);
	pthread_mutex_unlock(&watch->mutex);
	sql_append_constant(&sql, waiting_query_end);
	result = connection_exec(watch->leader, &sql);
	sql_free(&sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return report_loss(watch, result);
	atomic_store(&progress.lock_waiters, (uint64_t) PQntuples(result));
	for (i = 0; i < PQntuples(result) && !stop_requested(); i++)
	{
		Conflict *conflict = find_conflict(watch, result, i);

		if (conflict == NULL)
			continue;
		conflict->waited = strtod(PQgetvalue(result, i, 4), NULL);
		judge(watch, conflict, PQgetvalue(result, i, 5));
	}
	PQclear(result);
	return true;
}

/* The same of system catalogs, where it is not for the policy alone to say. */
static bool
look_at_catalogs(SnapshotWatch *watch)
{
	PGresult *failed = NULL;

	return catalog_waits_look(watch->catalogs, watch->leader, watch->schema, &failed) ||
		   report_loss(watch, failed);
}

/* A snapshot holds back VACUUM in the whole database, on a standby's primary as well. */
static bool
young_enough(const SnapshotWatch *watch)
{
	int64_t age = progress_seconds() - watch->started;

	if (watch->max_age == 0 || age <= watch->max_age)
		return true;
	report_error(
		EXIT_FAILED, "An old snapshot keeps VACUUM from removing dead rows in the whole database.",
		"Raise --max-snapshot-age, or use more --jobs.",
		"snapshot is %lld s old, more than the %d s allowed", (long long) age, watch->max_age);
	stop_request();
	return false;
}

/* Sleep until the next look; false when it is the end. */
static bool
wait_for_next(SnapshotWatch *watch)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WATCH_INTERVAL;
	pthread_mutex_lock(&watch->mutex);
	while (!watch->stopping)
	{
		if (pthread_cond_timedwait(&watch->wake, &watch->mutex, &until) != 0)
			break;
	}
	go_on = !watch->stopping;
	pthread_mutex_unlock(&watch->mutex);
	return go_on && !stop_requested();
}

static void *
watch_snapshot(void *argument)
{
	SnapshotWatch *watch = argument;

	while (wait_for_next(watch) && young_enough(watch) && look_at_catalogs(watch) &&
		   look_at_locks(watch) && look_at_schema(watch))
		continue;
	return NULL;
}

SnapshotWatch *
snapshot_watch_start(Connection *leader, const Settings *settings, const Schema *schema,
					 CatalogWaits *catalogs)
{
	SnapshotWatch *watch = xcalloc(1, sizeof(SnapshotWatch));

	watch->leader = leader;
	watch->policy = settings->backup->on_lock_conflict;
	watch->max_age = settings->backup->max_snapshot_age;
	watch->lock_wait_timeout = settings->backup->lock_wait_timeout;
	watch->schema = schema;
	watch->catalogs = catalogs;
	watch->started = progress_seconds();
	watch->waits.looked = monotonic_seconds();
	pthread_mutex_init(&watch->mutex, NULL);
	pthread_cond_init(&watch->wake, NULL);
	sql_init(&watch->pids);
	sql_signed(&watch->pids, PQbackendPID(leader->pg));
	atomic_store(&progress.snapshot_taken, watch->started);
	if (pthread_create(&watch->thread, NULL, watch_snapshot, watch) == 0)
		return watch;
	report_error(EXIT_FAILED, NULL, NULL, "could not start a thread");
	sql_free(&watch->pids);
	free(watch);
	return NULL;
}

void
snapshot_watch_add(SnapshotWatch *watch, const Connection *session)
{
	pthread_mutex_lock(&watch->mutex);
	sql_append(&watch->pids, ",");
	sql_signed(&watch->pids, PQbackendPID(session->pg));
	pthread_mutex_unlock(&watch->mutex);
}

void
snapshot_watch_stop(SnapshotWatch *watch, Manifest *manifest)
{
	int i;

	if (watch == NULL)
		return;
	pthread_mutex_lock(&watch->mutex);
	watch->stopping = true;
	pthread_cond_signal(&watch->wake);
	pthread_mutex_unlock(&watch->mutex);
	pthread_join(watch->thread, NULL);
	atomic_store(&progress.lock_waiters, 0);
	atomic_store(&progress.snapshot_taken, 0);
	for (i = 0; i < watch->nconflicts; i++)
	{
		Conflict *conflict = &watch->conflicts[i];
		char *text = xasprintf("%s waited %.0f s or more to lock %s behind this backup",
							   conflict->who, conflict->waited, conflict->table);

		if (conflict->warned > 0 && manifest != NULL)
			backup_warning_keep(manifest, text);
		free(text);
		free(conflict->pid);
		free(conflict->table);
		free(conflict->who);
	}
	if (manifest != NULL)
	{
		keep_waits(&watch->waits, manifest);
		catalog_waits_end(watch->catalogs, manifest);
	}
	free(watch->waits.last);
	sql_free(&watch->pids);
	pthread_mutex_destroy(&watch->mutex);
	pthread_cond_destroy(&watch->wake);
	free(watch);
}
