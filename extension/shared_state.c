/*-------------------------------------------------------------------------
 *
 * shared_state.c
 *	  The little that sessions and the leader share in memory.
 *
 * Waking is a hint.  The state that matters is in tables, so whatever becomes
 * of this memory in a crash is of no consequence.  What the leader says of
 * itself is here and not in a table, because it says it at every turn, and a
 * server in which nothing happens should write no WAL.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <sys/stat.h>

#include "access/xact.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "lock_guard.h"
#include "reserved.h"
#include "said_who.h"
#include "shared_state.h"

PG_FUNCTION_INFO_V1(nex_backup_wake);
PG_FUNCTION_INFO_V1(nex_backup_was_standby);
PG_FUNCTION_INFO_V1(nex_backup_lock_queue);
PG_FUNCTION_INFO_V1(nex_backup_leader_state);

/*
 * Of a lock in the space of advisory locks: the class of earlier versions, and
 * a fourth field that is neither 1 nor 2, as in those that SQL can take.
 */
#define QUEUE_LOCK_CLASS 1852143714
#define QUEUE_LOCK_FIELD 3

#define PROBLEM_SIZE 256

/* What the leader says of itself; 0 is never. */
typedef struct LeaderState
{
	pid_t pid;
	Oid database;
	TimestampTz advanced; /* the last good turn */
	TimestampTz clock;    /* the time that it believed in then */
	TimestampTz failing;  /* the first of the bad turns since */
	char problem[PROBLEM_SIZE];
} LeaderState;

typedef struct SharedState
{
	slock_t mutex;    /* protects leader, wakes and said */
	Latch *leader;    /* of its PGPROC, which stays valid memory after it has exited */
	uint64 wakes;     /* how often it was woken */
	bool was_standby; /* never changes once the server runs */
	LeaderState said;
} SharedState;

static SharedState *state = NULL;

/* Outlives the shared memory, which a crash creates again: in the postmaster, and so in all. */
static bool seen_standby = false;

static shmem_startup_hook_type previous_startup_hook = NULL;
static bool wake_at_commit = false;
static bool changes = false;
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
		state->wakes = 0;
		state->was_standby = seen_standby;
		memset(&state->said, 0, sizeof(state->said));
	}
	reserved_shared_start();
	lock_guard_shared_start();
	said_who_shared_start();
	LWLockRelease(AddinShmemInitLock);
}

static Size
shared_size(void)
{
	return MAXALIGN(sizeof(SharedState)) + reserved_shared_size() + lock_guard_shared_size() +
		   said_who_shared_size();
}

void
shared_state_request(void)
{
	request_shared_memory_compat(shared_size);
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shared_state_startup;
}

static void
leader_leaves(int code, Datum argument)
{
	SpinLockAcquire(&state->mutex);
	state->leader = NULL;
	state->said.pid = 0;
	SpinLockRelease(&state->mutex);
}

void
leader_announce(void)
{
	SpinLockAcquire(&state->mutex);
	state->leader = MyLatch;
	/* Another database has another queue. */
	if (state->said.database != MyDatabaseId)
		memset(&state->said, 0, sizeof(state->said));
	state->said.pid = MyProcPid;
	state->said.database = MyDatabaseId;
	SpinLockRelease(&state->mutex);
	before_shmem_exit(leader_leaves, 0);
}

void
leader_advanced(TimestampTz now, TimestampTz clock)
{
	SpinLockAcquire(&state->mutex);
	state->said.advanced = now;
	if (clock != 0)
		state->said.clock = clock;
	SpinLockRelease(&state->mutex);
}

void
leader_has_problem(const char *problem)
{
	char text[PROBLEM_SIZE] = "";
	TimestampTz now = GetCurrentTimestamp();

	if (problem != NULL)
		strlcpy(text, problem, pg_mbcliplen(problem, strlen(problem), PROBLEM_SIZE - 1) + 1);
	SpinLockAcquire(&state->mutex);
	if (problem == NULL)
		state->said.failing = 0;
	else if (state->said.failing == 0)
		state->said.failing = now;
	memcpy(state->said.problem, text, sizeof(text));
	SpinLockRelease(&state->mutex);
}

void
leader_wake(void)
{
	Latch *leader;

	if (state == NULL)
		return;
	SpinLockAcquire(&state->mutex);
	leader = state->leader;
	state->wakes++;
	SpinLockRelease(&state->mutex);
	if (leader != NULL)
		SetLatch(leader);
}

uint64
leader_wakes(void)
{
	uint64 wakes;

	SpinLockAcquire(&state->mutex);
	wakes = state->wakes;
	SpinLockRelease(&state->mutex);
	return wakes;
}

/*
 * What was changed can be seen by others only at the commit.  A prepared
 * transaction would keep its locks, with no session that could be ended
 * (deadline.c), and over a restart.
 */
static void
transaction_callback(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_PRE_PREPARE && changes)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has changed or locked something "
							   "of nex_backup")));
	if (event == XACT_EVENT_COMMIT && wake_at_commit)
		leader_wake();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
	{
		wake_at_commit = false;
		changes = false;
	}
}

void
shared_state_changes(void)
{
	if (!callback_registered)
		RegisterXactCallback(transaction_callback, NULL);
	callback_registered = true;
	changes = true;
}

/* nex_backup.wake(): at commit, let the leader look at the queue. */
Datum
nex_backup_wake(PG_FUNCTION_ARGS)
{
	shared_state_changes();
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

static LOCKTAG
queue_lock_tag(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, QUEUE_LOCK_CLASS, 1, QUEUE_LOCK_FIELD);
	return tag;
}

bool
queue_lock_held(void)
{
	LOCKTAG tag = queue_lock_tag();

	return lock_held_compat(&tag, ExclusiveLock);
}

/* nex_backup.acquire_queue_lock(): until the end of the transaction, nobody else decides. */
Datum
nex_backup_lock_queue(PG_FUNCTION_ARGS)
{
	LOCKTAG tag = queue_lock_tag();

	/* Whoever comes through an entry is its owner here. */
	if (!superuser())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("an internal function of nex_backup was called directly")));
	shared_state_changes();
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	PG_RETURN_VOID();
}

static void
set_time(Datum *values, bool *nulls, int column, TimestampTz time)
{
	nulls[column] = time == 0;
	values[column] = TimestampTzGetDatum(time);
}

/* nex_backup.leader_state(): pid, advanced, clock, failing, problem; nulls where there is nothing
 * to say. */
Datum
nex_backup_leader_state(PG_FUNCTION_ARGS)
{
	LeaderState said;
	TupleDesc columns;
	Datum values[5] = {0};
	bool nulls[5];

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE || columns->natts != 5)
		elog(ERROR, "unexpected result type");
	columns = BlessTupleDesc(columns);
	memset(nulls, true, sizeof(nulls));
	memset(&said, 0, sizeof(said));
	if (state != NULL)
	{
		SpinLockAcquire(&state->mutex);
		said = state->said;
		SpinLockRelease(&state->mutex);
	}
	if (said.database == MyDatabaseId)
	{
		nulls[0] = said.pid == 0;
		values[0] = Int32GetDatum(said.pid);
		set_time(values, nulls, 1, said.advanced);
		set_time(values, nulls, 2, said.clock);
		set_time(values, nulls, 3, said.failing);
		nulls[4] = said.problem[0] == '\0';
		values[4] = CStringGetTextDatum(said.problem);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(columns, values, nulls)));
}
