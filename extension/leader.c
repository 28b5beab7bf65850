/*-------------------------------------------------------------------------
 *
 * leader.c
 *	  The background worker that watches the clock: it has the queue brought
 *	  up to date, and starts executors for what is in it.
 *
 * It starts when recovery has ended, so there is none on a standby, and one
 * after a promotion.  It decides nothing (nex_backup.advance() does) and holds
 * nothing between two turns, neither a transaction nor a lock, so that it is in
 * nobody's way.  It exits with 1, never 0, as the postmaster would not start it
 * again after 0.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <unistd.h>

#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "executor.h"
#include "leader.h"
#include "reserved.h"
#include "settings.h"
#include "shared_state.h"
#include "version.h"
#include "worker_session.h"

PGDLLEXPORT void nex_backup_leader_main(Datum argument);

#define RESTART_SECONDS 5
#define MAX_EXECUTORS 64

/* Without an extension, or after an error. */
#define IDLE_MILLISECONDS 10000L
#define MAX_MILLISECONDS 60000L

/* An executor that found nothing must not be started again at once; twice as long each time that
 * nothing comes of it. */
#define LAUNCH_PAUSE_MILLISECONDS 250L
#define MAX_LAUNCH_PAUSE_MILLISECONDS 10000L

/* If nobody claims a run that waits for so long, there is a problem. */
#define UNCLAIMED_MILLISECONDS 15000

/* However often it is woken, a turn begins no sooner after the one before. */
#define TURN_MILLISECONDS 100L

/* Turns that follow each other by themselves become slower: one that is always due at once is a
 * mistake. */
#define HURRY_MILLISECONDS 1000L
#define MAX_HURRY_MILLISECONDS 5000L

#define VERSION_MILLISECONDS (24 * 60 * 60 * 1000)

static BackgroundWorkerHandle *executors[MAX_EXECUTORS];
static int nexecutors = 0;
static bool slots_missed = false;
static char said_state[32] = "";

/* Of the executors that were started last. */
static long launch_pause = 0;
static TimestampTz launched_at = 0;
static int launched_for = 0;         /* runs that could be claimed */
static char launched_fence[24] = ""; /* how many claims there had been */

/* Since when nothing was claimed, though something could have been; 0: that is not so. */
static TimestampTz unclaimed_since = 0;
static char unclaimed_fence[24] = "";

/* Forget those that have ended. */
static void
count_executors(void)
{
	int kept = 0;
	int i;

	for (i = 0; i < nexecutors; i++)
	{
		pid_t pid;

		if (GetBackgroundWorkerPid(executors[i], &pid) == BGWH_STOPPED)
			pfree(executors[i]);
		else
			executors[kept++] = executors[i];
	}
	nexecutors = kept;
}

/*
 * True if all that were wanted could be started; *some, if any.  Those that are
 * reserved count themselves.
 */
static bool
launch(int wanted, bool alarms, bool *some)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool launched = true;

	*some = false;
	while (wanted-- > 0 && nexecutors < MAX_EXECUTORS && launched)
	{
		launched = executor_launch(MyDatabaseId, &executors[nexecutors]);
		*some |= launched;
		if (launched && executors[nexecutors] != NULL)
			nexecutors++;
	}
	MemoryContextSwitchTo(old);
	if (!launched && alarms && executor_launch_alarms(MyDatabaseId))
		*some = true;
	/* Once in each episode: the state can last. */
	if (!launched && !slots_missed)
		ereport(
			WARNING,
			(errmsg("nex_backup cannot start a run, as no slot for a background worker is free"),
			 errhint("The run waits. Parallel queries of any role use these slots, too: see to it "
					 "that fewer are used, or increase max_worker_processes.")));
	slots_missed = !launched;
	return launched;
}

/* Executors may end at once, or come up and get nowhere: all that can be seen is that none claims.
 */
static void
note_unclaimed(int startable, const char *fence)
{
	TimestampTz now = GetCurrentTimestamp();

	if (startable == 0)
		unclaimed_since = 0;
	else if (unclaimed_since == 0 || now < unclaimed_since || strcmp(fence, unclaimed_fence) != 0)
	{
		unclaimed_since = now;
		strlcpy(unclaimed_fence, fence, sizeof(unclaimed_fence));
	}
}

