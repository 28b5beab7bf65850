/*-------------------------------------------------------------------------
 *
 * lock_guard.c
 *	  Nobody who could not get a lock keeps the extension waiting for it.
 *
 * CREATE RULE, CREATE TRIGGER, ATTACH PARTITION and the like wait for a lock
 * before PostgreSQL looks who asks, on any relation that somebody can name: a
 * table of the extension, an index of it, a system catalog, one that all
 * databases share.  DROP DATABASE does the same with a database.  If another
 * session of that role has read there and keeps its transaction open, such a
 * statement waits for as long as the role likes, and everybody who comes later
 * queues behind it.  It can only fail.  So it is canceled where it is in the way
 * of the extension: of its workers, and of sessions that call its functions.
 *
 * Nothing here uses a catalog, as that would queue as well.  Who is before whom
 * is asked from the lock manager; who is a superuser was noted while all was
 * well; and the signal is sent as pg_cancel_backend() does.
 *
 * Whoever waits cannot do this itself: it sleeps in the lock manager, and when
 * it has given up, it has lost its place, and whoever repeats the statement in a
 * loop is before it again.  So another process does it, which is connected to
 * no database and so waits for nothing: the guard (guard.c).  It takes away all
 * that is before the one who waits, who then comes next.  It is woken by a timer of
 * the one who waits, or by a worker that begins something.  Only if there was no
 * slot for the guard, the workers do it themselves after their lock_timeout.
 *
 * A statement of a superuser is never canceled, nor one of somebody who has got
 * the lock.  And none but the one that was seen waiting: so the signal is sent
 * while the lock manager's partition is locked, and the process still waits there;
 * and once for each wait.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "fmgr.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "lock_guard.h"

PG_FUNCTION_INFO_V1(nex_backup_guard_problem);

/* Who has waited for so long is helped; at once, for a minute after somebody had to be. */
#define PATIENCE_MILLISECONDS 3000
#define ALERT_MILLISECONDS 60000
#define LOOK_MILLISECONDS 500L
#define ALERT_LOOK_MILLISECONDS 20L

/* Between two lines of the log. */
#define LOG_MILLISECONDS 10000

#define MAX_WAITING 128
#define MAX_SUPERUSERS 1000
#define MAX_DEPTH 3

/* Processes that are looked at in one turn; each costs all partitions of the lock manager. */
#define MAX_LOOKS 100

/* Waits that were told to end; one that goes on nevertheless is told again. */
#define MAX_TOLD 64
#define TOLD_MILLISECONDS 1000

/* Of the guard, which is started again after a second. */
#define MISSED_MILLISECONDS 10000

#define NOT_KNOWN (-1)
#define TOO_MANY (-2)

typedef struct Told
{
	int pid;
	TimestampTz since; /* that it has waited */
	TimestampTz at;
} Told;

typedef struct GuardState
{
	pg_atomic_uint64 alert;                /* the last time that somebody was canceled */
	pg_atomic_uint32 waiting[MAX_WAITING]; /* processes that may wait for long; 0: none */
	Latch *volatile latch;                 /* of the guard; NULL: it is not there */
	slock_t mutex;                         /* protects the rest */
	TimestampTz left;                      /* since when, in that case */
	int told_next;
	Told told[MAX_TOLD];
	int superusers_count;           /* or NOT_KNOWN, or TOO_MANY */
	Oid superusers[MAX_SUPERUSERS]; /* in order */
} GuardState;

static GuardState *guard = NULL;

/* Of this process. */
static bool begun = false;
static int begun_level; /* of subtransactions */
static bool registered = false;
static TimeoutId timer;
static bool superusers_stale = true;

/* Written by a signal handler: the lock that this process has waited for. */
static volatile bool wait_noted = false;
static LOCKTAG noted_tag;
static LOCKMODE noted_mode;

Size
lock_guard_shared_size(void)
{
	return MAXALIGN(sizeof(GuardState));
}

void
lock_guard_shared_start(void)
{
	bool found;
	int i;

	guard = ShmemInitStruct("nex_backup lock guard", sizeof(GuardState), &found);
	if (found)
		return;
	pg_atomic_init_u64(&guard->alert, 0);
	for (i = 0; i < MAX_WAITING; i++)
		pg_atomic_init_u32(&guard->waiting[i], 0);
	guard->latch = NULL;
	SpinLockInit(&guard->mutex);
	guard->left = GetCurrentTimestamp();
	guard->told_next = 0;
	memset(guard->told, 0, sizeof(guard->told));
	guard->superusers_count = NOT_KNOWN;
}

