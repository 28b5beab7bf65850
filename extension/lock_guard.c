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
 * is asked from the lock manager; every session says itself whether what it
 * does is a superuser's (said_who.c); and the signal is sent as pg_cancel_backend() does.
 *
 * Whoever waits cannot do this itself: it sleeps in the lock manager, and when
 * it has given up, it has lost its place, and whoever repeats the statement in a
 * loop is before it again.  So another process does it, which is connected to
 * no database and so waits for nothing: the guard (guard.c).  It takes away all
 * that is before the one who waits, who then comes next.  It is woken by a timer of
 * the one who waits, or by a worker that begins something.  Only if there was no
 * slot for the guard, the workers do it themselves after their lock_timeout.
 *
 * CREATE RULE and CREATE CONSTRAINT TRIGGER get their lock before PostgreSQL looks
 * who asks, if nobody has it, and then read the names of other tables, which they
 * can be made to wait for.  So whoever holds, of what is the extension's or the
 * catalogs', more than readers and writers do is told to end, too; and if it does
 * not, its session is terminated, and at last its connection cut (cut_client.c).
 *
 * A superuser is never told anything.  And none but the one that was
 * seen there: so the signal is sent while the lock manager's partition is locked,
 * and the process still waits there, or holds it; and once for each wait.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "lock_guard.h"
#include "said_who.h"

/* Who has waited for so long is helped; at once, for a minute after somebody had to be. */
#define PATIENCE_MILLISECONDS 3000
#define ALERT_MILLISECONDS 60000
#define LOOK_MILLISECONDS 500L
#define ALERT_LOOK_MILLISECONDS 20L

/* Between two lines of the log. */
#define LOG_MILLISECONDS 10000

#define MAX_DEPTH 3

/* Processes that are looked at in one turn; each costs all partitions of the lock manager. */
#define MAX_LOOKS 100

/* What goes on although it was told to end is told again. */
#define TOLD_MILLISECONDS 1000
#define TERMINATED_MILLISECONDS 500

/* So long, in an alert, may last what neither waits nor was to be there at all. */
#define ALERT_HOLD_MILLISECONDS 200

/* Of the guard, which is started again after a second. */
#define MISSED_MILLISECONDS 10000

/* Of the number of a process: it is one of our workers. */
#define WORKER UINT32_C(0x80000000)

typedef struct Told
{
	int pid;
	uint64 which; /* wait, or transaction */
	int times;
	TimestampTz at;
} Told;

/* Every process has its own place, so that nobody can take those of others. */
typedef struct Place
{
	pg_atomic_uint32 waiting; /* its process, while it may wait for long, or 0 */
	Told waits;               /* that it was told to stop to wait */
	Told holds;               /* that it was told to let go */
} Place;

typedef struct GuardState
{
	pg_atomic_uint64 alert; /* the last time that somebody was canceled */
	Latch *volatile latch;  /* of the guard; NULL: it is not there */
	slock_t mutex;          /* protects what somebody was told, and this: */
	TimestampTz left;       /* since when there is no guard */
	int count;
	Place places[FLEXIBLE_ARRAY_MEMBER];
} GuardState;

static GuardState *guard = NULL;

/* Of this process. */
static bool begun = false;
static int begun_level; /* of subtransactions */
static bool registered = false;
static TimeoutId timer;

/* Written by a signal handler: the lock that this process has waited for. */
static volatile bool wait_noted = false;
static LOCKTAG noted_tag;
static LOCKMODE noted_mode;

Size
lock_guard_shared_size(void)
{
	return MAXALIGN(add_size(offsetof(GuardState, places),
							 mul_size(sizeof(Place), (Size) max_backends_compat())));
}

