/*-------------------------------------------------------------------------
 *
 * bucket.c
 *	  A repository in a bucket: opening, and what needs no request.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_file_lock.h"
#include "bucket_history.h"
#include "bucket_lease.h"
#include "bucket_list.h"
#include "bucket_probe.h"
#include "bucket_read.h"
#include "bucket_remove.h"
#include "bucket_storage.h"
#include "bucket_write.h"
#include "memory.h"
#include "request_tries.h"

char *
bucket_key(const BucketStorage *bucket, const char *path)
{
	return xasprintf("%s%s", bucket->prefix, strcmp(path, ".") == 0 ? "" : path);
}

/* An answer about an object says which version it is if the bucket keeps others. */
static void
note_versions(BucketStorage *bucket, const BucketReply *reply)
{
	const char *name = bucket->dialect->old_version;
	const char *version = name != NULL ? http_header(&reply->answer, name) : NULL;

	if (version != NULL && version[0] != '\0' && strcmp(version, "null") != 0)
		bucket->keeps_versions = true;
}

StoreResult
bucket_send_for(BucketStorage *bucket, const char *path, const BucketRequest *request,
				BucketReply *reply)
{
	BucketRequest complete = *request;
	HttpPair query = {"versionId", NULL};
	char *key;

	if (bucket->history != NULL)
	{
		reply->result = bucket_history_find(bucket, path, &query.value);
		if (reply->result.code != STORE_OK)
			return reply->result;
		complete.query = &query;
		complete.query_count = 1;
	}
	key = bucket_key(bucket, path);
	complete.key = key;
	bucket_send(bucket->session, &complete, reply);
	free(key);
	note_versions(bucket, reply);
	return reply->result;
}

/* What was answered is there for good. */
static StoreResult
bucket_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	(void) storage;
	(void) paths;
	(void) count;
	(void) threads;
	*failed = NULL;
	return store_ok();
}

/* Where files are locked, versions are removed one by one, if that can be (bucket_remove.c). */
static bool
bucket_keeps_removed(const BucketStorage *bucket)
{
	return bucket->keeps_versions &&
		   (bucket->storage.lock_days == 0 || bucket->dialect->versions == NULL);
}

/* A bucket tells neither rights nor space; that it answers is what can be known. */
static StoreResult
bucket_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	StoreInfo info;
	StoreResult result;

	memset(facts, 0, sizeof(*facts));
	facts->keeps_removed = bucket_keeps_removed((BucketStorage *) storage);
	if (strcmp(path, ".") == 0)
		return store_ok();
	result = bucket_head(storage, path, &info);
	if (result.code == STORE_OK && strlen(info.version) < sizeof(facts->mark))
		memcpy(facts->mark, info.version, strlen(info.version) + 1);
	return result;
}

static void
bucket_close(Storage *storage)
{
	BucketStorage *bucket = (BucketStorage *) storage;

	bucket_history_free(bucket->history);
	leases_close(bucket->leases);
	bucket_session_close(bucket->session);
	free(bucket->prefix);
	free(bucket->location);
	free(bucket->place);
	free(bucket);
}

static const Storage operations = {.can = {.create_only = true,
										   .replace_if = true,
										   .lease = true,
										   .batch_delete = true,
										   .checksums = true,
										   .uploads = BUCKET_REQUESTS},
								   .get = bucket_get,
								   .head = bucket_head,
								   .put = bucket_put,
								   .barrier = bucket_barrier,
								   .remove_many = bucket_remove_many,
								   .list = bucket_list,
								   .list_files = bucket_list_files,
								   .lock = bucket_lock,
								   .lock_alive = bucket_lock_alive,
								   .unlock = bucket_unlock,
								   .examine = bucket_examine,
								   .locked_until = bucket_locked_until,
								   .lock_files = bucket_lock_files,
								   .may_lock_files = bucket_may_lock_files,
								   .probe = bucket_probe,
								   .close = bucket_close};

Storage *
bucket_storage_open(const BucketDialect *dialect, const BucketAddress *address, const char *prefix,
					const HttpOptions *options, KeySource source, const KeyChoice *choice)
{
	BucketStorage *bucket = xcalloc(1, sizeof(*bucket));

	bucket->storage = operations;
	bucket->dialect = dialect;
	bucket->options = *options;
	bucket->choice = *choice;
	bucket->session = bucket_session_open(dialect, address, &bucket->options, REQUEST_PATIENCE,
										  source, &bucket->choice);
	bucket->prefix = prefix[0] != '\0' ? xasprintf("%s/", prefix) : xstrdup("");
	bucket->location = xasprintf(
		"%s://%s%s%s%s%s", dialect->scheme, address->account != NULL ? address->account : "",
		address->account != NULL ? "/" : "", address->bucket, prefix[0] != '\0' ? "/" : "", prefix);
	bucket->storage.location = bucket->location;
	if (address->authority != NULL)
		bucket->place =
			xasprintf("%s at %s://%s", bucket->location, address->scheme, address->authority);
	bucket->storage.place = bucket->place;
	bucket->lease_store = bucket_lease_store(bucket);
	bucket->leases = leases_open(&bucket->lease_store, LEASE_SECONDS);
	return &bucket->storage;
}

StoreResult
bucket_storage_look_back(Storage *storage, double as_of)
{
	BucketStorage *bucket = (BucketStorage *) storage;

	if (bucket->dialect->versions == NULL)
		return store_failure(STORE_UNSUPPORTED, NULL,
							 "only buckets of S3 can be read as they were at an earlier time");
	bucket->history = bucket_history_create(as_of);
	storage->past = true;
	storage->put = bucket_history_put;
	storage->remove_many = bucket_history_remove_many;
	storage->lock = bucket_history_lock;
	return store_ok();
}
