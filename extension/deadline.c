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
 * the lock of a savepoint's parent outlives it.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>

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

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (deadline == 0 ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	deadline = 0;
	disable_timeout(timeout, false);
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
		timeout = RegisterTimeout(USER_TIMEOUT, terminate);
		RegisterXactCallback(at_end_of_transaction, NULL);
		RegisterSubXactCallback(at_end_of_subtransaction, NULL);
		registered = true;
	}
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PATIENCE * 1000);
	enable_timeout_at(timeout, deadline);
}
