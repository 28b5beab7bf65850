/*-------------------------------------------------------------------------
 *
 * cut_client.c
 *	  An end of the connection to a client that does not read.
 *
 * PostgreSQL tells a client of an error before it ends the transaction, and is
 * not interrupted meanwhile.  If the client does not read, the session stays
 * there, with all its locks, and neither pg_cancel_backend() nor
 * pg_terminate_backend() ends it.  When the connection is gone, writing fails,
 * and the session goes on to the end of its transaction, and then to its own.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>
#include <sys/socket.h>

#include "miscadmin.h"
#include "storage/latch.h"

/* What it includes for these need not be installed; the socket comes before all that they add. */
#undef ENABLE_GSS
#undef USE_SSL
#undef USE_OPENSSL
#include "libpq/libpq-be.h"

#include "cut_client.h"

void
cut_client(void)
{
	if (MyProcPort != NULL && MyProcPort->sock != PGINVALID_SOCKET)
		(void) shutdown(MyProcPort->sock, SHUT_RDWR);
	if (MyLatch != NULL)
		SetLatch(MyLatch);
}

#if defined(SIGRTMAX)
static void
handle_cut(SIGNAL_ARGS)
{
	int saved = errno;

	cut_client();
	errno = saved;
}

/* PostgreSQL uses none of these. */
int
unused_signal(void)
{
	struct sigaction action;
	int number;

	for (number = SIGRTMAX; number >= SIGRTMIN; number--)
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
			return number;
	return 0;
}

int
cut_client_signal(void)
{
	static int number = 0;

	if (number == 0 && (number = unused_signal()) != 0)
		pqsignal(number, handle_cut);
	return number;
}
#else
int
unused_signal(void)
{
	return 0;
}

int
cut_client_signal(void)
{
	return 0;
}
#endif
