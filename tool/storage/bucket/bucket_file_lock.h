/*-------------------------------------------------------------------------
 *
 * bucket_file_lock.h
 *	  Objects that nobody can remove before a certain time.
 *
 * The storage itself refuses it, whatever keys somebody has.  This has nothing
 * to do with the locks of programs that work at the same time, which are leases
 * (bucket_lease.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_FILE_LOCK_H
#define NEX_BUCKET_FILE_LOCK_H

#include "bucket_storage.h"

#define FILE_LOCK_HEADERS 2

/* Add the headers to those of a PUT; `text` must live as long. */
extern void bucket_add_file_lock(const BucketStorage *bucket, double until,
								 char text[FILE_LOCK_TIME], HttpPair *headers, size_t *count);

/* Until when a version of an object is locked; NULL: the current one.  0: it is not. */
extern StoreResult bucket_version_locked_until(BucketStorage *bucket, const char *path,
											   const char *version, bool as_wanted, double *until);

/* Has the bucket such locks?  A failure says why not. */
extern StoreResult bucket_ask_file_locks(BucketStorage *bucket, StoreAnswer *answer);

/* As storage.h has them. */
extern StoreResult bucket_locked_until(Storage *storage, const char *path, bool as_wanted,
									   double *until);
extern StoreResult bucket_lock_files(Storage *storage, char *const *paths, size_t count,
									 double until, char **failed);
extern StoreResult bucket_may_lock_files(Storage *storage);

#endif /* NEX_BUCKET_FILE_LOCK_H */
