/*-------------------------------------------------------------------------
 *
 * source_server.c
 *	  What is found out about the server before anything is locked.
 *
 * Each of these would otherwise show late or never: a pooler hands our
 * settings to other sessions and gives us theirs, a snapshot imported on an
 * old standby shows wrong rows without an error, and a lock table that runs
 * full makes other sessions fail, not only this one.
 *
 *-------------------------------------------------------------------------
 */
#include "source_server.h"

#include <stddef.h>
#include <stdlib.h>

#include "log.h"
#include "memory.h"

/* The minor releases of 2026-11-12; 18.5 was never released. */
typedef struct StandbyFix
{
	int major;
	int minor;
	const char *name;
} StandbyFix;

static const StandbyFix standby_fixes[] = {
	{14, 25, "14.25"}, {15, 20, "15.20"}, {16, 16, "16.16"},
	{17, 12, "17.12"}, {18, 7, "18.7"},   {19, 1, "19.1"},
};

static const SqlConstant capacity_query =
	SQL("SELECT pg_catalog.current_setting('max_locks_per_transaction'),"
		" sum(setting::pg_catalog.int8) FROM pg_catalog.pg_settings"
		" WHERE name IN ('max_connections', 'max_prepared_transactions', 'max_worker_processes',"
		"  'max_wal_senders')"
		" OR name = (SELECT max(name) FROM pg_catalog.pg_settings"
		"  WHERE name IN ('autovacuum_max_workers', 'autovacuum_worker_slots'))");

const char *
standby_fix_missing(int server_version)
{
	int major = server_version / 10000;
	int minor = server_version % 10000;
	size_t i;

	for (i = 0; i < sizeof(standby_fixes) / sizeof(standby_fixes[0]); i++)
	{
		if (standby_fixes[i].major == major)
			return minor < standby_fixes[i].minor ? standby_fixes[i].name : NULL;
	}
	return major < standby_fixes[0].major ? "" : NULL;
}

/* Below the fix neither workers nor pg_dump may import a snapshot, so there is no way to do it. */
static bool
check_standby(const Connection *connection)
{
	const char *fixed = standby_fix_missing(connection_version(connection));
	const char *version = PQparameterStatus(connection->pg, "server_version");

	if (fixed == NULL)
		return true;
	return report_error(
		EXIT_FAILED,
		"Before the minor releases of 2026-11-12 a snapshot that is taken during recovery and "
		"imported by another session shows wrong rows, and damages the standby itself.",
		fixed[0] != '\0' ? "Update the standby to at least the release named, or back up the "
						   "primary server."
						 : "Back up the primary server.",
		"cannot back up from a standby of version %s: it lacks a fix%s%s", version,
		fixed[0] != '\0' ? " that came with " : "", fixed);
}

/*
 * A pooler makes up the process number that a client needs for a cancel
 * request; the backend's own is another.
 */
static bool
check_pooler(Connection *connection)
{
	PGresult *result =
		connection_query(connection, SQL("SELECT pg_catalog.pg_backend_pid()"), 0, NULL);
	bool direct;

	if (result == NULL)
		return false;
	direct = strtol(PQgetvalue(result, 0, 0), NULL, 10) == PQbackendPID(connection->pg);
	PQclear(result);
	if (direct)
		return true;
	return report_error(
		EXIT_FAILED,
		"Session settings, exported snapshots and cancel requests belong to one server session; "
		"a pooler such as pgbouncer may give each transaction another one.",
		"Connect to PostgreSQL's own host and port with -h and -p.",
		"the connection goes through a connection pooler");
}

bool
source_server_check(Connection *connection, bool in_recovery)
{
	return check_pooler(connection) && (!in_recovery || check_standby(connection));
}

bool
lock_capacity_read(Connection *connection, LockCapacity *capacity)
{
	PGresult *result = connection_query(connection, capacity_query, 0, NULL);

	if (result == NULL)
		return false;
	capacity->per_transaction = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	capacity->slots = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
	PQclear(result);
	return true;
}

bool
lock_capacity_suffices(const LockCapacity *capacity, uint64_t locks)
{
	return locks <= capacity->per_transaction * capacity->slots;
}

bool
lock_capacity_report(const LockCapacity *capacity, uint64_t tables, const char *said)
{
	uint64_t slots = capacity->slots > 0 ? capacity->slots : 1;
	uint64_t needed = tables / slots + tables / slots / 4 + 1;
	char *hint;

	if (needed <= capacity->per_transaction)
		needed = 2 * capacity->per_transaction;
	hint = xasprintf("Set max_locks_per_transaction to %llu or more (it is %llu) and restart the "
					 "server; on a standby, too.",
					 (unsigned long long) needed, (unsigned long long) capacity->per_transaction);
	report_error(EXIT_FAILED, said, hint, "the server has no room for the locks of %llu tables",
				 (unsigned long long) tables);
	free(hint);
	return false;
}
