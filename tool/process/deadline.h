/*-------------------------------------------------------------------------
 *
 * deadline.h
 *	  Talk to a server until a time that we choose, and not longer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEADLINE_H
#define NEX_DEADLINE_H

#include <stdbool.h>
#include <libpq-fe.h>

typedef enum WaitOutcome
{
	WAIT_GIVE_UP, /* there is no use in waiting longer */
	WAIT_NOTHING, /* the time is over, or something else has happened */
	WAIT_READY
} WaitOutcome;

typedef struct Deadline
{
	double at; /* by monotonic_seconds() */

	/*
	 * Wait for a socket, until that moment at most, and do what else is to be
	 * done in the meantime.  NULL: wait_for_socket().
	 */
	WaitOutcome (*wait)(void *argument, int socket, short events, double until);
	void *argument;
} Deadline;

/* Seconds that no setting of the clock changes. */
extern double monotonic_seconds(void);

/* Milliseconds until then, for poll(), which must not wake up too early. */
extern int milliseconds_until(double at);

/* poll() for one socket. */
extern WaitOutcome wait_for_socket(int socket, short events, double until);

/* Drive what PQconnectStartParams() has begun to its end; false if it failed, or took too long. */
extern bool deadline_connect(PGconn *pg, const Deadline *deadline);

/*
 * The last result of what was sent, or the first that is an error; NULL if it
 * did not come in time.  The session is of no use then: PQfinish() it.  It
 * must be in non-blocking mode, so that sending and PQfinish() do not wait.
 */
extern PGresult *deadline_results(PGconn *pg, const Deadline *deadline);

#endif /* NEX_DEADLINE_H */
