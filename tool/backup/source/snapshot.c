/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  Locks before snapshot.
 *
 * pg_dump takes its snapshot first and its locks afterwards.  A TRUNCATE or
 * a rewriting ALTER TABLE that commits in between leaves the table empty for
 * that snapshot, because such commands are not MVCC-safe, and the dump has
 * lost a table.  Here the tables are listed, locked (LOCK TABLE as the first
 * command of a REPEATABLE READ transaction takes no snapshot), then the
 * snapshot is taken, and the list is read again under it.  If it has a table
 * that was not locked, all of it is done again.
 *
 * Who holds locks while waiting for another one makes others wait as long:
 * an ALTER TABLE of a table that we hold, and every reader behind that.  Or
 * worse: it may want what we hold, and the server ends one of the two as a
 * deadlock.  So with locks in hand a lock is waited for no longer than
 * PATIENCE_MS; then all are let go, the one that is missing is waited for
 * with empty hands, as the first of the next attempt.  A request for ACCESS
 * SHARE in the queue keeps nobody waiting but other ACCESS EXCLUSIVE ones.
 *
 *-------------------------------------------------------------------------
 */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "database_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "source_server.h"
#include "table_locks.h"

#define MIN_ATTEMPTS 20    /* at least, even when the time is over */
#define MAX_ATTEMPTS 10000 /* where time has no end */
#define MAX_RELISTS 10
#define PATIENCE_MS 100 /* well below deadlock_timeout, 1 s by default */
#define PAUSE_MS 20

typedef enum Attempt
{
	ATTEMPT_GOOD,
	ATTEMPT_AGAIN, /* the tables changed under our hands, or one is locked */
	ATTEMPT_FAILED /* reported */
} Attempt;

typedef struct Taking
{
	Connection *leader;
	Connection *observer; /* looks at the tables while the leader has locks and no snapshot */
	ConnectionTarget *target;
	int timeout; /* seconds; 0: none */
	int64_t deadline_ms;
	LockCapacity capacity;
	LockHolder holder; /* who was in the way last time; table NULL: nobody */
} Taking;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
time_is_over(const Taking *taking)
{
	return taking->timeout > 0 && now_ms() >= taking->deadline_ms;
}

static bool
report_timeout(const Taking *taking)
{
	const LockHolder *holder = &taking->holder;
	char *name = holder->table != NULL ? printable_name(holder->table) : NULL;
	char *detail = NULL;

	if (name != NULL)
		detail = xasprintf("%s %s an ACCESS EXCLUSIVE lock on table %s.", holder->who,
						   holder->waits ? "waits, before this backup, for" : "holds", name);
	report_error(EXIT_FAILED, detail,
				 "Find the session in pg_stat_activity, or raise --lock-wait-timeout.",
				 "could not lock all tables within %d seconds", taking->timeout);
	free(detail);
	free(name);
	return false;
}

