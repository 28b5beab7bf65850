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
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "executor.h"
#include "leader.h"
#include "settings.h"
#include "shared_state.h"
#include "worker_session.h"

PGDLLEXPORT void nex_backup_leader_main(Datum argument);

#define RESTART_SECONDS 5
#define MAX_EXECUTORS 64

/* Without an extension, or after an error. */
#define IDLE_MILLISECONDS 10000L
#define MAX_MILLISECONDS 60000L

/* An executor that found nothing must not be started again at once. */
#define LAUNCH_PAUSE_MILLISECONDS 250L

static BackgroundWorkerHandle *executors[MAX_EXECUTORS];
static int nexecutors = 0;
static bool slots_missed = false;
static char said_state[32] = "";

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

/* True if all that were wanted could be started. */
static bool
launch(int wanted)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool launched = true;

	while (wanted-- > 0 && nexecutors < MAX_EXECUTORS && launched)
	{
		launched = executor_launch(MyDatabaseId, &executors[nexecutors]);
		if (launched)
			nexecutors++;
	}
	MemoryContextSwitchTo(old);
	/* Once in each episode: the state can last. */
	if (!launched && !slots_missed)
		ereport(
			WARNING,
			(errmsg("nex_backup cannot start a run, as no slot for a background worker is free"),
			 errhint("Increase max_worker_processes. The run waits.")));
	slots_missed = !launched;
	return launched;
}

/* Say in the log when the state is another than before. */
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

/* One turn; gives the milliseconds until the next. */
static long
take_turn(void)
{
	const char *parameters[2];
	char host[256] = "";
	char **row;
	long pause;

	gethostname(host, sizeof(host) - 1);
	parameters[0] = host;
	parameters[1] = psprintf("%d", MyProcPid);
	if (sql_call("SELECT a.state, a.detail, a.startable, "
				 "ceil(extract(epoch FROM a.wait) * 1000)::int8, "
				 "(SELECT count(*) FROM nex_backup.leases l WHERE l.in_server) "
				 "FROM nex_backup.advance('leader', true, $1, $2::int4) a",
				 2, parameters, &row, NULL) != SQL_DONE ||
		row == NULL)
		return IDLE_MILLISECONDS;
	say_state(row[0], row[1] != NULL ? row[1] : "");
	pause = strtol(row[3], NULL, 10);
	count_executors();
	/* Those that hold no run are about to claim one. */
	if (setting_executor == EXECUTOR_WORKER)
	{
		int idle = nexecutors - (int) strtol(row[4], NULL, 10);
		int wanted = (int) strtol(row[2], NULL, 10) - Max(idle, 0);

		if (wanted > 0)
			pause = launch(wanted) ? Max(pause, LAUNCH_PAUSE_MILLISECONDS) : IDLE_MILLISECONDS;
	}
	return Min(Max(pause, 1), MAX_MILLISECONDS);
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

	worker_session_start(connected, InvalidOid);
	leader_announce();
	context = AllocSetContextCreate(TopMemoryContext, "nex_backup leader", ALLOCSET_DEFAULT_SIZES);
	while (!worker_stop_requested)
	{
		long pause;

		CHECK_FOR_INTERRUPTS();
		worker_reload();
		if (moved(connected))
			break;
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		pgstat_report_activity(STATE_RUNNING, "advancing the queue");
		ResetLatch(MyLatch);
		pause = take_turn();
		pgstat_report_activity(STATE_IDLE, NULL);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause,
						 PG_WAIT_EXTENSION);
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
