/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  The worker that looks after those who wait for locks (lock_guard.c).
 *
 * It does nothing else, so it is always free to do it, and it is the only one:
 * two that look at the same time would both cancel, and the second signal would
 * meet the statement after.  It is connected to no database, as whoever reads a
 * catalog can be kept waiting as well.  While nobody waits, it sleeps on its
 * latch, without a timeout.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "fmgr.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/wait_event.h"

#include "guard.h"
#include "lock_guard.h"
#include "worker_session.h"

PG_FUNCTION_INFO_V1(nex_backup_guard_problem);

PGDLLEXPORT void nex_backup_guard_main(Datum argument);

#define RESTART_SECONDS 1

void
nex_backup_guard_main(Datum argument)
{
	worker_handle_signals();
	lock_guard_enter();
	while (!worker_stop_requested)
	{
		long pause;

		/* There is no statement here. */
		(void) worker_take_cancel();
		worker_reload();
		pause = lock_guard_turn();
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (pause >= 0 ? WL_TIMEOUT : 0), pause,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	proc_exit(1);
}

void
guard_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, "nex_backup", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, CppAsString(nex_backup_guard_main), BGW_MAXLEN);
	strlcpy(worker.bgw_name, "nex_backup lock guard", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "nex_backup lock guard", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* nex_backup.guard_problem(): why nobody is looked after; NULL if all is well. */
Datum
nex_backup_guard_problem(PG_FUNCTION_ARGS)
{
	const char *problem = lock_guard_problem();

	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