/* What keeps runs waiting, for the status. */
static void
say_problem(void)
{
	if (slots_missed)
		leader_has_problem("no slot for a background worker is free, so runs wait");
	else if (unclaimed_since != 0 &&
			 TimestampDifferenceExceeds(unclaimed_since, GetCurrentTimestamp(),
										UNCLAIMED_MILLISECONDS))
		leader_has_problem("executors are started, but none of them has taken a run for some time, "
						   "so runs wait; the server's log may say why");
	else
		leader_has_problem(NULL);
}

/*
 * Start executors, unless those that were started a moment ago have claimed
 * nothing: a run that cannot be claimed (somebody has locked its row) or an
 * executor that cannot work would keep the postmaster forking.  Gives the
 * milliseconds until the next look.
 */
static long
launch_or_wait(int wanted, int startable, bool alarms, const char *fence, long pause)
{
	TimestampTz now = GetCurrentTimestamp();
	bool fruitless = strcmp(fence, launched_fence) == 0 && startable <= launched_for;
	long waited = TimestampDifferenceMilliseconds(launched_at, now);
	bool all;
	bool some;

	if (!fruitless)
		launch_pause = 0;
	/* A clock that was set back must not make this longer. */
	else if (waited < launch_pause && now >= launched_at)
		return Min(pause, launch_pause - waited);
	launch_pause = launch_pause == 0 ? LAUNCH_PAUSE_MILLISECONDS
									 : Min(launch_pause * 2, MAX_LAUNCH_PAUSE_MILLISECONDS);
	launched_at = now;
	launched_for = startable;
	strlcpy(launched_fence, fence, sizeof(launched_fence));
	all = launch(wanted, alarms, &some);
	/* Nothing was forked: a reserved one that becomes free is used at once. */
	if (!some)
		launch_pause = 0;
	return all ? Min(pause, launch_pause) : IDLE_MILLISECONDS;
}

/* Log changes of the state. */
static void
say_state(const char *state, const char *detail)
{
	if (strcmp(state, said_state) == 0)
		return;
	strlcpy(said_state, state, sizeof(said_state));
	if (strcmp(state, "suspended") == 0)
		ereport(WARNING,
				(errmsg("nex_backup jobs are suspended: %s", detail),
				 errhint("SELECT nex_backup_resume_jobs() confirms them for this cluster.")));
	else
		ereport(LOG, (errmsg("nex_backup scheduler: %s", state)));
}

/*
 * Say that the SQL in the database is of another version than we are, when we
 * start and once a day: all works, so nobody would notice that what an update
 * is made for is not there.
 */
static void
say_version(void)
{
	static TimestampTz asked = 0;
	TimestampTz now = GetCurrentTimestamp();
	char **row = NULL;

	if (asked != 0 && now >= asked && !TimestampDifferenceExceeds(asked, now, VERSION_MILLISECONDS))
		return;
	if (sql_call("SELECT e.extversion, pg_catalog.current_database() FROM pg_catalog.pg_extension e"
				 " WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup'",
				 0, NULL, &row, NULL) != SQL_DONE ||
		row == NULL)
		return;
	asked = now;
	if (strcmp(row[0], NEX_BACKUP_VERSION) != 0)
		ereport(WARNING,
				(errmsg("database \"%s\" has version %s of nex_backup, but the library that the "
						"server has loaded is of version %s",
						row[1], row[0], NEX_BACKUP_VERSION),
				 errhint("Run ALTER EXTENSION nex_backup UPDATE in that database.")));
}

