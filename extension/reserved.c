/*-------------------------------------------------------------------------
 *
 * reserved.c
 *	  Workers that are there from the start, for when no slot for a dynamic
 *	  one is free.
 *
 * Every role can keep the slots for dynamic workers busy with parallel queries,
 * and raise max_parallel_workers for its session.  The slot of a worker that is
 * registered when the server starts is never competed for.  Until it has
 * something to do, it sleeps on its latch, connected to no database.
 *
 * A process can connect to one database only, so after its task it exits with
 * 1, and the postmaster starts another in its slot; after 0 it would not.
 *
 * The first does errands and delivers alarms, which are short, so that a backup
 * of hours is in the way of neither a request nor its cancellation.  The others
 * do all.  What is shared is no more than a hint, too: a run belongs to who has
 * claimed it, and an errand's result is in its own segment (see errand.c).
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/wait_event.h"

#include "errand.h"
#include "executor.h"
#include "reserved.h"
#include "settings.h"
#include "shared_state.h"
#include "worker_session.h"

PGDLLEXPORT void nex_backup_reserved_main(Datum argument);

#define RESTART_SECONDS 1

typedef enum SlotState
{
	SLOT_EMPTY, /* no process, or one that is about to exit */
	SLOT_IDLE,
	SLOT_ASSIGNED, /* there is a task, which the process has not taken yet */
	SLOT_WORKING
} SlotState;

typedef struct Slot
{
	SlotState state;
	Latch *latch;  /* of its PGPROC, which stays valid memory after it has exited */
	uint64 number; /* of the last task */
	ReservedTask task;
} Slot;

typedef struct ReservedState
{
	slock_t mutex; /* protects all */
	bool started;  /* was there ever one? */
	Slot slots[MAX_RESERVED_EXECUTORS];
} ReservedState;

static ReservedState *reserved = NULL;
static int my_slot = -1;

Size
reserved_shared_size(void)
{
	return MAXALIGN(sizeof(ReservedState));
}

void
reserved_shared_start(void)
{
	bool found;

	reserved = ShmemInitStruct("nex_backup reserved executors", sizeof(ReservedState), &found);
	if (found)
		return;
	memset(reserved, 0, sizeof(*reserved));
	SpinLockInit(&reserved->mutex);
}

/* ---- handing over ---- */

static bool
may_do(int slot, ReservedKind kind)
{
	switch (kind)
	{
		case RESERVED_ERRAND:
			return true;
		case RESERVED_ALARMS:
			return slot == 0;
		case RESERVED_RUNS:
			return slot > 0;
	}
	return false;
}

bool
reserved_exist(void)
{
	bool started;

	if (reserved == NULL)
		return false;
	SpinLockAcquire(&reserved->mutex);
	started = reserved->started;
	SpinLockRelease(&reserved->mutex);
	return started;
}

bool
reserved_assign(const ReservedTask *task, ReservedTicket *ticket)
{
	Latch *latch = NULL;
	int i;

	if (reserved == NULL)
		return false;
	SpinLockAcquire(&reserved->mutex);
	for (i = 0; i < MAX_RESERVED_EXECUTORS && latch == NULL; i++)
	{
		Slot *slot = &reserved->slots[i];

		if (slot->state != SLOT_IDLE || !may_do(i, task->kind))
			continue;
		slot->state = SLOT_ASSIGNED;
		slot->number++;
		slot->task = *task;
		latch = slot->latch;
		ticket->slot = i;
		ticket->number = slot->number;
	}
	SpinLockRelease(&reserved->mutex);
	if (latch == NULL)
		return false;
	SetLatch(latch);
	return true;
}

bool
reserved_ended(const ReservedTicket *ticket)
{
	const Slot *slot = &reserved->slots[ticket->slot];
	bool ended;

	SpinLockAcquire(&reserved->mutex);
	ended = slot->number != ticket->number ||
			(slot->state != SLOT_ASSIGNED && slot->state != SLOT_WORKING);
	SpinLockRelease(&reserved->mutex);
	return ended;
}

int
reserved_executors(Oid database)
{
	int count = 0;
	int i;

	if (reserved == NULL)
		return 0;
	SpinLockAcquire(&reserved->mutex);
	for (i = 0; i < MAX_RESERVED_EXECUTORS; i++)
	{
		const Slot *slot = &reserved->slots[i];

		if ((slot->state == SLOT_ASSIGNED || slot->state == SLOT_WORKING) &&
			slot->task.kind != RESERVED_ERRAND && slot->task.database == database)
			count++;
	}
	SpinLockRelease(&reserved->mutex);
	return count;
}

/* ---- the worker ---- */

/* Nobody waits for a task that this process will not do any more. */
static void
leave_slot(int code, Datum argument)
{
	Slot *slot = &reserved->slots[my_slot];
	Latch *waiter = NULL;

	SpinLockAcquire(&reserved->mutex);
	if (slot->state == SLOT_ASSIGNED || slot->state == SLOT_WORKING)
		waiter = slot->task.waiter;
	slot->state = SLOT_EMPTY;
	SpinLockRelease(&reserved->mutex);
	if (waiter != NULL)
		SetLatch(waiter);
}

/* The callback comes after those of a connection, which are registered later. */
static void
enter_slot(int number)
{
	Slot *slot = &reserved->slots[number];

	my_slot = number;
	on_shmem_exit(leave_slot, 0);
	SpinLockAcquire(&reserved->mutex);
	slot->state = SLOT_IDLE;
	slot->latch = MyLatch;
	reserved->started = true;
	SpinLockRelease(&reserved->mutex);
}

static bool
take_task(ReservedTask *task)
{
	Slot *slot = &reserved->slots[my_slot];
	bool taken = false;

	SpinLockAcquire(&reserved->mutex);
	if (slot->state == SLOT_ASSIGNED)
	{
		slot->state = SLOT_WORKING;
		*task = slot->task;
		taken = true;
	}
	SpinLockRelease(&reserved->mutex);
	return taken;
}

void
nex_backup_reserved_main(Datum argument)
{
	ReservedTask task;

	worker_handle_signals();
	enter_slot(DatumGetInt32(argument));
	/* There may be runs that wait for us. */
	leader_wake();
	while (!take_task(&task))
	{
		if (worker_stop_requested)
			proc_exit(1);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	/* Who has sent SIGINT meant what we did not do yet. */
	(void) worker_take_cancel();
	if (task.kind == RESERVED_ERRAND)
		errand_work(task.extra);
	else
		executor_work(task.database, task.kind == RESERVED_ALARMS);
	proc_exit(1);
}

void
reserved_register(void)
{
	BackgroundWorker worker;
	int i;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, "nex_backup", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, CppAsString(nex_backup_reserved_main), BGW_MAXLEN);
	strlcpy(worker.bgw_type, "nex_backup executor", BGW_MAXLEN);
	for (i = 0; i < setting_reserved_executors; i++)
	{
		snprintf(worker.bgw_name, BGW_MAXLEN, "nex_backup reserved executor %d", i + 1);
		worker.bgw_main_arg = Int32GetDatum(i);
		RegisterBackgroundWorker(&worker);
	}
}
