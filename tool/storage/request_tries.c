/*-------------------------------------------------------------------------
 *
 * request_tries.c
 *	  When a request that failed is sent again.
 *
 *-------------------------------------------------------------------------
 */
#include "request_tries.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "primitives.h"

#define FIRST_PAUSE 0.1 /* seconds, at most */
#define LONGEST_PAUSE 20.0
#define LOOK_FOR_STOP 0.1
#define ALL_IS_WELL 32 /* requests; more than leases are renewed while another request is tried */
#define UNHEARD 30.0   /* seconds, for a server that has not answered yet: its name may be wrong */

struct Patience
{
	bool (*stopped)(void);
	pthread_mutex_t lock;
	double whole;   /* seconds for a request, unless others were given up */
	double seconds; /* for one that begins now */
	int succeeded;  /* since one was given up */
	bool heard;     /* the server has answered something */
};

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

Patience *
patience_create(int seconds, bool (*stopped)(void))
{
	Patience *patience = xcalloc(1, sizeof(*patience));

	patience->whole = patience->seconds = seconds;
	patience->stopped = stopped;
	pthread_mutex_init(&patience->lock, NULL);
	return patience;
}

void
patience_free(Patience *patience)
{
	if (patience == NULL)
		return;
	pthread_mutex_destroy(&patience->lock);
	free(patience);
}

void
tries_begin(Tries *tries, Patience *patience)
{
	*tries = (Tries){.patience = patience, .began = now()};
	pthread_mutex_lock(&patience->lock);
	tries->seconds = patience->seconds;
	pthread_mutex_unlock(&patience->lock);
}

static bool
is_transient(StoreCode code)
{
	return code == STORE_UNREACHABLE || code == STORE_UNKNOWN_OUTCOME;
}

/* From 0 to 1. */
static double
random_fraction(void)
{
	uint32_t number;

	if (!random_bytes(&number, sizeof(number)))
		return 1;
	return number / (double) UINT32_MAX;
}

static double
pause_after(int tries, long wait_seconds)
{
	double most = FIRST_PAUSE;

	while (--tries > 0 && most < LONGEST_PAUSE)
		most *= 2;
	if (most > LONGEST_PAUSE)
		most = LONGEST_PAUSE;
	return (double) wait_seconds + most * random_fraction();
}

/* False if the run is stopped meanwhile. */
static bool
pause_for(const Patience *patience, double seconds)
{
	double end = now() + seconds;

	for (;;)
	{
		double left = end - now();

		if (patience->stopped != NULL && patience->stopped())
			return false;
		if (left <= 0)
			return true;
		usleep((useconds_t) (1e6 * (left < LOOK_FOR_STOP ? left : LOOK_FOR_STOP)));
	}
}

/* This one has been tried for long enough: those that begin later get half of that. */
static void
give_up(const Tries *tries)
{
	Patience *patience = tries->patience;

	pthread_mutex_lock(&patience->lock);
	patience->succeeded = 0;
	if (patience->seconds > tries->seconds / 2)
		patience->seconds = tries->seconds / 2;
	pthread_mutex_unlock(&patience->lock);
}

/* The outage is over when many have succeeded, and none was given up meanwhile. */
static void
note_success(Patience *patience)
{
	pthread_mutex_lock(&patience->lock);
	if (patience->succeeded < ALL_IS_WELL && ++patience->succeeded == ALL_IS_WELL)
		patience->seconds = patience->whole;
	pthread_mutex_unlock(&patience->lock);
}

void
tries_heard(Tries *tries)
{
	pthread_mutex_lock(&tries->patience->lock);
	tries->patience->heard = true;
	pthread_mutex_unlock(&tries->patience->lock);
}

static double
time_for(const Tries *tries)
{
	bool heard;

	pthread_mutex_lock(&tries->patience->lock);
	heard = tries->patience->heard;
	pthread_mutex_unlock(&tries->patience->lock);
	return heard || tries->seconds < UNHEARD ? tries->seconds : UNHEARD;
}

bool
tries_again(Tries *tries, const StoreResult *result, long wait_seconds)
{
	double pause;

	tries->count++;
	if (result->code == STORE_OK)
		note_success(tries->patience);
	if (!is_transient(result->code))
		return false;
	tries->maybe_done |= result->code == STORE_UNKNOWN_OUTCOME;
	pause = pause_after(tries->count, wait_seconds);
	if (now() + pause - tries->began < time_for(tries))
		return pause_for(tries->patience, pause);
	give_up(tries);
	return false;
}
