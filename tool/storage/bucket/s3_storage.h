/*-------------------------------------------------------------------------
 *
 * s3_storage.h
 *	  What the sources of the S3 driver share; s3.h is for all others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_S3_STORAGE_H
#define NEX_S3_STORAGE_H

#include "lease.h"
#include "s3_request.h"
#include "storage.h"

typedef struct S3Storage
{
	Storage storage; /* first, so that each is the other */
	S3Session *session;
	char *prefix; /* "" or "a/b/" */
	char *location;
	LeaseStore lease_store;
	Leases *leases;
} S3Storage;

/* The key of a path of the repository; "." is all of it.  Caller frees. */
extern char *s3_key(const S3Storage *s3, const char *path);

/* Send a request for a path: its key is set here.  The result is reply->result. */
extern StoreResult s3_send_for(S3Storage *s3, const char *path, S3Request *request, S3Reply *reply);

/* s3_read.c */
extern StoreResult s3_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
						  StoreReader **reader, StoreInfo *info);
extern StoreResult s3_head(Storage *storage, const char *path, StoreInfo *info);

/*
 * Seconds from a time that the server names to its own time of this answer, so
 * that no clock of ours counts; 0 if it is later, -1 if one of them is missing.
 */
extern double s3_age(const HttpAnswer *answer, const char *time);

/* Take size and version out of an answer to GET or HEAD; a failure if they are not there. */
extern StoreResult s3_version_of(const HttpAnswer *answer, char *version, size_t size);

/* s3_write.c */
extern StoreResult s3_put(Storage *storage, const char *path, const void *content, uint64_t length,
						  const PutOptions *options);

/* The same, with the version of what was written. */
extern StoreResult s3_put_version(S3Storage *s3, const char *path, const void *content,
								  uint64_t length, const PutOptions *options, char *version,
								  size_t size);
extern void s3_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
						   void *argument);
extern StoreResult s3_remove(S3Storage *s3, const char *path);

/* s3_list.c */
extern StoreResult s3_list(Storage *storage, const char *path, StorageVisitor visitor,
						   void *argument);
extern StoreResult s3_list_files(Storage *storage, const char *path, const FileListing *listing);

/* Visit the paths of all objects that begin with this one. */
extern StoreResult s3_list_paths(S3Storage *s3, const char *prefix, LeaseVisitor visitor,
								 void *argument);

/* s3_lease.c */
extern LeaseStore s3_lease_store(S3Storage *s3);
extern StoreResult s3_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock);
extern bool s3_lock_alive(Storage *storage, const StoreLock *lock);
extern void s3_unlock(Storage *storage, StoreLock *lock);

#endif /* NEX_S3_STORAGE_H */
