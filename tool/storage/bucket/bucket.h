/*-------------------------------------------------------------------------
 *
 * bucket.h
 *	  A repository in a bucket, whoever keeps it.
 *
 * What differs from a directory: a PUT is whole or not at all, and lasts when
 * it is answered, so there is nothing to be made durable; directories are
 * beginnings of names; locks are leases.  What differs between providers is a
 * BucketDialect.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_H
#define NEX_BUCKET_H

#include "bucket_dialect.h"
#include "platform_service.h"
#include "storage.h"

/*
 * A repository in the bucket that `address` names, below `prefix`: "" or
 * "a/b".  Nothing is sent yet.  All is copied, except the texts of options and
 * choice, which are the argument of the source of keys: these must live as long.
 */
extern Storage *bucket_storage_open(const BucketDialect *dialect, const BucketAddress *address,
									const char *prefix, const HttpOptions *options,
									KeySource source, const KeyChoice *choice);

/*
 * From now on it is the repository of an earlier time (seconds since 1970), which can be read only.
 * STORE_UNSUPPORTED where that is not known of this kind of bucket.
 */
extern StoreResult bucket_storage_look_back(Storage *storage, double as_of);

#endif /* NEX_BUCKET_H */
