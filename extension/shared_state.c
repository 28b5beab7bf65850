/*-------------------------------------------------------------------------
 *
 * shared_state.c
 *	  The little that sessions and the leader share in memory.
 *
 * Waking is a hint.  The state that matters is in tables, so whatever becomes
 * of this memory in a crash is of no consequence.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <sys/stat.h>

#include "access/xact.h"
#include "fmgr.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "shared_state.h"

PG_FUNCTION_INFO_V1(nex_backup_wake);
PG_FUNCTION_INFO_V1(nex_backup_was_standby);

typedef struct SharedState
{
	slock_t mutex;    /* protects leader */
	Latch *leader;    /* of its PGPROC, which stays valid memory after it has exited */
	bool was_standby; /* never changes once the server runs */
} SharedState;

static SharedState *state = NULL;

/* Outlives the shared memory, which a crash makes anew: in the postmaster, and so in all. */
static bool seen_standby = false;

static shmem_startup_hook_type previous_startup_hook = NULL;
static bool wake_at_commit = false;
static bool callback_registered = false;

static void
shared_state_startup(void)
{
	struct stat status;
	bool found;

	if (previous_startup_hook != NULL)
		previous_startup_hook();
	/* The working directory is the data directory. */
	if (!IsUnderPostmaster && stat("standby.signal", &status) == 0)
		seen_standby = true;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	state = ShmemInitStruct("nex_backup", sizeof(SharedState), &found);
	if (!found)
	{
		SpinLockInit(&state->mutex);
		state->leader = NULL;
		state->was_standby = seen_standby;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shared_state_request(void)
{
	request_shared_memory_compat(sizeof(SharedState));
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shared_state_startup;
}

static void
leader_leaves(int code, Datum argument)
{
	SpinLockAcquire(&state->mutex);
	state->leader = NULL;
	SpinLockRelease(&state->mutex);
}

void
leader_announce(void)
{
	SpinLockAcquire(&state->mutex);
	state->leader = MyLatch;
	SpinLockRelease(&state->mutex);
	before_shmem_exit(leader_leaves, 0);
}

void
leader_wake(void)
{
	Latch *leader;

	if (state == NULL)
		return;
	SpinLockAcquire(&state->mutex);
	leader = state->leader;
	SpinLockRelease(&state->mutex);
	if (leader != NULL)
		SetLatch(leader);
}

/* What was changed can be seen by others only now. */
static void
wake_callback(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT && wake_at_commit)
		leader_wake();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		wake_at_commit = false;
}

/* nex_backup.wake(): at commit, let the leader look at the queue. */
Datum
nex_backup_wake(PG_FUNCTION_ARGS)
{
	if (!callback_registered)
	{
		RegisterXactCallback(wake_callback, NULL);
		callback_registered = true;
	}
	wake_at_commit = true;
	PG_RETURN_VOID();
}

/*
 * nex_backup.was_standby(): has this server been a standby since it was
 * started?  Without shared memory nobody has looked.
 */
Datum
nex_backup_was_standby(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(state != NULL && state->was_standby);
}
