/*-------------------------------------------------------------------------
 *
 * failing_calls.h
 *	  A repository in memory, and one attempt after the other in which one
 *	  call of its storage fails.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FAILING_CALLS_H
#define NEX_FAILING_CALLS_H

#include "memory_storage.h"
#include "scratch.h"

#include "memory.h"
#include "repository.h"

static inline Repository *
repository_in_memory(bool barrier_needed)
{
	Repository *repository = xcalloc(1, sizeof(Repository));

	repository->storage = memory_storage(barrier_needed);
	repository->id = xstrdup("01234567-89ab-4def-8123-456789abcdef");
	repository->created = xstrdup("2026-11-23T02:00:00Z");
	return repository;
}

/*
 * One attempt: the call of this number (from 1 on; 0: none) fails with the
 * code, before or after it was done.  Returns how many calls were made.
 */
typedef int (*Attempt)(bool barrier_needed, int call, StoreCode code, bool afterwards);

/* All calls and all codes; without a failure, an attempt makes at least so many calls. */
static inline void
try_all(Attempt attempt, bool barrier_needed, int least)
{
	int count = attempt(barrier_needed, 0, STORE_FAILED, false);
	int call;
	int code;

	assert_in_range(count, least, 60);
	for (call = 1; call <= count; call++)
	{
		for (code = STORE_ABSENT; code <= STORE_FAILED; code++)
		{
			attempt(barrier_needed, call, (StoreCode) code, false);
			/* Who says that another one is there has not done it. */
			if (code != STORE_EXISTS && code != STORE_CHANGED)
				attempt(barrier_needed, call, (StoreCode) code, true);
		}
	}
}

#endif /* NEX_FAILING_CALLS_H */
