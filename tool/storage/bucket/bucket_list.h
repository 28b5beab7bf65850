/*-------------------------------------------------------------------------
 *
 * bucket_list.h
 *	  Listing a bucket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_LIST_H
#define NEX_BUCKET_LIST_H

#include "bucket_storage.h"

extern StoreResult bucket_list(Storage *storage, const char *path, StorageVisitor visitor,
							   void *argument);
extern StoreResult bucket_list_files(Storage *storage, const char *path,
									 const FileListing *listing);

/* Visit the paths of all objects that begin with this one. */
extern StoreResult bucket_list_paths(BucketStorage *bucket, const char *prefix,
									 LeaseVisitor visitor, void *argument);

#endif /* NEX_BUCKET_LIST_H */