static bool
is_alert(TimestampTz now)
{
	TimestampTz last = (TimestampTz) pg_atomic_read_u64(&guard->alert);

	return last != 0 && now >= last && !TimestampDifferenceExceeds(last, now, ALERT_MILLISECONDS);
}

/* ---- in whoever may have to wait ---- */

/*
 * The entry of a lock stays where it is while we wait for it, and until we have
 * given back what we have got.
 */
void
lock_guard_note_wait(void)
{
	/* Read once: a grant takes it away, though not the entry. */
	const LOCK *lock = MyProc != NULL ? *(LOCK *volatile *) &MyProc->waitLock : NULL;

	if (lock == NULL)
		return;
	noted_tag = lock->tag;
	noted_mode = MyProc->waitLockMode;
	wait_noted = true;
}

/* Into the list, and wake whoever reads it.  Also in a signal handler. */
static void
ask_for_help(void)
{
	Latch *latch;
	int i;

	if (guard == NULL)
		return;
	for (i = 0; i < MAX_WAITING; i++)
		if (pg_atomic_read_u32(&guard->waiting[i]) == (uint32) MyProcPid)
			break;
	if (i == MAX_WAITING)
		for (i = 0; i < MAX_WAITING; i++)
		{
			uint32 nobody = 0;

			if (pg_atomic_compare_exchange_u32(&guard->waiting[i], &nobody, (uint32) MyProcPid))
				break;
		}
	/* It stays where it is, and to be woken once too often does not matter. */
	latch = guard->latch;
	if (latch != NULL)
		SetLatch(latch);
}

static void
leave_list(void)
{
	int i;

	if (guard == NULL)
		return;
	for (i = 0; i < MAX_WAITING; i++)
		if (pg_atomic_read_u32(&guard->waiting[i]) == (uint32) MyProcPid)
			pg_atomic_write_u32(&guard->waiting[i], 0);
}

static void
handle_timer(void)
{
	lock_guard_note_wait();
	ask_for_help();
	/* Another wait may come. */
	if (begun)
		enable_timeout_after(timer, PATIENCE_MILLISECONDS);
}

static void
end_with_transaction(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		lock_guard_end();
}

/*
 * An error that a savepoint or a block catches ends what it interrupted, and with
 * it the need to be looked after.  A subtransaction that was begun later is an
 * affair of the one who works.  Its level is still the current one here.
 */
static void
end_with_subtransaction(SubXactEvent event, SubTransactionId self, SubTransactionId parent,
						void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && begun &&
		GetCurrentTransactionNestLevel() <= begun_level)
		lock_guard_end();
}

static void
leave_at_exit(int code, Datum argument)
{
	leave_list();
}

bool
lock_guard_begin(void)
{
	if (begun)
		return false;
	if (!registered)
	{
		timer = RegisterTimeout(USER_TIMEOUT, handle_timer);
		RegisterXactCallback(end_with_transaction, NULL);
		RegisterSubXactCallback(end_with_subtransaction, NULL);
		before_shmem_exit(leave_at_exit, 0);
		registered = true;
	}
	wait_noted = false;
	begun = true;
	begun_level = GetCurrentTransactionNestLevel();
	/*
	 * A timer wakes its process also when it was stopped in time, and a leader
	 * that is woken takes another turn.  So workers say at once that they begin.
	 */
	if (MyBgworkerEntry == NULL)
		enable_timeout_after(timer, PATIENCE_MILLISECONDS);
	if (MyBgworkerEntry != NULL || (guard != NULL && is_alert(GetCurrentTimestamp())))
		ask_for_help();
	return true;
}

void
lock_guard_end(void)
{
	if (!begun)
		return;
	begun = false;
	if (MyBgworkerEntry == NULL)
		disable_timeout(timer, false);
	leave_list();
}

/* ---- who is a superuser ---- */

static void
handle_change(Datum argument, int cache, uint32 hash)
{
	superusers_stale = true;
}

bool
lock_guard_superusers_stale(void)
{
	return guard != NULL && superusers_stale;
}

/*
 * Not by query, which would be planned.  If there are more than fit, nobody is
 * known, and so nobody canceled.
 */
