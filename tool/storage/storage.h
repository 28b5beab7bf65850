/*-------------------------------------------------------------------------
 *
 * storage.h
 *	  Where a repository's files lie: one small table of operations, so that
 *	  the repository does not know whether it writes to a directory or a
 *	  bucket.
 *
 * Paths are relative to the repository, use '/', and hold no "..".  All
 * operations may be called from several threads at once.  They report no
 * errors themselves, but say what has become of it (store_result.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STORAGE_H
#define NEX_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "store_result.h"

typedef struct Storage Storage;

/* How a file is written. */
typedef enum StorageWrite
{
	WRITE_DURABLE, /* atomically replacing what is there; on the disk before it returns */
	WRITE_NEW      /* STORE_EXISTS if it is there; the caller settles it later by sync() */
} StorageWrite;

typedef enum LockMode
{
	LOCK_SHARED,    /* also for those who may only read */
	LOCK_EXCLUSIVE, /* waits for all that share it, also for readers */
	LOCK_ALONE      /* of one writer at a time; nobody shares it, no reader can hold it up */
} LockMode;

/* Called for each name below a path; a directory's name ends in '/'. */
typedef bool (*StorageVisitor)(const char *name, void *argument);

/* A file in a listing. */
typedef struct StoreEntry
{
	const char *name; /* its path below the one that was listed */
	uint64_t bytes;
	bool readable; /* for this process, as far as its rights tell */
} StoreEntry;

typedef struct FileListing
{
	/*
	 * Is this file wanted, or does this directory, whose name ends in '/', have
	 * wanted ones?  What is not costs nothing but its name.
	 */
	bool (*wanted)(const char *name, void *argument);

	/* Called for each wanted file. */
	void (*visit)(const StoreEntry *entry, void *argument);
	void *argument;
} FileListing;

struct Storage
{
	const char *location; /* for messages: the directory, the bucket URL */

	/* Whole file into a buffer; STORE_DAMAGED above `limit` bytes. */
	StoreResult (*read)(Storage *storage, const char *path, uint64_t limit, Buffer *content);

	/* Exactly `length` bytes from `offset`; STORE_DAMAGED when the file is shorter. */
	StoreResult (*read_range)(Storage *storage, const char *path, uint64_t offset, uint64_t length,
							  char *into);

	/* Length of a file; STORE_ABSENT if there is none. */
	StoreResult (*size)(Storage *storage, const char *path, uint64_t *bytes);

	/*
	 * Write a file in one go, creating directories.  Where the file system has
	 * no rename that refuses to replace (NFS), WRITE_NEW may replace.
	 */
	StoreResult (*write)(Storage *storage, const char *path, const void *content, uint64_t length,
						 StorageWrite how);

	/* Make one earlier written file durable (not its directory). */
	StoreResult (*sync)(Storage *storage, const char *path);

	/* Make the entries of one directory durable (not those of its parents). */
	StoreResult (*sync_directory)(Storage *storage, const char *path);

	StoreResult (*remove)(Storage *storage, const char *path);

	/* Remove a directory if it is empty. */
	StoreResult (*remove_directory)(Storage *storage, const char *path);

	/* Visit the names in a directory, unordered; STORE_ABSENT if there is none.  Stops early when
	 * the visitor says false. */
	StoreResult (*list)(Storage *storage, const char *path, StorageVisitor visitor, void *argument);

	/*
	 * Visit the files below a directory at any depth, unordered.  Nothing is
	 * followed or visited that is not a directory or a file.  After a failure
	 * some may have been visited, and the result names the place.
	 */
	StoreResult (*list_files)(Storage *storage, const char *path, const FileListing *listing);

	/*
	 * Take a lock that the kernel (or a lease) releases if the process dies.
	 * STORE_BUSY if somebody else has it.  Gives a handle for unlock().
	 */
	StoreResult (*lock)(Storage *storage, const char *path, LockMode mode, int *handle);
	void (*unlock)(Storage *storage, int handle);

	void (*close)(Storage *storage);
};

/* A directory; NULL if *result is not good. */
extern Storage *posix_storage_open(const char *directory, bool create, StoreResult *result);

/* The same for one that is open, and is taken over. */
extern Storage *posix_storage_at(int root, const char *directory, StoreResult *result);

#endif /* NEX_STORAGE_H */
