/*-------------------------------------------------------------------------
 *
 * deadline.c
 *	  The time that a transaction may go on after it has changed the catalogue.
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
 * sends the signal, where there are such timers.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "deadline.h"

/* Half of what others wait for a lock of it, in seconds. */
#define PATIENCE 10

static bool registered = false;
static TimeoutId timeout;
static TimestampTz deadline = 0; /* 0: none */

/* In a signal handler: as pg_terminate_backend() would. */
static void
terminate(void)
{
	kill(MyProcPid, SIGTERM);
}

#if defined(_POSIX_TIMERS) && _POSIX_TIMERS > 0
static timer_t timer;

static void
create_timer(void)
{
	struct sigevent event = {0};

	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGTERM;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not create a timer: %m")));
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
at_end_of_transaction(XactEvent event, void *arg)
{
	if (deadline == 0 ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	deadline = 0;
	disable_timeout(timeout, false);
	set_timer(0);
}

/* An error disables all timeouts, and then comes here if there is a savepoint. */
static void
at_end_of_subtransaction(SubXactEvent event, SubTransactionId self, SubTransactionId parent,
						 void *arg)
{
	if (deadline != 0 && event == SUBXACT_EVENT_ABORT_SUB)
		enable_timeout_at(timeout, deadline);
}

void
deadline_set(void)
{
	if (deadline != 0 || superuser_arg(GetSessionUserId()) || superuser_arg(GetOuterUserId()))
		return;
	if (!registered)
	{
		create_timer();
		timeout = RegisterTimeout(USER_TIMEOUT, terminate);
		RegisterXactCallback(at_end_of_transaction, NULL);
		RegisterSubXactCallback(at_end_of_subtransaction, NULL);
		registered = true;
	}
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PATIENCE * 1000);
	enable_timeout_at(timeout, deadline);
	set_timer(PATIENCE);
}
