/*-------------------------------------------------------------------------
 *
 * bucket_remove.h
 *	  Removing from a bucket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_REMOVE_H
#define NEX_BUCKET_REMOVE_H

#include "bucket_storage.h"

extern void bucket_remove_many(Storage *storage, char *const *paths, size_t count,
							   StoreRemoved removed, void *argument);

/* One; `leases`: those on which it rests, or NULL. */
extern StoreResult bucket_remove(BucketStorage *bucket, const char *path, Leases *leases);

#endif /* NEX_BUCKET_REMOVE_H */