/* Judge a failed LOCK TABLE; frees the result. */
static Attempt
lock_failed(const Taking *taking, PGresult *result, int tables)
{
	Attempt verdict = ATTEMPT_FAILED;

	if (result_has_state(result, SQLSTATE_UNDEFINED_TABLE) ||
		result_has_state(result, SQLSTATE_UNDEFINED_SCHEMA) ||
		result_has_state(result, SQLSTATE_LOCK_NOT_AVAILABLE))
		verdict = ATTEMPT_AGAIN;
	else if (result_has_state(result, SQLSTATE_OUT_OF_MEMORY))
		lock_capacity_report(&taking->capacity, (uint64_t) tables,
							 PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	else
		connection_report(taking->leader, result, "could not lock the tables");
	PQclear(result);
	return verdict;
}

static bool
set_lock_timeout(Connection *connection, bool local, int64_t milliseconds)
{
	SqlText sql;
	bool good;

	sql_init(&sql);
	sql_append(&sql, "SET ");
	if (local)
		sql_append(&sql, "LOCAL ");
	sql_append(&sql, "lock_timeout = ");
	sql_signed(&sql, milliseconds);
	good = connection_command(connection, &sql);
	sql_free(&sql);
	return good;
}

/* Wait, holding nothing, for the table that was locked the last time. */
static Attempt
wait_with_empty_hands(Taking *taking)
{
	int64_t left = taking->timeout > 0 ? taking->deadline_ms - now_ms() : 0;
	PGresult *result;
	SqlText sql;
	bool good;

	if (taking->holder.table == NULL)
		return ATTEMPT_GOOD;
	if (taking->timeout > 0 && left < 1)
		left = 1;
	if (!set_lock_timeout(taking->leader, true, left))
		return ATTEMPT_FAILED;
	sql_init(&sql);
	sql_append(&sql, "LOCK TABLE ONLY ");
	good = sql_checked_names(&sql, taking->holder.table);
	sql_append(&sql, " IN ACCESS SHARE MODE");
	result = good ? connection_exec(taking->leader, &sql) : NULL;
	sql_free(&sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return lock_failed(taking, result, 1);
	PQclear(result);
	if (!set_lock_timeout(taking->leader, true, PATIENCE_MS))
		return ATTEMPT_FAILED;
	return ATTEMPT_GOOD;
}

static Attempt
lock_tables(Taking *taking, const SourceTables *list, const SourceTables *locked)
{
	PGresult *failed = table_locks_take(taking->leader, list, locked, SQL(""));

	return failed == NULL ? ATTEMPT_GOOD : lock_failed(taking, failed, list->count);
}

/*
 * Where tables come and go all the time, locking takes longer than a list
 * stays true.  So list again through another session, which takes no
 * snapshot for the leader, and lock what is new, until nothing is.
 */
static Attempt
lock_new_tables(Taking *taking, SourceTables *locked)
{
	Attempt verdict = ATTEMPT_GOOD;
	int i;

	if (taking->observer == NULL)
		taking->observer = connection_open(taking->target);
	if (taking->observer == NULL)
		return ATTEMPT_FAILED;
	for (i = 0; i < MAX_RELISTS && verdict == ATTEMPT_GOOD; i++)
	{
		SourceTables now;

		if (!source_tables_read(taking->observer, &now))
			return ATTEMPT_FAILED;
		if (source_tables_contain(locked, &now))
		{
			source_tables_free(&now);
			break;
		}
		verdict = lock_tables(taking, &now, locked);
		source_tables_free(locked);
		*locked = now;
	}
	return verdict;
}

/* Export the snapshot and note when and where in WAL it was taken. */
static bool
export_snapshot(Connection *leader, Snapshot *snapshot)
{
	PGresult *result = connection_query(
		leader,
		SQL("SELECT pg_catalog.pg_export_snapshot(),"
			" pg_catalog.to_char(pg_catalog.clock_timestamp(), "
			"'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
			" CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
			"  ELSE pg_catalog.pg_current_wal_insert_lsn() END, " SQL_TIMELINE
			", " SQL_REPLAYED_UNTIL),
		0, NULL);

	if (result == NULL)
		return false;
	snapshot->name = xstrdup(PQgetvalue(result, 0, 0));
	snapshot->time = xstrdup(PQgetvalue(result, 0, 1));
	snapshot->lsn = PQgetisnull(result, 0, 2) ? NULL : xstrdup(PQgetvalue(result, 0, 2));
	snapshot->timeline = server_timeline(PQgetvalue(result, 0, 3));
	snapshot->replayed_until = PQgetisnull(result, 0, 4) ? NULL : xstrdup(PQgetvalue(result, 0, 4));
	PQclear(result);
	return true;
}

/* With everything locked: the snapshot, and the list that it sees. */
static Attempt
snapshot_and_list(Taking *taking, const SourceTables *locked, SourceTables *list,
				  Snapshot *snapshot)
{
	if (!export_snapshot(taking->leader, snapshot) || !source_tables_read(taking->leader, list))
		return ATTEMPT_FAILED;
	if (!source_tables_contain(locked, list))
	{
		log_debug("tables were created or renamed while they were being locked");
		return ATTEMPT_AGAIN;
	}
	/* Sequences are read later without having been locked before. */
	return source_tables_read_sizes(taking->leader, list) &&
				   set_lock_timeout(taking->leader, true, (int64_t) taking->timeout * 1000)
			   ? ATTEMPT_GOOD
			   : ATTEMPT_FAILED;
}

/* After the leader let everything go: find who is in the way, and say it once. */
static bool
look_for_holder(Taking *taking, const SourceTables *list)
{
	LockHolder before = taking->holder;
	char *name;

	if (!lock_holder_find(taking->leader, list, &taking->holder))
	{
		lock_holder_free(&before);
		return false;
	}
	if (taking->holder.table != NULL &&
		(before.table == NULL || strcmp(before.who, taking->holder.who) != 0))
	{
		name = printable_name(taking->holder.table);
		log_info("waiting for table %s, which %s has locked", name, taking->holder.who);
		free(name);
	}
	lock_holder_free(&before);
	return true;
}

/* One round of list, lock, snapshot, list again. */
static Attempt
attempt(Taking *taking, int round, SourceTables *list, Snapshot *snapshot)
{
	SourceTables locked;
	Attempt verdict;

	if (!source_tables_read(taking->leader, &locked))
		return ATTEMPT_FAILED;
	if (!lock_capacity_suffices(&taking->capacity, (uint64_t) locked.count))
	{
		lock_capacity_report(&taking->capacity, (uint64_t) locked.count, NULL);
		source_tables_free(&locked);
		return ATTEMPT_FAILED;
	}
	if (!connection_command(taking->leader, SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")))
		verdict = ATTEMPT_FAILED;
	else
		verdict = wait_with_empty_hands(taking);
	if (verdict == ATTEMPT_GOOD)
		verdict = lock_tables(taking, &locked, NULL);
	if (verdict == ATTEMPT_GOOD && round > 0)
		verdict = lock_new_tables(taking, &locked);
	if (verdict == ATTEMPT_GOOD)
		verdict = snapshot_and_list(taking, &locked, list, snapshot);
	if (verdict == ATTEMPT_AGAIN)
	{
		source_tables_free(list);
		snapshot_free(snapshot);
		if (!connection_command(taking->leader, SQL("ROLLBACK")) ||
			!look_for_holder(taking, &locked))
			verdict = ATTEMPT_FAILED;
	}
	source_tables_free(&locked);
	return verdict;
}

/* Attempt after attempt, until it is good or the time is over. */
static bool
take(Taking *taking, SourceTables *list, Snapshot *snapshot)
{
	static const struct timespec pause = {0, PAUSE_MS * 1000000L};
	int round;

	for (round = 0; round < MAX_ATTEMPTS && !stop_requested(); round++)
	{
		Attempt verdict = attempt(taking, round, list, snapshot);

		if (verdict != ATTEMPT_AGAIN)
			return verdict == ATTEMPT_GOOD;
		if (time_is_over(taking) && taking->holder.table != NULL)
			return report_timeout(taking);
		if (time_is_over(taking) && round >= MIN_ATTEMPTS)
			break;
		nanosleep(&pause, NULL);
	}
	if (stop_requested())
		return false;
	return report_error(
		EXIT_FAILED,
		"Tables are created, renamed or locked all the time, so the list of tables and the "
		"snapshot never agreed.",
		"Run the backup when no schema changes are under way.",
		"could not get a consistent list of tables in %d attempts", round);
}

bool
snapshot_take(Connection *leader, ConnectionTarget *target, int lock_wait_timeout,
			  SourceTables *list, Snapshot *snapshot)
{
	Taking taking;
	bool good;

	memset(snapshot, 0, sizeof(*snapshot));
	memset(list, 0, sizeof(*list));
	memset(&taking, 0, sizeof(taking));
	taking.leader = leader;
	taking.target = target;
	taking.timeout = lock_wait_timeout;
	taking.deadline_ms = now_ms() + (int64_t) lock_wait_timeout * 1000;
	good = lock_capacity_read(leader, &taking.capacity) &&
		   set_lock_timeout(leader, false, PATIENCE_MS) && take(&taking, list, snapshot);
	lock_holder_free(&taking.holder);
	connection_close(taking.observer);
	return good;
}

void
snapshot_free(Snapshot *snapshot)
{
	free(snapshot->name);
	free(snapshot->time);
	free(snapshot->lsn);
	free(snapshot->replayed_until);
	memset(snapshot, 0, sizeof(*snapshot));
}

bool
snapshot_import(Connection *worker, const Snapshot *snapshot)
{
	SqlText sql;
	bool good;

	sql_init(&sql);
	sql_append(&sql, "SET TRANSACTION SNAPSHOT ");
	sql_literal(&sql, snapshot->name);
	good = connection_command(worker, SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")) &&
		   connection_command(worker, &sql);
	sql_free(&sql);
	return good;
}
