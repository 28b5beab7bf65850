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

#include <stdlib.h>

#include "bucket_parallel.h"
#include "bucket_versions.h"
#include "memory.h"

#define GROUP 1000 /* names that one request may remove */

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

/* For bucket_each_object(). */
static StoreResult
remove_one(BucketStorage *bucket, const char *path, void *argument)
{
	(void) argument;
	return bucket_remove(bucket, path, bucket->leases);
}

/* Where batches do not work, one by one does. */
static void
remove_group(BucketStorage *bucket, char *const *paths, size_t count, StoreResult *results)
{
	static const EachObject each = {.request = remove_one, .while_locked = true};
	StoreResult batch = store_failure(STORE_UNSUPPORTED, NULL, "one is not a batch");
	size_t i;

	/* What was locked is removed for good. */
	if (bucket->storage.lock_days > 0 && bucket->dialect->versions != NULL)
	{
		bucket_remove_versions(bucket, paths, count, results);
		return;
	}
	if (count > 1 && bucket->dialect->remove_batch != NULL)
	{
		char **keys = xcalloc(count, sizeof(char *));

		for (i = 0; i < count; i++)
			keys[i] = bucket_key(bucket, paths[i]);
		batch = bucket->dialect->remove_batch(bucket->session, bucket->leases, keys, NULL, count,
											  results);
		for (i = 0; i < count; i++)
			free(keys[i]);
		free(keys);
	}
	if (batch.code == STORE_UNSUPPORTED || batch.code == STORE_FAILED)
		bucket_each_object(bucket, paths, count, &each, results);
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
