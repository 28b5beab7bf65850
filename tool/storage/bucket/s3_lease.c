/*-------------------------------------------------------------------------
 *
 * s3_lease.c
 *	  Locks in a bucket: leases, by objects under conditions.
 *
 *-------------------------------------------------------------------------
 */
#include "s3_storage.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct StoreLock
{
	int handle;
};

static StoreResult
lease_create(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	const PutOptions options = {.mode = PUT_CREATE};
	StoreResult result =
		s3_put_version(argument, path, text, strlen(text), &options, version, LEASE_VERSION_SIZE);

	if (result.code != STORE_OK)
		return result;

	/* A server that ignores the condition would give the lease to everybody: is this one of them?
	 */
	result = s3_put_version(argument, path, text, strlen(text), &options, NULL, 0);
	if (result.code == STORE_EXISTS)
		return store_ok();
	s3_remove(argument, path);
	if (result.code == STORE_OK)
		return store_failure(STORE_UNSUPPORTED, NULL,
							 "the server ignores If-None-Match, so nothing can be locked there");
	return result;
}

static StoreResult
lease_replace(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	char before[LEASE_VERSION_SIZE];
	const PutOptions options = {.mode = PUT_REPLACE_IF, .version = before};

	memcpy(before, version, sizeof(before));
	return s3_put_version(argument, path, text, strlen(text), &options, version,
						  LEASE_VERSION_SIZE);
}

static StoreResult
lease_look(void *argument, const char *path, char version[LEASE_VERSION_SIZE], double *age)
{
	S3Request request = {.method = "HEAD"};
	StoreResult result;
	S3Reply reply;

	s3_reply_init(&reply);
	result = s3_send_for(argument, path, &request, &reply);
	if (result.code == STORE_OK)
		result = s3_version_of(&reply.answer, version, LEASE_VERSION_SIZE);
	*age = s3_age(&reply.answer, http_header(&reply.answer, "last-modified"));
	if (result.code == STORE_OK && *age < 0)
		result = store_failure(STORE_FAILED, NULL, "the server does not say how old it is");
	s3_reply_free(&reply);
	return result;
}

static StoreResult
lease_list(void *argument, const char *prefix, LeaseVisitor visitor, void *visitor_argument)
{
	return s3_list_paths(argument, prefix, visitor, visitor_argument);
}

static StoreResult
lease_remove(void *argument, const char *path)
{
	return s3_remove(argument, path);
}

LeaseStore
s3_lease_store(S3Storage *s3)
{
	return (LeaseStore){.argument = s3,
						.create = lease_create,
						.replace = lease_replace,
						.look = lease_look,
						.list = lease_list,
						.remove = lease_remove};
}

StoreResult
s3_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	int handle;
	StoreResult result = leases_take(((S3Storage *) storage)->leases, path, mode, &handle);

	if (result.code == STORE_OK)
	{
		*lock = xcalloc(1, sizeof(**lock));
		(*lock)->handle = handle;
	}
	return result;
}

bool
s3_lock_alive(Storage *storage, const StoreLock *lock)
{
	return leases_alive(((S3Storage *) storage)->leases, lock->handle);
}

void
s3_unlock(Storage *storage, StoreLock *lock)
{
	leases_give_back(((S3Storage *) storage)->leases, lock->handle);
	free(lock);
}
