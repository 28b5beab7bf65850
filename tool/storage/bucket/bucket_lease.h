/*-------------------------------------------------------------------------
 *
 * bucket_lease.h
 *	  Locks in a bucket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_LEASE_H
#define NEX_BUCKET_LEASE_H

#include "bucket_storage.h"

extern LeaseStore bucket_lease_store(BucketStorage *bucket);
extern StoreResult bucket_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock);
extern bool bucket_lock_alive(Storage *storage, const StoreLock *lock);
extern void bucket_unlock(Storage *storage, StoreLock *lock);

#endif /* NEX_BUCKET_LEASE_H */
