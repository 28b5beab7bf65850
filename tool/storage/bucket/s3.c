/*-------------------------------------------------------------------------
 *
 * s3.c
 *	  A repository in a bucket: opening, and what needs no request.
 *
 *-------------------------------------------------------------------------
 */
#include "s3.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "request_tries.h"
#include "s3_storage.h"

/* So many requests hide the time that one of them is on its way. */
#define UPLOADS 16

char *
s3_key(const S3Storage *s3, const char *path)
{
	return xasprintf("%s%s", s3->prefix, strcmp(path, ".") == 0 ? "" : path);
}

StoreResult
s3_send_for(S3Storage *s3, const char *path, S3Request *request, S3Reply *reply)
{
	char *key = s3_key(s3, path);

	request->key = key;
	s3_send(s3->session, request, reply);
	free(key);
	return reply->result;
}

/* What was answered is there for good. */
static StoreResult
s3_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	(void) storage;
	(void) paths;
	(void) count;
	(void) threads;
	*failed = NULL;
	return store_ok();
}

/* A bucket tells neither rights nor space; that it answers is what can be known. */
static StoreResult
s3_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	StoreInfo info;
	StoreResult result;

	memset(facts, 0, sizeof(*facts));
	if (strcmp(path, ".") == 0)
		return store_ok();
	result = s3_head(storage, path, &info);
	if (result.code == STORE_OK && strlen(info.version) < sizeof(facts->mark))
		memcpy(facts->mark, info.version, strlen(info.version) + 1);
	return result;
}

static void
s3_close(Storage *storage)
{
	S3Storage *s3 = (S3Storage *) storage;

	leases_close(s3->leases);
	s3_session_close(s3->session);
	free(s3->prefix);
	free(s3->location);
	free(s3);
}

static const Storage operations = {.can = {.create_only = true,
										   .replace_if = true,
										   .lease = true,
										   .batch_delete = true,
										   .checksums = true,
										   .uploads = UPLOADS},
								   .get = s3_get,
								   .head = s3_head,
								   .put = s3_put,
								   .barrier = s3_barrier,
								   .remove_many = s3_remove_many,
								   .list = s3_list,
								   .list_files = s3_list_files,
								   .lock = s3_lock,
								   .lock_alive = s3_lock_alive,
								   .unlock = s3_unlock,
								   .examine = s3_examine,
								   .close = s3_close};

Storage *
s3_storage_open(const S3Address *address, const char *prefix, const HttpOptions *options,
				S3KeySource source, void *source_argument)
{
	S3Storage *s3 = xcalloc(1, sizeof(*s3));

	s3->storage = operations;
	s3->session = s3_session_open(address, options, REQUEST_PATIENCE, source, source_argument);
	s3->prefix = prefix[0] != '\0' ? xasprintf("%s/", prefix) : xstrdup("");
	s3->location = xasprintf("s3://%s%s%s", address->bucket, prefix[0] != '\0' ? "/" : "", prefix);
	s3->storage.location = s3->location;
	s3->lease_store = s3_lease_store(s3);
	s3->leases = leases_open(&s3->lease_store, LEASE_SECONDS);
	return &s3->storage;
}