/* One turn; gives the milliseconds until the next. */
static long
take_turn(void)
{
	TimestampTz now = GetCurrentTimestamp();
	const char *parameters[2];
	char host[256] = "";
	char *error = NULL;
	char **row = NULL;
	long pause;

	gethostname(host, sizeof(host) - 1);
	parameters[0] = host;
	parameters[1] = psprintf("%d", MyProcPid);
	if (sql_call("SELECT a.state, a.detail, a.startable, "
				 "ceil(extract(epoch FROM a.wait) * 1000)::int8, "
				 "(SELECT count(*) FROM nex_backup.leases l WHERE l.in_server), "
				 "(SELECT f.last_value FROM nex_backup.fences f), "
				 "EXISTS (SELECT FROM nex_backup.runs r WHERE r.state = 'queued' "
				 "AND r.kind = 'notify' AND r.not_before <= nex_backup.now()) "
				 "FROM nex_backup.advance('leader', true, $1, $2::int4) a",
				 2, parameters, &row, &error) == SQL_FAILED)
	{
		leader_has_problem(error);
		return IDLE_MILLISECONDS;
	}
	if (row == NULL)
		return IDLE_MILLISECONDS;
	leader_advanced(now, strcmp(row[0], "running") == 0 ? scheduler_clock(now) : 0);
	say_state(row[0], row[1] != NULL ? row[1] : "");
	pause = strtol(row[3], NULL, 10);
	count_executors();
	/* Those that hold no run are about to claim one. */
	if (setting_executor == EXECUTOR_WORKER)
	{
		int idle = nexecutors + reserved_executors(MyDatabaseId) - (int) strtol(row[4], NULL, 10);
		int startable = (int) strtol(row[2], NULL, 10);
		int wanted = startable - Max(idle, 0);

		note_unclaimed(startable, row[5]);
		if (wanted > 0)
			pause = launch_or_wait(wanted, startable, strcmp(row[6], "t") == 0, row[5], pause);
		else if (startable == 0)
		{
			launched_fence[0] = '\0';
			slots_missed = false;
		}
	}
	else
	{
		/* Agents need no slot. */
		slots_missed = false;
		unclaimed_since = 0;
	}
	say_problem();
	return Min(Max(pause, 1), MAX_MILLISECONDS);
}

/*
 * Sleep until something happens, or it is time; but not less than between any
 * two turns.  True if something has happened.
 */
static bool
sleep_until_next(long pause, TimestampTz turn)
{
	int events;
	long gone;

	events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause,
					   PG_WAIT_EXTENSION);
	gone = TimestampDifferenceMilliseconds(turn, GetCurrentTimestamp());
	if (gone < TURN_MILLISECONDS && !worker_stop_requested)
		pg_usleep((TURN_MILLISECONDS - gone) * 1000L);
	return (events & WL_LATCH_SET) != 0;
}

/* Turns that ask for the next at once get it later and later; those that were woken do not count.
 */
static long
slow_down(long pause, bool woken)
{
	static long hurry = 0;

	if (pause >= HURRY_MILLISECONDS || woken)
	{
		hurry = 0;
		return pause;
	}
	pause = Max(pause, hurry);
	hurry = hurry == 0 ? TURN_MILLISECONDS : Min(hurry * 2, MAX_HURRY_MILLISECONDS);
	return pause;
}

/* Has the setting named another database since we connected? */
static bool
moved(const char *connected)
{
	return strcmp(connected, setting_database) != 0;
}

void
nex_backup_leader_main(Datum argument)
{
	char *connected = MemoryContextStrdup(TopMemoryContext, setting_database);
	MemoryContext context;
	bool woken = true;

	worker_logs_errors = true;
	worker_session_start(connected, InvalidOid);
	leader_announce();
	context = AllocSetContextCreate(TopMemoryContext, "nex_backup leader", ALLOCSET_DEFAULT_SIZES);
	while (!worker_stop_requested)
	{
		TimestampTz turn = GetCurrentTimestamp();
		uint64 wakes;
		long pause;

		CHECK_FOR_INTERRUPTS();
		worker_reload();
		if (moved(connected))
			break;
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		pgstat_report_activity(STATE_RUNNING, "advancing the queue");
		ResetLatch(MyLatch);
		wakes = leader_wakes();
		say_version();
		pause = take_turn();
		/* What came while the turn waited for a lock has lost its latch. */
		if (ConfigReloadPending || leader_wakes() != wakes)
			SetLatch(MyLatch);
		pgstat_report_activity(STATE_IDLE, NULL);
		woken = sleep_until_next(slow_down(pause, woken), turn);
	}
	proc_exit(1);
}

void
leader_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, "nex_backup", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, CppAsString(nex_backup_leader_main), BGW_MAXLEN);
	strlcpy(worker.bgw_name, "nex_backup leader", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "nex_backup leader", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}