void
lock_guard_note_superusers(void)
{
	static bool watching = false;
	static Oid found[MAX_SUPERUSERS];
	int count = 0;
	Relation roles;
	SysScanDesc scan;
	HeapTuple tuple;

	if (!watching)
		CacheRegisterSyscacheCallback(AUTHOID, handle_change, (Datum) 0);
	watching = true;
	superusers_stale = false;
	roles = table_open(AuthIdRelationId, AccessShareLock);
	scan = systable_beginscan(roles, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid role = (Form_pg_authid) GETSTRUCT(tuple);

		if (!role->rolsuper)
			continue;
		if (count < MAX_SUPERUSERS)
			found[count] = role->oid;
		count++;
	}
	systable_endscan(scan);
	table_close(roles, AccessShareLock);
	if (count <= MAX_SUPERUSERS)
		qsort(found, (size_t) count, sizeof(Oid), oid_cmp);
	SpinLockAcquire(&guard->mutex);
	guard->superusers_count = count <= MAX_SUPERUSERS ? count : TOO_MANY;
	if (count <= MAX_SUPERUSERS)
		memcpy(guard->superusers, found, sizeof(Oid) * (Size) count);
	SpinLockRelease(&guard->mutex);
}

/* True also if that is not known. */
static bool
may_be_superuser(Oid role)
{
	bool may = true;

	if (!OidIsValid(role) || guard == NULL)
		return true;
	SpinLockAcquire(&guard->mutex);
	if (guard->superusers_count >= 0)
		may = bsearch(&role, guard->superusers, (size_t) guard->superusers_count, sizeof(Oid),
					  oid_cmp) != NULL;
	SpinLockRelease(&guard->mutex);
	return may;
}

/* ---- in whoever helps ---- */

/* Note it as told; false if it was so just now. */
static bool
is_news(int pid, TimestampTz since)
{
	TimestampTz now = GetCurrentTimestamp();
	bool news = true;
	Told *told;
	int i;

	SpinLockAcquire(&guard->mutex);
	told = &guard->told[guard->told_next];
	for (i = 0; i < MAX_TOLD; i++)
		if (guard->told[i].pid == pid)
			told = &guard->told[i];
	if (told->pid == pid && told->since == since && now >= told->at &&
		now < TimestampTzPlusMilliseconds(told->at, TOLD_MILLISECONDS))
		news = false;
	else
	{
		if (told->pid != pid)
			guard->told_next = (guard->told_next + 1) % MAX_TOLD;
		told->pid = pid;
		told->since = since;
		told->at = now;
	}
	SpinLockRelease(&guard->mutex);
	return news;
}

/*
 * As pg_cancel_backend(), but only if it waits there, and was not told so already.
 * It cannot be given the lock, nor give up, while we have its partition of the
 * lock manager; so the signal comes before its next statement.
 */
static bool
send_cancel(const LockInstanceData *lock, PGPROC *proc)
{
	LWLock *partition = LockHashPartitionLock(LockTagHashCode(&lock->locktag));
	TimestampTz since;
	bool sent = false;

	LWLockAcquire(partition, LW_SHARED);
	since = (TimestampTz) pg_atomic_read_u64(&proc->waitStart);
	if (proc->pid == lock->pid && since != 0 && proc->waitLock != NULL &&
		memcmp(&proc->waitLock->tag, &lock->locktag, sizeof(LOCKTAG)) == 0 &&
		proc->waitLockMode == lock->waitLockMode && is_news(lock->pid, since))
	{
		sent = true;
#ifdef HAVE_SETSID
		if (kill(-lock->pid, SIGINT) != 0)
#endif
			(void) kill(lock->pid, SIGINT);
	}
	LWLockRelease(partition);
	return sent;
}

static void
say_canceled(int pid, Oid role, const LockInstanceData *lock)
{
	static TimestampTz said = 0;
	static int unsaid = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (said != 0 && now >= said && !TimestampDifferenceExceeds(said, now, LOG_MILLISECONDS))
	{
		unsaid++;
		return;
	}
	said = now;
	ereport(LOG, (errmsg("nex_backup canceled a statement of process %d, which waited for a lock "
						 "in vain and kept everybody else from it",
						 pid),
				  errdetail("Its role has OID %u; it waited for %s of an object with OID %u.", role,
							GetLockmodeName(lock->locktag.locktag_lockmethodid, lock->waitLockMode),
							lock->locktag.locktag_type == LOCKTAG_RELATION
								? lock->locktag.locktag_field2
								: lock->locktag.locktag_field3),
				  unsaid > 0 ? errcontext("%d more since the last of these messages", unsaid) : 0));
	unsaid = 0;
}

