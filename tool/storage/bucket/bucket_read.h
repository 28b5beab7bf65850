/*-------------------------------------------------------------------------
 *
 * bucket_read.h
 *	  Reading from a bucket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_READ_H
#define NEX_BUCKET_READ_H

#include "bucket_storage.h"

extern StoreResult bucket_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
							  StoreReader **reader, StoreInfo *info);
extern StoreResult bucket_head(Storage *storage, const char *path, StoreInfo *info);

/* Take the version out of an answer to GET, HEAD or PUT; a failure if it is not there. */
extern StoreResult bucket_version_of(const BucketStorage *bucket, const HttpAnswer *answer,
									 char *version, size_t size);

#endif /* NEX_BUCKET_READ_H */
