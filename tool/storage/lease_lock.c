/*-------------------------------------------------------------------------
 *
 * lease_lock.c
 *	  The locks of a storage that are leases.
 *
 * Not in lease.c: struct StoreLock has another content where the kernel keeps
 * the locks.
 *
 *-------------------------------------------------------------------------
 */
#include "lease_lock.h"

#include <stdlib.h>

#include "memory.h"

struct StoreLock
{
	int handle;
};

StoreResult
lease_lock(Leases *leases, const char *path, LockMode mode, StoreLock **lock)
{
	int handle;
	StoreResult result = leases_take(leases, path, mode, &handle);

	if (result.code == STORE_OK)
	{
		*lock = xcalloc(1, sizeof(**lock));
		(*lock)->handle = handle;
	}
	return result;
}

bool
lease_lock_alive(Leases *leases, const StoreLock *lock)
{
	return leases_alive(leases, lock->handle);
}

void
lease_unlock(Leases *leases, StoreLock *lock)
{
	leases_give_back(leases, lock->handle);
	free(lock);
}
