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
 * snapshot is taken, and the list is read again under it.  If anything was
 * created, dropped, renamed or rewritten meanwhile, all of it is done again.
 *
 *-------------------------------------------------------------------------
 */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"

#define MAX_ATTEMPTS 20
#define LOCK_BATCH_BYTES (100 * 1024)

#define SQLSTATE_UNDEFINED_TABLE "42P01"
#define SQLSTATE_UNDEFINED_SCHEMA "3F000"
#define SQLSTATE_LOCK_NOT_AVAILABLE "55P03"

typedef enum Attempt
{
	ATTEMPT_GOOD,
	ATTEMPT_AGAIN, /* the tables changed under our hands */
	ATTEMPT_FAILED /* reported */
} Attempt;

/* Judge a failed LOCK TABLE. */
static Attempt
lock_failed(Connection *leader, PGresult *result, int timeout)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	Attempt verdict = ATTEMPT_FAILED;

	if (state != NULL && (strcmp(state, SQLSTATE_UNDEFINED_TABLE) == 0 ||
						  strcmp(state, SQLSTATE_UNDEFINED_SCHEMA) == 0))
		verdict = ATTEMPT_AGAIN;
	else if (state != NULL && strcmp(state, SQLSTATE_LOCK_NOT_AVAILABLE) == 0)
		report_error(
			EXIT_FAILED, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
			"Find the session that holds the lock in pg_locks and pg_stat_activity, or raise "
			"--lock-wait-timeout.",
			"could not lock all tables within %d seconds", timeout);
	else
		connection_report(leader, result, "could not lock the tables");
	PQclear(result);
	return verdict;
}

/* Lock every table, many to a command. */
static Attempt
lock_tables(Connection *leader, const SourceTables *list, int timeout)
{
	Buffer sql;
	int i;

	buffer_init(&sql);
	for (i = 0; i < list->count; i++)
	{
		PGresult *result;

		buffer_append_string(&sql, sql.length == 0 ? "LOCK TABLE ONLY " : ", ONLY ");
		buffer_append_string(&sql, list->tables[i].qualified);
		if (sql.length < LOCK_BATCH_BYTES && i + 1 < list->count)
			continue;
		buffer_append_string(&sql, " IN ACCESS SHARE MODE");
		result = PQexec(leader->pg, sql.data);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
		{
			buffer_free(&sql);
			return lock_failed(leader, result, timeout);
		}
		PQclear(result);
		buffer_reset(&sql);
	}
	buffer_free(&sql);
	return ATTEMPT_GOOD;
}

/* Export the snapshot and note when and where in WAL it was taken. */
static bool
export_snapshot(Connection *leader, Snapshot *snapshot)
{
	PGresult *result = connection_query(
		leader,
		"SELECT pg_catalog.pg_export_snapshot(),"
		" pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
		" CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
		"  ELSE pg_catalog.pg_current_wal_insert_lsn() END",
		0, NULL);

	if (result == NULL)
		return false;
	snapshot->name = xstrdup(PQgetvalue(result, 0, 0));
	snapshot->time = xstrdup(PQgetvalue(result, 0, 1));
	snapshot->lsn = PQgetisnull(result, 0, 2) ? NULL : xstrdup(PQgetvalue(result, 0, 2));
	PQclear(result);
	return true;
}

/* One round of list, lock, snapshot, list again. */
static Attempt
attempt(Connection *leader, int timeout, SourceTables *list, Snapshot *snapshot)
{
	SourceTables before;
	Attempt verdict;

	if (!source_tables_read(leader, &before))
		return ATTEMPT_FAILED;
	if (!connection_command(leader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
		verdict = ATTEMPT_FAILED;
	else
		verdict = lock_tables(leader, &before, timeout);
	if (verdict == ATTEMPT_GOOD &&
		(!export_snapshot(leader, snapshot) || !source_tables_read(leader, list)))
		verdict = ATTEMPT_FAILED;
	if (verdict == ATTEMPT_GOOD && !source_tables_equal(&before, list))
	{
		source_tables_free(list);
		snapshot_free(snapshot);
		verdict = ATTEMPT_AGAIN;
	}
	else if (verdict == ATTEMPT_GOOD && !source_tables_read_sizes(leader, list))
		verdict = ATTEMPT_FAILED;
	source_tables_free(&before);
	if (verdict == ATTEMPT_AGAIN && !connection_command(leader, "ROLLBACK"))
		verdict = ATTEMPT_FAILED;
	return verdict;
}

bool
snapshot_take(Connection *leader, int lock_wait_timeout, SourceTables *list, Snapshot *snapshot)
{
	int round;

	memset(snapshot, 0, sizeof(*snapshot));

	/* For good: sequences are read without having been locked before. */
	if (!connection_commandf(leader, "SET lock_timeout = '%ds'", lock_wait_timeout))
		return false;
	for (round = 0; round < MAX_ATTEMPTS && !stop_requested(); round++)
	{
		Attempt verdict = attempt(leader, lock_wait_timeout, list, snapshot);

		if (verdict == ATTEMPT_GOOD)
			return true;
		if (verdict == ATTEMPT_FAILED)
			return false;
		log_debug("tables changed while they were being locked, trying again");
	}
	if (stop_requested())
		return false;
	return report_error(
		EXIT_FAILED,
		"Tables are created, dropped, renamed or rewritten all the time, so the list of tables "
		"and the snapshot never agreed.",
		"Run the backup when no schema changes are under way.",
		"could not get a consistent list of tables in %d attempts", MAX_ATTEMPTS);
}

void
snapshot_free(Snapshot *snapshot)
{
	free(snapshot->name);
	free(snapshot->time);
	free(snapshot->lsn);
	memset(snapshot, 0, sizeof(*snapshot));
}

bool
snapshot_import(Connection *worker, const Snapshot *snapshot)
{
	return connection_command(worker, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") &&
		   connection_commandf(worker, "SET TRANSACTION SNAPSHOT '%s'", snapshot->name);
}
