/*-------------------------------------------------------------------------
 *
 * deadline.c
 *	  The time that a transaction may go on after it has changed the catalog.
 *
 * A role that may report, or work as an agent, changes tables of the extension,
 * and the locks on these stay until its transaction ends.  Somebody who waits
 * for more than such a lock grants, ALTER TABLE for example, keeps all others
 * waiting behind.  What the program nex_backup does there takes milliseconds.
 * So a session that is not a superuser's, and stays in such a transaction, is
 * terminated.
 *
 * A setting (idle_in_transaction_session_timeout) would not do, as the role
 * could set it back; nor would an error in place of the end of the session, as
 * the lock of a savepoint's parent outlives it.  Timeouts of PostgreSQL are
 * stopped by every error, and a second one in an aborted subtransaction goes by no
 * place where they could be started again; so a timer of the operating system
 * sends a signal, where there are such timers.
 *
 * A transaction that has been committed may still wait for a synchronous standby,
 * and keeps its locks meanwhile.  It is too late to end the session then: what it
 * has reported is there, and its client would be told otherwise.  So only that
 * wait ends, as pg_cancel_backend() would end it, with PostgreSQL's warning.
 * What comes before the commit record, such as the wait for a temporary table
 * that ON COMMIT DELETE ROWS empties, still counts as the transaction.
 *
 * The lock of the queue is everybody's.  Sessions that keep it in turn would add
 * up to more than others wait for it, so a session that has it gets less time.
 * That begins when the call is over, as the first one after a long time has much to do.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "cut_client.h"
#include "deadline.h"
#include "shared_state.h"

/* Half of what others wait for a lock of it, in seconds. */
#define PATIENCE 10

/* With the lock of the queue. */
#define QUEUE_PATIENCE 2

/* After it was told to end, and did not.  The timer comes once a second. */
#define CUT_MILLISECONDS 900

static bool registered = false;
static TimeoutId timeout;
static volatile TimestampTz deadline = 0; /* 0: none */
static int level; /* of subtransactions; all that it is for ends with this one */
static volatile bool wait_ended = false;
static volatile TimestampTz told = 0; /* when the session was told to end; 0: it was not */

static void set_timer(time_t seconds);

/* Between the end of what can still fail, and the end of the locks. */
static bool
is_committing(void)
{
	return GetCurrentTransactionNestLevel() == 1 && !IsTransactionState();
}

/* In a signal handler: as pg_terminate_backend() would, or pg_cancel_backend(). */
static void
end_transaction(void)
{
	if (deadline == 0)
		return;
	if (!is_committing())
	{
		TimestampTz now = GetCurrentTimestamp();

		/* It cannot end while it writes to a client that does not read. */
		if (told == 0)
			told = now;
		else if (TimestampDifferenceExceeds(told, now, CUT_MILLISECONDS))
			cut_client();
		kill(MyProcPid, SIGTERM);
		set_timer(1);
		return;
	}
	wait_ended = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

#if defined(_POSIX_TIMERS) && _POSIX_TIMERS > 0 && defined(SIGRTMAX)
static timer_t timer;

static void
handle_timer(SIGNAL_ARGS)
{
	int saved = errno;

	end_transaction();
	errno = saved;
}

static void
create_timer(void)
{
	struct sigevent event = {0};

	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = unused_signal();
	if (event.sigev_signo == 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("no signal is free")));
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not create a timer: %m")));
	pqsignal(event.sigev_signo, handle_timer);
}

/* 0: stop it.  There is nothing in it that could fail. */
static void
set_timer(time_t seconds)
{
	struct itimerspec span = {{0, 0}, {seconds, 0}};

	(void) timer_settime(timer, 0, &span, NULL);
}
#else
static void
create_timer(void)
{
}

static void
set_timer(time_t seconds)
{
}
#endif

static void
stop(void)
{
	deadline = 0;
	told = 0;
	disable_timeout(timeout, false);
	set_timer(0);
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (deadline == 0 ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	stop();
	/* There may have been no wait to end; the next statement is not what was meant. */
	if (wait_ended)
		QueryCancelPending = false;
	wait_ended = false;
}

/*
 * An error disables all timeouts, and then comes here if there is a savepoint.  The
 * locks of what ends here end with it, or are its parent's from now on.
 */
static void
at_end_of_subtransaction(SubXactEvent event, SubTransactionId self, SubTransactionId parent,
						 void *arg)
{
	bool all = GetCurrentTransactionNestLevel() <= level;

	if (deadline == 0)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB && all)
		level = GetCurrentTransactionNestLevel() - 1;
	else if (event == SUBXACT_EVENT_ABORT_SUB && all)
		stop();
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		enable_timeout_at(timeout, deadline);
}

/*
 * Of subtransactions, the one that the locks of this call end with.  Those taken in
 * a cursor from further out stay with the cursor.
 */
static int
level_of_locks(void)
{
	ResourceOwner owner = CurrentResourceOwner;

	while (owner != NULL && owner != CurTransactionResourceOwner)
		owner = ResourceOwnerGetParent(owner);
	return owner != NULL ? GetCurrentTransactionNestLevel() : 1;
}

/* The end comes in this many seconds, or sooner. */
static void
come_closer(int seconds)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), seconds * 1000);

	if (deadline != 0 && deadline <= end)
		return;
	deadline = end;
	enable_timeout_at(timeout, deadline);
	set_timer(seconds);
}

void
deadline_set(void)
{
	if (superuser_arg(GetSessionUserId()) || superuser_arg(GetOuterUserId()))
	{
		/* One that runs already may have been another role's, before SET ROLE. */
		if (deadline != 0)
			level = Min(level, level_of_locks());
		return;
	}
	if (!registered)
	{
		create_timer();
		timeout = RegisterTimeout(USER_TIMEOUT, end_transaction);
		RegisterXactCallback(at_end_of_transaction, NULL);
		RegisterSubXactCallback(at_end_of_subtransaction, NULL);
		registered = true;
	}
	level = deadline != 0 ? Min(level, level_of_locks()) : level_of_locks();
	come_closer(queue_lock_held() ? QUEUE_PATIENCE : PATIENCE);
}