/*
 * What the extension itself waits for are its own relations and the catalogs.
 * Others wait for tables of anybody, and who waits before them may get the lock.
 */
static bool
is_guarded(const LOCKTAG *tag, bool own)
{
	switch ((LockTagType) tag->locktag_type)
	{
		case LOCKTAG_RELATION:
			return own || tag->locktag_field2 < FirstNormalObjectId;
		case LOCKTAG_OBJECT:
			return tag->locktag_field2 == DatabaseRelationId;
		default:
			return false;
	}
}

/*
 * Does this one wait in the way of somebody who wants that mode, and may it be
 * canceled?  The functions of the extension want no such lock for others than
 * superusers, so who is looked after may be canceled as well.
 */
static void
cancel_waiter(const LockInstanceData *lock, LOCKMODE wanted)
{
	PGPROC *proc;
	Oid role;

	if (lock->waitLockMode < ShareLock || !DoLockModesConflict(lock->waitLockMode, wanted))
		return;
	proc = BackendPidGetProc(lock->pid);
	role = proc != NULL ? proc->roleId : InvalidOid;
	if (proc == NULL || may_be_superuser(role))
		return;
	if (!send_cancel(lock, proc))
		return;
	pg_atomic_write_u64(&guard->alert, (uint64) GetCurrentTimestamp());
	say_canceled(lock->pid, role, lock);
}

static bool
is_before(const BlockedProcsData *data, const BlockedProcData *blocked, int pid)
{
	int i;

	for (i = 0; i < blocked->num_waiters; i++)
		if (data->waiter_pids[blocked->first_waiter + i] == pid)
			return true;
	return false;
}

static bool
holds_in_the_way(const LockInstanceData *lock, LOCKMODE wanted)
{
	LOCKMODE mode;

	for (mode = AccessShareLock; mode <= AccessExclusiveLock; mode++)
		if ((lock->holdMask & LOCKBIT_ON(mode)) != 0 && DoLockModesConflict(mode, wanted))
			return true;
	return false;
}

static bool
has_waited_long(int pid)
{
	TimestampTz now = GetCurrentTimestamp();
	PGPROC *proc = BackendPidGetProc(pid);
	TimestampTz since;

	if (proc == NULL)
		return false;
	since = (TimestampTz) pg_atomic_read_u64(&proc->waitStart);
	return is_alert(now) ||
		   (since != 0 && TimestampDifferenceExceeds(since, now, PATIENCE_MILLISECONDS));
}

static int looks = 0; /* in this turn */

/* Not twice at the same depth, and not without end. */
static bool
may_look(int pid, int depth)
{
	static struct
	{
		int pid;
		int depth;
	} seen[MAX_LOOKS];
	int i;

	if (looks == MAX_LOOKS)
		return false;
	for (i = 0; i < looks; i++)
		if (seen[i].pid == pid && seen[i].depth == depth)
			return false;
	seen[looks].pid = pid;
	seen[looks++].depth = depth;
	return true;
}

/* What waits before a process; and before those that hold what it waits for. */
static void
help(int pid, int depth)
{
	BlockedProcsData *data;
	int i;
	int j;

	if (!may_look(pid, depth))
		return;
	data = GetBlockerStatusData(pid);
	for (i = 0; i < data->nprocs; i++)
	{
		const BlockedProcData *blocked = &data->procs[i];
		const LockInstanceData *locks = &data->locks[blocked->first_lock];
		const LockInstanceData *own = NULL;

		for (j = 0; j < blocked->num_locks; j++)
			if (locks[j].pid == blocked->pid && locks[j].waitLockMode != NoLock)
				own = &locks[j];
		if (own == NULL || !has_waited_long(blocked->pid))
			continue;
		for (j = 0; j < blocked->num_locks; j++)
		{
			const LockInstanceData *lock = &locks[j];

			if (lock->pid == blocked->pid || lock->pid == 0)
				continue;
			if (is_guarded(&lock->locktag, depth == 0) && is_before(data, blocked, lock->pid))
				cancel_waiter(lock, own->waitLockMode);
			else if (depth < MAX_DEPTH && holds_in_the_way(lock, own->waitLockMode))
				help(lock->pid, depth + 1);
		}
	}
}

static void
leave_guard(int code, Datum argument)
{
	TimestampTz now = GetCurrentTimestamp();

	guard->latch = NULL;
	SpinLockAcquire(&guard->mutex);
	guard->left = now;
	SpinLockRelease(&guard->mutex);
}

