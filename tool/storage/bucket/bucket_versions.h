/*-------------------------------------------------------------------------
 *
 * bucket_versions.h
 *	  What a bucket keeps of objects that were replaced or removed.
 *
 * There a removal only hides an object.  Who wants the space back has to
 * remove each of its versions, and of the removals, which are versions, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_VERSIONS_H
#define NEX_BUCKET_VERSIONS_H

#include "bucket_storage.h"
#include "list_page.h"

/* Has the bucket ever kept versions?  Unknown if we may not ask. */
extern StoreResult bucket_ask_versions(BucketStorage *bucket, StoreAnswer *answer);

/* Called for each version, the newest of an object first.  False: no more. */
typedef bool (*VersionVisitor)(const ListEntry *entry, void *argument);

/*
 * Visit all versions of the keys that begin so, in the order of the keys, or
 * those behind the key `after` only, which may be NULL.  `one_level`: common
 * prefixes up to the next slash come without a version.
 */
extern StoreResult bucket_each_version(BucketStorage *bucket, const char *prefix, bool one_level,
									   const char *after, VersionVisitor visitor, void *argument);

/*
 * Remove paths with all of their versions, while the leases are held.  A path of
 * which a version is locked has the result STORE_LOCKED.  At most 1000.
 */
extern void bucket_remove_versions(BucketStorage *bucket, char *const *paths, size_t count,
								   StoreResult *results);

#endif /* NEX_BUCKET_VERSIONS_H */
