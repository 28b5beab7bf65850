/*-------------------------------------------------------------------------
 *
 * standby.c
 *	  Is what a standby has the state of its primary, or one of long ago?
 *
 * A standby whose replication has ended answers as well as ever, and its
 * snapshots are of now.  That its data is older than the latest backup is
 * found by position in the WAL (server_identity.c), and refused.  But where
 * all backups come from the standby, nothing else tells.  A standby that is
 * fed by an archive alone has no receiver; then only the time of the last
 * transaction tells, and that nothing has happened since is quite possible.
 *
 *-------------------------------------------------------------------------
 */
#include "standby.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_warning.h"
#include "database_settings.h"
#include "deadline.h"
#include "interrupt.h"
#include "memory.h"
#include "utc_time.h"
#include "wal_position.h"

/* So long a standby may take to replay what it is sent. */
#define CATCH_UP_SECONDS 10

/* A last transaction that is older than this may be a sign. */
#define OLD_SECONDS 3600

/* Without any WAL for so long: almost a day, so that daily backups tell. */
#define STANDSTILL_SECONDS (20 * 3600)

#define HINT                                                                                       \
	"See that the standby follows its primary (primary_conninfo, pg_stat_wal_receiver), or back "  \
	"up the primary server."

/* Is it paused, is there a receiver, an archive, is more received than replayed; age, time. */
static const SqlConstant state_query = SQL(
	"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() END,"
	" EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver),"
	" EXISTS (SELECT FROM pg_catalog.pg_settings"
	"  WHERE name = 'restore_command' AND setting <> ''),"
	" coalesce(pg_catalog.pg_last_wal_receive_lsn() > pg_catalog.pg_last_wal_replay_lsn(),"
	"  false),"
	" EXTRACT(epoch FROM pg_catalog.clock_timestamp()"
	"  - pg_catalog.pg_last_xact_replay_timestamp())::pg_catalog.int8,"
	" pg_catalog.to_char(pg_catalog.timezone('UTC',"
	"  pg_catalog.pg_last_xact_replay_timestamp()), 'YYYY-MM-DD HH24:MI:SS')");

typedef struct StandbyState
{
	bool paused;
	bool receives;
	bool has_archive;
	bool behind; /* more is there than it has replayed */
	bool old;    /* or no transaction was replayed since it was started */
	char *since; /* UTC; NULL likewise */
} StandbyState;

static bool
read_state(Connection *connection, StandbyState *state)
{
	PGresult *result = connection_query(connection, state_query, 0, NULL);

	if (result == NULL)
		return false;
	state->paused = PQgetvalue(result, 0, 0)[0] == 't';
	state->receives = PQgetvalue(result, 0, 1)[0] == 't';
	state->has_archive = PQgetvalue(result, 0, 2)[0] == 't';
	state->behind = PQgetvalue(result, 0, 3)[0] == 't';
	state->old =
		PQgetisnull(result, 0, 4) || strtoll(PQgetvalue(result, 0, 4), NULL, 10) > OLD_SECONDS;
	state->since = PQgetisnull(result, 0, 5) ? NULL : xstrdup(PQgetvalue(result, 0, 5));
	PQclear(result);
	return true;
}

static bool
is_behind(const Manifest *manifest, const Manifest *previous)
{
	WalPosition now;
	WalPosition then;

	if (previous == NULL)
		return false;
	wal_position_of(&manifest->server, &now);
	wal_position_of(&previous->server, &then);
	now.history = then.history;
	return wal_position_lacks(&now, &then);
}

/*
 * Is it where it was at the latest backup, a day ago?  What it receives may come from a standby
 * that follows nothing itself.
 */
static bool
stands_still(const Manifest *manifest, const Manifest *previous)
{
	double then;

	return previous != NULL && manifest->server.lsn != NULL && previous->server.lsn != NULL &&
		   strcmp(manifest->server.lsn, previous->server.lsn) == 0 &&
		   utc_time_parse(previous->snapshot_at, &then) &&
		   (double) time(NULL) - then > STANDSTILL_SECONDS;
}

/* The position is read again until it is there, or time is up. */
static bool
catch_up(Connection *connection, Manifest *manifest, const Manifest *previous)
{
	static const struct timespec nap = {0, 100 * 1000 * 1000};
	double until = monotonic_seconds() + CATCH_UP_SECONDS;

	while (is_behind(manifest, previous) && monotonic_seconds() < until && !stop_requested())
	{
		PGresult *result;

		nanosleep(&nap, NULL);
		result = connection_query(connection, SQL("SELECT pg_catalog.pg_last_wal_replay_lsn()"), 0,
								  NULL);
		if (result == NULL)
			return false;
		free(manifest->server.lsn);
		manifest->server.lsn = xstrdup(PQgetvalue(result, 0, 0));
		PQclear(result);
		standby_timeline_read(connection, &manifest->server);
	}
	return !stop_requested();
}

static void
warn(Manifest *manifest, const Manifest *previous, const StandbyState *state)
{
	const char *what = NULL;
	char *text;

	if (state->paused)
		what = "replay is paused on the standby";
	else if (!state->receives && (!state->has_archive || state->old))
		what = "the standby receives no WAL";
	else if (state->behind && state->old)
		what = "the standby is behind the WAL that it has received";
	else if (stands_still(manifest, previous))
		what = "the standby has replayed nothing since the latest backup";
	if (what == NULL)
		return;
	text = xasprintf("%s: the backup has the state of its last transaction, %s%s", what,
					 state->since != NULL ? state->since : "of a time that is not known",
					 state->since != NULL ? " UTC" : "");
	backup_warning(manifest, HINT, text);
	free(text);
}

bool
standby_check(Connection *connection, Manifest *manifest, const Manifest *previous)
{
	StandbyState state;
	bool good;

	if (!manifest->server.in_recovery)
		return true;
	memset(&state, 0, sizeof(state));
	good = read_state(connection, &state);
	if (good && state.receives && !state.paused)
		good = catch_up(connection, manifest, previous);
	if (good)
		warn(manifest, previous, &state);
	free(state.since);
	return good;
}
