/*-------------------------------------------------------------------------
 *
 * bucket_write.h
 *	  Writing to a bucket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_WRITE_H
#define NEX_BUCKET_WRITE_H

#include "bucket_storage.h"

extern StoreResult bucket_put(Storage *storage, const char *path, const void *content,
							  uint64_t length, const PutOptions *options);

/* The same, with the version of what was written: for leases. */
extern StoreResult bucket_put_version(BucketStorage *bucket, const char *path, const void *content,
									  uint64_t length, const PutOptions *options, char *version,
									  size_t size);

#endif /* NEX_BUCKET_WRITE_H */
