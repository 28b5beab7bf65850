/*-------------------------------------------------------------------------
 *
 * bucket_history.h
 *	  A bucket that keeps versions, as it was at an earlier time.
 *
 * Which versions there were is asked for by listings, one for each directory of
 * the repository that is read, and kept: what lies in objects/ is listed only if an
 * object is read.  Then each object is read by its version.  Times are those
 * of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_HISTORY_H
#define NEX_BUCKET_HISTORY_H

#include "bucket_storage.h"
#include "list_page.h"

typedef struct BucketHistory BucketHistory;

/* `as_of` in seconds since 1970. */
extern BucketHistory *bucket_history_create(double as_of);
extern void bucket_history_free(BucketHistory *history);

/* The version that an object had; the text lives as long as the history.  STORE_ABSENT: none. */
extern StoreResult bucket_history_find(BucketStorage *bucket, const char *path,
									   const char **version);

/* As a listing has them now: see EntryVisitor. */
extern StoreResult bucket_history_visit(BucketStorage *bucket, const char *prefix, bool one_level,
										EntryVisitor visitor, void *argument, size_t *count);

/* What changes something in the past; as storage.h has them. */
extern StoreResult bucket_history_put(Storage *storage, const char *path, const void *content,
									  uint64_t length, const PutOptions *options);
extern void bucket_history_remove_many(Storage *storage, char *const *paths, size_t count,
									   StoreRemoved removed, void *argument);
extern StoreResult bucket_history_lock(Storage *storage, const char *path, LockMode mode,
									   StoreLock **lock);

#endif /* NEX_BUCKET_HISTORY_H */
