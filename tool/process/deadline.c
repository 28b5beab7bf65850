/*-------------------------------------------------------------------------
 *
 * deadline.c
 *	  Talk to a server until a time that we choose, and not longer.
 *
 * Timeouts such as statement_timeout are the server's good will: a server
 * that is stopped, or whose functions swallow a cancellation, keeps none.
 * PQexec() and PQconnectdb() wait for it without end, and keepalives say only
 * that the other host is there.  So we wait with poll(), for a limited time,
 * and take only what has arrived.  Time is over also if something arrives now
 * and then, but never the whole.
 *
 *-------------------------------------------------------------------------
 */
#include "deadline.h"

#include <poll.h>
#include <time.h>

/* libpq may have read more from an encrypted connection than it has looked at. */
#define LONGEST_SLICE 1.0

double
monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

int
milliseconds_until(double at)
{
	double wait = at - monotonic_seconds();

	return wait > 0 ? (int) (wait * 1000) + 1 : 0;
}

WaitOutcome
wait_for_socket(int socket, short events, double until)
{
	struct pollfd file = {.fd = socket, .events = events};

	return poll(&file, 1, milliseconds_until(until)) > 0 ? WAIT_READY : WAIT_NOTHING;
}

static WaitOutcome
wait_once(const Deadline *deadline, int socket, short events, double until)
{
	if (socket < 0 || monotonic_seconds() >= deadline->at)
		return WAIT_GIVE_UP;
	if (deadline->wait != NULL)
		return deadline->wait(deadline->argument, socket, events, until);
	return wait_for_socket(socket, events, until);
}

bool
deadline_connect(PGconn *pg, const Deadline *deadline)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	WaitOutcome outcome;

	if (PQstatus(pg) == CONNECTION_BAD)
		return false;
	while (status != PGRES_POLLING_OK)
	{
		if (status == PGRES_POLLING_FAILED)
			return false;
		outcome = wait_once(deadline, PQsocket(pg),
							status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline->at);
		if (outcome == WAIT_GIVE_UP)
			return false;
		/* Not before: it would take a connection under way for one that is made. */
		if (outcome == WAIT_READY)
			status = PQconnectPoll(pg);
	}
	return true;
}

/* Wait until PQgetResult() would not; false: the time is over. */
static bool
result_is_there(PGconn *pg, const Deadline *deadline)
{
	for (;;)
	{
		int unsent = PQflush(pg);
		double slice = monotonic_seconds() + LONGEST_SLICE;
		short events = POLLIN;

		if (unsent < 0)
			return false;
		if (unsent == 0 && !PQisBusy(pg))
			return true;
		if (unsent > 0)
			events |= POLLOUT;
		if (wait_once(deadline, PQsocket(pg), events,
					  slice < deadline->at ? slice : deadline->at) == WAIT_GIVE_UP)
			return false;
		/* What is lost, PQgetResult() says. */
		if (PQconsumeInput(pg) == 0)
			return true;
	}
}

static bool
is_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

PGresult *
deadline_results(PGconn *pg, const Deadline *deadline)
{
	PGresult *kept = NULL;
	PGresult *next;

	while (result_is_there(pg, deadline))
	{
		next = PQgetResult(pg);
		if (next == NULL)
			return kept;
		if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR)
			PQclear(next);
		else
		{
			PQclear(kept);
			kept = next;
		}
		/* Nothing here is a COPY, and of such results there is no end. */
		if (is_copy(kept))
			break;
	}
	PQclear(kept);
	return NULL;
}