void
lock_guard_shared_start(void)
{
	bool found;
	int i;

	guard = ShmemInitStruct("nex_backup lock guard", lock_guard_shared_size(), &found);
	if (found)
		return;
	memset(guard, 0, lock_guard_shared_size());
	pg_atomic_init_u64(&guard->alert, 0);
	guard->latch = NULL;
	SpinLockInit(&guard->mutex);
	guard->left = GetCurrentTimestamp();
	guard->count = max_backends_compat();
	for (i = 0; i < guard->count; i++)
		pg_atomic_init_u32(&guard->places[i].waiting, 0);
}

/* NULL for what is neither a session nor a worker. */
static Place *
place_of(const PGPROC *proc)
{
	ptrdiff_t number;

	if (guard == NULL || proc == NULL)
		return NULL;
	number = proc - ProcGlobal->allProcs;
	return number >= 0 && number < guard->count ? &guard->places[number] : NULL;
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

/* Say so, and wake whoever reads it.  Also in a signal handler. */
static void
ask_for_help(void)
{
	Place *place = place_of(MyProc);
	Latch *latch;

	if (place == NULL)
		return;
	pg_atomic_write_u32(&place->waiting,
						(uint32) MyProcPid | (MyBgworkerEntry != NULL ? WORKER : 0));
	/* It stays where it is, and to be woken once too often does not matter. */
	latch = guard->latch;
	if (latch != NULL)
		SetLatch(latch);
}

static void
leave_list(void)
{
	Place *place = place_of(MyProc);

	if (place != NULL)
		pg_atomic_write_u32(&place->waiting, 0);
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

/* ---- in whoever helps ---- */

/* Note it as told; false if it was so just now.  *times: so often before that. */
static bool
is_news(Told *told, int pid, uint64 which, int *times)
{
	TimestampTz now = GetCurrentTimestamp();
	bool again;
	bool news;

	SpinLockAcquire(&guard->mutex);
	again = told->pid == pid && told->which == which && now >= told->at;
	*times = again ? told->times : 0;
	news = !again || now >= TimestampTzPlusMilliseconds(
								told->at, *times > 1 ? TERMINATED_MILLISECONDS : TOLD_MILLISECONDS);
	if (news)
	{
		told->pid = pid;
		told->which = which;
		told->times = *times + 1;
		told->at = now;
	}
	SpinLockRelease(&guard->mutex);
	return news;
}

static void
send_signal(int pid, int number)
{
#ifdef HAVE_SETSID
	if (kill(-pid, number) == 0)
		return;
#endif
	(void) kill(pid, number);
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
	Place *place = place_of(proc);
	TimestampTz since;
	bool sent = false;
	int times;

	LWLockAcquire(partition, LW_SHARED);
	since = (TimestampTz) pg_atomic_read_u64(&proc->waitStart);
	if (proc->pid == lock->pid && since != 0 && proc->waitLock != NULL &&
		memcmp(&proc->waitLock->tag, &lock->locktag, sizeof(LOCKTAG)) == 0 &&
		proc->waitLockMode == lock->waitLockMode &&
		is_news(&place->waits, lock->pid, (uint64) since, &times))
	{
		sent = true;
		send_signal(lock->pid, SIGINT);
	}
	LWLockRelease(partition);
	return sent;
}

/* The strongest mode that is held, is that or more, and keeps others from what is wanted. */
static LOCKMODE
held_mode(LOCKMASK held, LOCKMODE least, LOCKMODE wanted)
{
	LOCKMODE mode;

	for (mode = AccessExclusiveLock; mode >= least; mode--)
		if ((held & LOCKBIT_ON(mode)) != 0 && DoLockModesConflict(mode, wanted))
			return mode;
	return NoLock;
}

typedef enum EndSent
{
	SENT_NOTHING,
	SENT_CANCEL,
	SENT_TERMINATE,
	SENT_CUT,
} EndSent;

/*
 * The same if it holds it.  It cannot let go meanwhile.  A statement can refuse to be
 * canceled, in code that catches that, and a session that does nothing has no
 * statement; so what goes on loses its session.  And one that is writing to a
 * client that does not read loses its connection.
 */
static EndSent
send_end(const LockInstanceData *lock, PGPROC *proc, LOCKMODE wanted, bool *first)
{
	uint32 hash = LockTagHashCode(&lock->locktag);
	LWLock *partition = LockHashPartitionLock(hash);
	Place *place = place_of(proc);
	const PROCLOCK *held;
	EndSent sent = SENT_NOTHING;
	int times;

	LWLockAcquire(partition, LW_SHARED);
	held = proc->pid == lock->pid
			   ? find_proclock_compat(proc, (int) LockHashPartition(hash), &lock->locktag)
			   : NULL;
	if (held != NULL && held_mode(held->holdMask, ShareLock, wanted) != NoLock &&
		is_news(&place->holds, lock->pid, (uint64) LOCAL_TRANSACTION_OF(proc), &times))
	{
		int cut = times > 1 ? said_who_cut_signal(proc) : 0;

		sent = times == 0 ? SENT_CANCEL : cut == 0 ? SENT_TERMINATE : SENT_CUT;
		*first = times <= 2;
		if (sent == SENT_CUT)
			(void) kill(lock->pid, cut);
		else
			send_signal(lock->pid, sent == SENT_CANCEL ? SIGINT : SIGTERM);
	}
	LWLockRelease(partition);
	return sent;
}

static void
say_ended(const PGPROC *proc, const LockInstanceData *lock, LOCKMODE mode, bool always,
		  const char *what)
{
	static TimestampTz said = 0;
	static int unsaid = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (!always && said != 0 && now >= said &&
		!TimestampDifferenceExceeds(said, now, LOG_MILLISECONDS))
	{
		unsaid++;
		return;
	}
	said = now;
	ereport(LOG, (errmsg(what, lock->pid),
				  errdetail("Its role has OID %u; the lock is %s of an object with OID %u.",
							proc->roleId, GetLockmodeName(lock->locktag.locktag_lockmethodid, mode),
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
			/* Of a database: with InvalidOid it is that of all commits that NOTIFY. */
			return own && tag->locktag_field2 == DatabaseRelationId &&
				   OidIsValid(tag->locktag_field3);
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
	PGPROC *proc = BackendPidGetProc(lock->pid);

	if (lock->waitLockMode < ShareLock || !DoLockModesConflict(lock->waitLockMode, wanted) ||
		said_who_may_be_superuser(proc) || !send_cancel(lock, proc))
		return;
	pg_atomic_write_u64(&guard->alert, (uint64) GetCurrentTimestamp());
	say_ended(proc, lock, lock->waitLockMode, false,
			  "nex_backup canceled a statement of process %d, which waited for a lock "
			  "in vain and kept everybody else from it");
}

/*
 * Does this one hold what only a superuser should, and keep somebody from it?  CREATE
 * RULE has its lock before PostgreSQL looks who asks, and meanwhile it may wait for
 * another one, or read what it was given for as long as its user likes.
 */
static void
end_holder(const LockInstanceData *lock, LOCKMODE wanted)
{
	PGPROC *proc = BackendPidGetProc(lock->pid);
	LOCKMODE mode = held_mode(lock->holdMask, ShareLock, wanted);
	EndSent sent;
	bool first = true;

	/* Readers and writers hold less. */
	if (mode == NoLock || said_who_may_be_superuser(proc))
		return;
	if ((sent = send_end(lock, proc, wanted, &first)) == SENT_NOTHING)
		return;
	pg_atomic_write_u64(&guard->alert, (uint64) GetCurrentTimestamp());
	say_ended(proc, lock, mode, sent != SENT_CANCEL && first,
			  sent == SENT_CANCEL
				  ? "nex_backup canceled a statement of process %d, which held a lock that is a "
					"superuser's and kept everybody else from it"
			  : sent == SENT_TERMINATE
				  ? "nex_backup terminated process %d, which held a lock that is a superuser's and "
					"kept everybody else from it"
				  : "nex_backup cut the connection of process %d, which held a lock that is a "
					"superuser's, and wrote to a client that does not read");
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
has_waited(int pid, int milliseconds)
{
	PGPROC *proc = BackendPidGetProc(pid);
	TimestampTz since =
		proc != NULL ? (TimestampTz) pg_atomic_read_u64(&proc->waitStart) : (TimestampTz) 0;

	return since != 0 && TimestampDifferenceExceeds(since, GetCurrentTimestamp(), milliseconds);
}

static bool
has_waited_long(int pid)
{
	return is_alert(GetCurrentTimestamp()) || has_waited(pid, PATIENCE_MILLISECONDS);
}

/* What only works, and does not wait, may be about to end. */
static bool
is_about_to_end(int holder, int waiter)
{
	PGPROC *proc = BackendPidGetProc(holder);

	return proc != NULL && proc->waitLock == NULL && !has_waited(waiter, ALERT_HOLD_MILLISECONDS);
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
			if (is_guarded(&lock->locktag, depth == 0))
			{
				if (is_before(data, blocked, lock->pid))
					cancel_waiter(lock, own->waitLockMode);
				if (!is_about_to_end(lock->pid, blocked->pid))
					end_holder(lock, own->waitLockMode);
			}
			if (depth < MAX_DEPTH &&
				held_mode(lock->holdMask, AccessShareLock, own->waitLockMode) != NoLock)
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

/* Somebody who asked; false if there is nobody. */
static bool
help_place(Place *place, bool worker)
{
	uint32 process = pg_atomic_read_u32(&place->waiting);
	int pid = (int) (process & ~WORKER);
	PGPROC *proc;

	if (process == 0 || ((process & WORKER) != 0) != worker)
		return false;
	proc = BackendPidGetProc(pid);
	/* One that is on its way into a database is not known yet. */
	if (proc == NULL && kill((pid_t) pid, 0) != 0 && errno == ESRCH)
	{
		(void) pg_atomic_compare_exchange_u32(&place->waiting, &process, 0);
		return false;
	}
	if (proc != NULL && proc->waitLock != NULL)
		help(pid, 0);
	return true;
}

/*
 * Workers first.  Of the others, each turn begins where the one before had to
 * stop, as they may be too many for one.
 */
static bool
help_all(void)
{
	static int first = 0;
	int next = first;
	bool asked = false;
	int i;

	looks = 0;
	for (i = 0; i < guard->count; i++)
		if (help_place(&guard->places[i], true))
			asked = true;
	for (i = 0; i < guard->count; i++)
	{
		next = (first + i) % guard->count;
		if (looks == MAX_LOOKS)
			break;
		if (help_place(&guard->places[next], false))
			asked = true;
	}
	first = next;
	return asked || i < guard->count;
}

long
lock_guard_turn(void)
{
	static MemoryContext context = NULL;
	MemoryContext old;
	bool asked;

	if (guard == NULL)
		return -1L;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "nex_backup lock guard",
										ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	asked = help_all();
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
	{
		const LockInstanceData *lock = &data->locks[i];

		if (!is_noted(&lock->locktag) || lock->pid == 0 || lock->pid == MyProcPid)
			continue;
		if (lock->waitLockMode != NoLock)
			cancel_waiter(lock, noted_mode);
		end_holder(lock, noted_mode);
	}
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

const char *
lock_guard_problem(void)
{
	TimestampTz left;

	if (guard == NULL || RecoveryInProgress())
		return NULL;
	SpinLockAcquire(&guard->mutex);
	left = guard->left;
	SpinLockRelease(&guard->mutex);
	if (guard->latch == NULL &&
		TimestampDifferenceExceeds(left, GetCurrentTimestamp(), MISSED_MILLISECONDS))
		return "the worker that keeps others from locking up the extension is not running: "
			   "increase max_worker_processes, and restart the server";
	return NULL;
}
