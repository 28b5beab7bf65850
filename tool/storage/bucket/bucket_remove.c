/*-------------------------------------------------------------------------
 *
 * bucket_remove.c
 *	  Remove objects of a bucket: many by one request where the provider has
 *	  that, else one by one, many at the same time.
 *
 * Azure's batches, too, are a request for each object to its accounts, and a
 * signature for each; sending them at the same time is as fast, and has no
 * answer in several parts to be read.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_remove.h"
#include "bucket_storage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define GROUP 1000   /* names that one request may remove */
#define ASK_EVERY 16 /* so many that are removed one by one rest on one answer about the locks */

/* The answer is the same whether there was an object or not, if it was asked for twice. */
StoreResult
bucket_remove(BucketStorage *bucket, const char *path, Leases *leases)
{
	BucketRequest request = {.method = "DELETE", .after_stop = true, .leases = leases};
	StoreResult result;
	BucketReply reply;

	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, path, &request, &reply);
	if (result.code == STORE_ABSENT && reply.maybe_done)
		result = store_ok();
	bucket_reply_free(&reply);
	return result;
}

/* Paths that some threads remove. */
typedef struct Removal
{
	BucketStorage *bucket;
	char *const *paths;
	StoreResult *results;
	size_t count;
	pthread_mutex_t lock; /* of: */
	size_t next;
	bool ended; /* the way there is closed, or a lock is lost: the rest is not tried */
} Removal;

/* The next one to be removed; false if there is none. */
static bool
take_next(Removal *removal, size_t *i)
{
	pthread_mutex_lock(&removal->lock);
	*i = removal->next;
	if (*i < removal->count && !removal->ended)
		removal->next++;
	else
		*i = removal->count;
	pthread_mutex_unlock(&removal->lock);
	return *i < removal->count;
}

static void
end_removal(Removal *removal)
{
	pthread_mutex_lock(&removal->lock);
	removal->ended = true;
	pthread_mutex_unlock(&removal->lock);
}

static void *
remove_some(void *argument)
{
	Removal *removal = argument;
	Leases *leases = removal->bucket->leases;
	size_t i;

	while (take_next(removal, &i))
	{
		StoreResult *result = &removal->results[i];

		if (i % ASK_EVERY == ASK_EVERY - 1 && !leases_all_alive(leases))
			*result = store_failure(STORE_FAILED, "Run the same command again.",
									"a lock on the repository was lost");
		else
			*result = bucket_remove(removal->bucket, removal->paths[i], leases);
		if (result->code != STORE_OK && result->code != STORE_ABSENT &&
			result->code != STORE_DENIED)
			end_removal(removal);
	}
	return NULL;
}

static void
remove_each(BucketStorage *bucket, char *const *paths, size_t count, StoreResult *results)
{
	Removal removal = {.bucket = bucket, .paths = paths, .results = results, .count = count};
	pthread_t threads[BUCKET_REQUESTS - 1];
	size_t started = 0;
	size_t i;

	for (i = 0; i < count; i++)
		results[i] = store_failure(STORE_FAILED, NULL, "another one could not be removed");

	pthread_mutex_init(&removal.lock, NULL);
	while (started + 1 < count && started < BUCKET_REQUESTS - 1 &&
		   pthread_create(&threads[started], NULL, remove_some, &removal) == 0)
		started++;
	remove_some(&removal);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	pthread_mutex_destroy(&removal.lock);
}

/* Where batches do not work, one by one does. */
static void
remove_group(BucketStorage *bucket, char *const *paths, size_t count, StoreResult *results)
{
	StoreResult batch = store_failure(STORE_UNSUPPORTED, NULL, "one is not a batch");
	size_t i;

	if (count > 1 && bucket->dialect->remove_batch != NULL)
	{
		char **keys = xcalloc(count, sizeof(char *));

		for (i = 0; i < count; i++)
			keys[i] = bucket_key(bucket, paths[i]);
		batch =
			bucket->dialect->remove_batch(bucket->session, bucket->leases, keys, count, results);
		for (i = 0; i < count; i++)
			free(keys[i]);
		free(keys);
	}
	if (batch.code == STORE_UNSUPPORTED || batch.code == STORE_FAILED)
		remove_each(bucket, paths, count, results);
	else if (batch.code != STORE_OK)
	{
		for (i = 0; i < count; i++)
			results[i] = batch;
	}
}

void
bucket_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
				   void *argument)
{
	StoreResult *results = xcalloc(GROUP, sizeof(StoreResult));
	bool go_on = true;
	size_t done, i;

	for (done = 0; done < count && go_on; done += GROUP)
	{
		size_t size = count - done < GROUP ? count - done : GROUP;

		remove_group((BucketStorage *) storage, paths + done, size, results);
		for (i = 0; i < size && go_on; i++)
			go_on = removed(done + i, &results[i], argument);
	}
	free(results);
}
