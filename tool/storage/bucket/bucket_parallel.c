/*-------------------------------------------------------------------------
 *
 * bucket_parallel.c
 *	  The same request for many objects, many at the same time.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_parallel.h"

#include <pthread.h>

#define ASK_EVERY 16 /* so many requests rest on one answer about the locks */

/* Paths that some threads work on. */
typedef struct Work
{
	BucketStorage *bucket;
	const EachObject *each;
	char *const *paths;
	StoreResult *results;
	size_t count;
	pthread_mutex_t lock; /* of: */
	size_t next;
	bool ended; /* the way there is closed, or a lock is lost: the rest is not tried */
} Work;

/* The next one; false if there is none. */
static bool
take_next(Work *work, size_t *i)
{
	pthread_mutex_lock(&work->lock);
	*i = work->next;
	if (*i < work->count && !work->ended)
		work->next++;
	else
		*i = work->count;
	pthread_mutex_unlock(&work->lock);
	return *i < work->count;
}

static void
end_work(Work *work)
{
	pthread_mutex_lock(&work->lock);
	work->ended = true;
	pthread_mutex_unlock(&work->lock);
}

static bool
is_of_object(StoreCode code)
{
	return code == STORE_OK || code == STORE_ABSENT || code == STORE_DENIED || code == STORE_LOCKED;
}

static void *
do_some(void *argument)
{
	Work *work = argument;
	size_t i;

	while (take_next(work, &i))
	{
		StoreResult *result = &work->results[i];

		if (work->each->while_locked && i % ASK_EVERY == ASK_EVERY - 1 &&
			!leases_all_alive(work->bucket->leases))
			*result = store_failure(STORE_FAILED, "Run the same command again.",
									"a lock on the repository was lost");
		else
			*result = work->each->request(work->bucket, work->paths[i], work->each->argument);
		if (!is_of_object(result->code))
			end_work(work);
	}
	return NULL;
}

void
bucket_each_object(BucketStorage *bucket, char *const *paths, size_t count, const EachObject *each,
				   StoreResult *results)
{
	Work work = {
		.bucket = bucket, .each = each, .paths = paths, .results = results, .count = count};
	pthread_t threads[BUCKET_REQUESTS - 1];
	size_t started = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		results[i] = store_failure(STORE_FAILED, NULL, "another one has failed");
		results[i].tries = 0;
	}

	pthread_mutex_init(&work.lock, NULL);
	while (started + 1 < count && started < BUCKET_REQUESTS - 1 &&
		   pthread_create(&threads[started], NULL, do_some, &work) == 0)
		started++;
	do_some(&work);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	pthread_mutex_destroy(&work.lock);
}
