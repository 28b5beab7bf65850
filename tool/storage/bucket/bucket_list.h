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
#include "list_page.h"

extern StoreResult bucket_list(Storage *storage, const char *path, StorageVisitor visitor,
							   void *argument);
extern StoreResult bucket_list_files(Storage *storage, const char *path,
									 const FileListing *listing);

/*
 * Ask for a page of the keys that begin so, up to the next slash if `one_level`.
 * The tokens are those of the page before, or NULL.
 */
extern StoreResult bucket_list_page(const BucketStorage *bucket, const ListWords *words,
									const char *prefix, bool one_level, const char *token,
									const char *second_token, ListPage *page);

/* Visit the paths of all objects that begin with this one. */
extern StoreResult bucket_list_paths(BucketStorage *bucket, const char *prefix,
									 LeaseVisitor visitor, void *argument);

#endif /* NEX_BUCKET_LIST_H */
