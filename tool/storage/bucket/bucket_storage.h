/*-------------------------------------------------------------------------
 *
 * bucket_storage.h
 *	  What the sources behind bucket.h share; bucket.h is for all others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_STORAGE_H
#define NEX_BUCKET_STORAGE_H

#include "bucket_session.h"
#include "lease.h"
#include "storage.h"

typedef struct BucketStorage
{
	Storage storage; /* first, so that each is the other */
	const BucketDialect *dialect;
	BucketSession *session;
	char *prefix; /* "" or "a/b/" */
	char *location;
	LeaseStore lease_store;
	Leases *leases;
} BucketStorage;

/* So many requests hide the time that one of them is on its way. */
#define BUCKET_REQUESTS 16

/* The key of a path of the repository; "." is all of it.  Caller frees. */
extern char *bucket_key(const BucketStorage *bucket, const char *path);

/* Send a request for a path: its key is set here.  The result is reply->result. */
extern StoreResult bucket_send_for(BucketStorage *bucket, const char *path, BucketRequest *request,
								   BucketReply *reply);

/* bucket_read.c */
extern StoreResult bucket_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
							  StoreReader **reader, StoreInfo *info);
extern StoreResult bucket_head(Storage *storage, const char *path, StoreInfo *info);

/*
 * Seconds from a time that the server names to its own time of this answer, so
 * that no clock of ours counts; 0 if it is later, -1 if one of them is missing.
 */
extern double bucket_age(const HttpAnswer *answer, const char *time);

/* Take the version out of an answer to GET, HEAD or PUT; a failure if it is not there. */
extern StoreResult bucket_version_of(const BucketStorage *bucket, const HttpAnswer *answer,
									 char *version, size_t size);

/* bucket_write.c */
extern StoreResult bucket_put(Storage *storage, const char *path, const void *content,
							  uint64_t length, const PutOptions *options);

/* The same, with the version of what was written. */
extern StoreResult bucket_put_version(BucketStorage *bucket, const char *path, const void *content,
									  uint64_t length, const PutOptions *options, char *version,
									  size_t size);

/* bucket_remove.c */
extern void bucket_remove_many(Storage *storage, char *const *paths, size_t count,
							   StoreRemoved removed, void *argument);
extern StoreResult bucket_remove(BucketStorage *bucket, const char *path);

/* bucket_list.c */
extern StoreResult bucket_list(Storage *storage, const char *path, StorageVisitor visitor,
							   void *argument);
extern StoreResult bucket_list_files(Storage *storage, const char *path,
									 const FileListing *listing);

/* Visit the paths of all objects that begin with this one. */
extern StoreResult bucket_list_paths(BucketStorage *bucket, const char *prefix,
									 LeaseVisitor visitor, void *argument);

/* bucket_lease.c */
extern LeaseStore bucket_lease_store(BucketStorage *bucket);
extern StoreResult bucket_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock);
extern bool bucket_lock_alive(Storage *storage, const StoreLock *lock);
extern void bucket_unlock(Storage *storage, StoreLock *lock);

#endif /* NEX_BUCKET_STORAGE_H */