void
lock_guard_enter(void)
{
	on_shmem_exit(leave_guard, 0);
	guard->latch = MyLatch;
}

long
lock_guard_turn(void)
{
	static MemoryContext context = NULL;
	static int first = 0;
	MemoryContext old;
	bool asked = false;
	int i;

	if (guard == NULL)
		return -1L;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "nex_backup lock guard",
										ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	looks = 0;
	/* Each begins another time, as they may be too many for one turn. */
	first = (first + 1) % MAX_WAITING;
	for (i = 0; i < MAX_WAITING; i++)
	{
		pg_atomic_uint32 *place = &guard->waiting[(first + i) % MAX_WAITING];
		uint32 pid = pg_atomic_read_u32(place);
		PGPROC *proc;

		if (pid == 0)
			continue;
		proc = BackendPidGetProc((int) pid);
		/* One that is on its way into a database is not known yet. */
		if (proc == NULL && kill((pid_t) pid, 0) != 0 && errno == ESRCH)
		{
			(void) pg_atomic_compare_exchange_u32(place, &pid, 0);
			continue;
		}
		asked = true;
		if (proc != NULL && proc->waitLock != NULL)
			help((int) pid, 0);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(context);
	if (!asked)
		return -1L;
	return is_alert(GetCurrentTimestamp()) ? ALERT_LOOK_MILLISECONDS : LOOK_MILLISECONDS;
}

/* ---- after a wait that was too long ---- */

static bool
is_noted(const LOCKTAG *tag)
{
	return memcmp(tag, &noted_tag, sizeof(LOCKTAG)) == 0;
}

void
lock_guard_clear(void)
{
	LockData *data;
	int i;

	if (guard == NULL || guard->latch != NULL || !wait_noted || !is_guarded(&noted_tag, true))
		return;
	data = GetLockStatusData();
	for (i = 0; i < data->nelements; i++)
		if (is_noted(&data->locks[i].locktag) && data->locks[i].pid != 0 &&
			data->locks[i].waitLockMode != NoLock)
			cancel_waiter(&data->locks[i], noted_mode);
}

/* Who has it, or else who waits for it first. */
bool
lock_guard_holder(LockHolder *holder)
{
	const LockInstanceData *best = NULL;
	LockData *data;
	LOCKMODE mode;
	PGPROC *proc;
	int i;

	if (!wait_noted)
		return false;
	data = GetLockStatusData();
	for (i = 0; i < data->nelements; i++)
	{
		const LockInstanceData *lock = &data->locks[i];
		bool holds = (lock->holdMask & LOCKBIT_ON(AccessExclusiveLock)) != 0;

		if (!is_noted(&lock->locktag) || lock->pid == MyProcPid || lock->pid == 0 ||
			(!holds && lock->waitLockMode != AccessExclusiveLock))
			continue;
		if (best == NULL || holds || lock->waitStart < best->waitStart)
			best = lock;
		if (holds)
			break;
	}
	if (best == NULL)
		return false;
	mode = AccessExclusiveLock;
	proc = BackendPidGetProc(best->pid);
	holder->pid = best->pid;
	holder->role = proc != NULL ? proc->roleId : InvalidOid;
	holder->tag = noted_tag;
	holder->mode = mode;
	holder->granted = (best->holdMask & LOCKBIT_ON(AccessExclusiveLock)) != 0;
	return true;
}

/* ---- is anybody there? ---- */

static const char *
guard_problem(void)
{
	TimestampTz left;
	int superusers;

	SpinLockAcquire(&guard->mutex);
	left = guard->left;
	superusers = guard->superusers_count;
	SpinLockRelease(&guard->mutex);
	if (guard->latch == NULL &&
		TimestampDifferenceExceeds(left, GetCurrentTimestamp(), MISSED_MILLISECONDS))
		return "the worker that keeps others from locking up the extension is not running: "
			   "increase "
			   "max_worker_processes, and restart the server";
	if (superusers == TOO_MANY)
		return "there are more than " CppAsString2(
			MAX_SUPERUSERS) " superusers, so no statement that "
							"locks up the extension is canceled";
	return NULL;
}

/* nex_backup.guard_problem(): why nobody is looked after; NULL if all is well. */
Datum
nex_backup_guard_problem(PG_FUNCTION_ARGS)
{
	const char *problem = guard == NULL || RecoveryInProgress() ? NULL : guard_problem();

	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
