/*-------------------------------------------------------------------------
 *
 * lease_lock.h
 *	  The locks of a storage (storage.h) that are leases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEASE_LOCK_H
#define NEX_LEASE_LOCK_H

#include "lease.h"

extern StoreResult lease_lock(Leases *leases, const char *path, LockMode mode, StoreLock **lock);
extern bool lease_lock_alive(Leases *leases, const StoreLock *lock);
extern void lease_unlock(Leases *leases, StoreLock *lock);

#endif /* NEX_LEASE_LOCK_H */
