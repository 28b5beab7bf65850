/*-------------------------------------------------------------------------
 *
 * at_once.c
 *	  Several things at the same time that do not need each other.
 *
 *-------------------------------------------------------------------------
 */
#include "at_once.h"

#include <pthread.h>
#include <stdatomic.h>

#define MOST_THREADS 16

typedef struct Crowd
{
	AtOnceWork work;
	void *argument;
	size_t count;
	_Atomic size_t next;
} Crowd;

static void *
work_on(void *argument)
{
	Crowd *crowd = argument;
	size_t item;

	while ((item = atomic_fetch_add(&crowd->next, 1)) < crowd->count)
		crowd->work(item, crowd->argument);
	return NULL;
}

void
at_once(size_t count, size_t threads, AtOnceWork work, void *argument)
{
	Crowd crowd = {.work = work, .argument = argument, .count = count};
	pthread_t others[MOST_THREADS - 1];
	size_t started = 0;

	if (threads > count)
		threads = count;
	while (started + 1 < threads && started < MOST_THREADS - 1 &&
		   pthread_create(&others[started], NULL, work_on, &crowd) == 0)
		started++;
	work_on(&crowd);
	while (started > 0)
		pthread_join(others[--started], NULL);
}
