/*-------------------------------------------------------------------------
 *
 * bucket_lease.c
 *	  Locks in a bucket: leases, by objects under conditions.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_lease.h"
#include "bucket_list.h"
#include "bucket_read.h"
#include "bucket_remove.h"
#include "bucket_storage.h"
#include "bucket_write.h"

#include <string.h>

#include "lease_lock.h"

static StoreResult
no_conditions(void)
{
	return store_failure(STORE_UNSUPPORTED, NULL,
						 "the server ignores conditions, so nothing can be locked there");
}

static StoreResult
lease_create(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	const PutOptions options = {.mode = PUT_CREATE};

	return bucket_put_version(argument, path, text, strlen(text), &options, version,
							  LEASE_VERSION_SIZE);
}

/* A server that ignores the condition would give the lease to everybody: is this one of them? */
static StoreResult
lease_check(void *argument, const char *path)
{
	/* What is there is known, so what is refused need not be compared with it. */
	const PutOptions options = {.mode = PUT_CREATE, .later = true};
	char other[LEASE_VERSION_SIZE];
	StoreResult result = bucket_put_version(argument, path, "", 0, &options, other, sizeof(other));

	if (result.code == STORE_EXISTS)
		return store_ok();
	if (result.code != STORE_OK)
		return result;
	((BucketStorage *) argument)->storage.can.lockless = true;
	return no_conditions();
}

static StoreResult
lease_replace(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	char before[LEASE_VERSION_SIZE];
	const PutOptions options = {.mode = PUT_REPLACE_IF, .version = before};

	memcpy(before, version, sizeof(before));
	return bucket_put_version(argument, path, text, strlen(text), &options, version,
							  LEASE_VERSION_SIZE);
}

static StoreResult
lease_look(void *argument, const char *path, char version[LEASE_VERSION_SIZE], double *age)
{
	StoreInfo info;
	StoreResult result = bucket_head(argument, path, &info);

	if (result.code != STORE_OK)
		return result;
	if (info.age < 0)
		return store_failure(STORE_FAILED, NULL, "the server does not say how old it is");
	memcpy(version, info.version, sizeof(info.version));
	*age = info.age;
	return result;
}

static StoreResult
lease_list(void *argument, const char *prefix, LeaseVisitor visitor, void *visitor_argument)
{
	return bucket_list_paths(argument, prefix, visitor, visitor_argument);
}

static StoreResult
lease_remove(void *argument, const char *path)
{
	return bucket_remove(argument, path, NULL);
}

LeaseStore
bucket_lease_store(BucketStorage *bucket)
{
	return (LeaseStore){.argument = bucket,
						.create = lease_create,
						.replace = lease_replace,
						.look = lease_look,
						.list = lease_list,
						.remove = lease_remove,
						.check = lease_check};
}

StoreResult
bucket_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	if (storage->can.lockless)
		return no_conditions();
	return lease_lock(((BucketStorage *) storage)->leases, path, mode, lock);
}

bool
bucket_lock_alive(Storage *storage, const StoreLock *lock)
{
	return lease_lock_alive(((BucketStorage *) storage)->leases, lock);
}

void
bucket_unlock(Storage *storage, StoreLock *lock)
{
	lease_unlock(((BucketStorage *) storage)->leases, lock);
}
