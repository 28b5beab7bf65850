/*-------------------------------------------------------------------------
 *
 * request_tries.h
 *	  When a request that failed is sent again, and when it is not.
 *
 * Only what may be different the next time is sent again: to an unreachable or
 * overloaded server, or after a lost answer.  Here, and not around a whole
 * Storage, because a page of a listing, a piece of an object or a lease can be
 * asked for again when the operation that it belongs to cannot.
 *
 * Each request has its own time, whatever becomes of others: a lease that is
 * renewed does not show that objects can be stored.  Once one of them has been
 * given up, what the run still asks for gets less and less time, so that it
 * ends even if it asks for many; until many have succeeded again, as a
 * verification goes on after an outage.
 *
 * Source of the pauses: "Exponential Backoff And Jitter" (full jitter), AWS
 * Architecture Blog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REQUEST_TRIES_H
#define NEX_REQUEST_TRIES_H

#include <stdbool.h>

#include "store_result.h"

#define REQUEST_PATIENCE 300 /* seconds */

/* Shared by all threads of a storage. */
typedef struct Patience Patience;

/* `stopped` (may be NULL) ends a pause and all further tries. */
extern Patience *patience_create(int seconds, bool (*stopped)(void));
extern void patience_free(Patience *patience);

/* One request: its tries. */
typedef struct Tries
{
	Patience *patience;
	double began;
	double seconds;  /* that it may take */
	int count;       /* of tries so far */
	bool maybe_done; /* an earlier try may have been carried out */
} Tries;

extern void tries_begin(Tries *tries, Patience *patience);

/* The server has answered, whatever it was. */
extern void tries_heard(Tries *tries);

/*
 * After a try: is there to be another one?  Then the pause is over when this
 * returns.  wait_seconds is what the server asks for; 0: nothing.
 */
extern bool tries_again(Tries *tries, const StoreResult *result, long wait_seconds);

#endif /* NEX_REQUEST_TRIES_H */
