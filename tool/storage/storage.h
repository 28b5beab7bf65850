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
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "store_result.h"

typedef struct Storage Storage;

/* What a driver can do; what it cannot is STORE_UNSUPPORTED, or done by less. */
typedef struct StoreCapabilities
{
	bool create_only;      /* PUT_CREATE never replaces, whoever else puts at the same time */
	bool replace_if;       /* PUT_REPLACE_IF */
	bool lease;            /* locks have an end and can be lost */
	_Atomic bool lockless; /* it has turned out that nothing can be locked there */
	bool batch_delete;     /* removing many costs few requests */
	bool checksums;        /* what is put and has not its SHA-256 is refused */
	bool directories;      /* one that is empty is there, too */
	bool barrier_needed;   /* what was put "later" may be lost without barrier() */
	int uploads;           /* so many puts at the same time are of use */
} StoreCapabilities;

#define STORE_VERSION_SIZE 80

/* What is known of a file. */
typedef struct StoreInfo
{
	uint64_t bytes;
	double age; /* seconds since it was written, by the storage's clock; negative: not known */
	char version[STORE_VERSION_SIZE]; /* for PUT_REPLACE_IF; "" if the storage has none */
} StoreInfo;

/* What is put in the place of what. */
typedef enum PutMode
{
	PUT_REPLACE,   /* whatever is there, in one go */
	PUT_CREATE,    /* STORE_EXISTS if something is there */
	PUT_REPLACE_IF /* STORE_CHANGED if it is not this version */
} PutMode;

typedef struct PutOptions
{
	PutMode mode;
	bool later;          /* barrier() makes it durable; else it is when put() returns */
	bool name_later;     /* its content is then; its name after a barrier() of the directory */
	const char *sha256;  /* of what is put, in hex, or NULL */
	const char *version; /* for PUT_REPLACE_IF */

	/* Nobody can remove it before then, in seconds since 1970; 0: not so. */
	double locked_until;
} PutOptions;

/* A file that is being read, in order. */
typedef struct StoreReader StoreReader;

struct StoreReader
{
	/* Exactly so many bytes more; STORE_DAMAGED if there are not. */
	StoreResult (*read)(StoreReader *reader, char *into, size_t length);
	void (*close)(StoreReader *reader);
};

#define STORE_TO_END UINT64_MAX

typedef enum LockMode
{
	LOCK_SHARED,    /* also for those who may only read */
	LOCK_EXCLUSIVE, /* waits for all that share it, also for readers */
	LOCK_ALONE      /* of one writer at a time; nobody shares it, no reader can hold it up */
} LockMode;

typedef struct StoreLock StoreLock;

/* Called for each name below a path; a directory's name ends in '/'.  False: no more. */
typedef bool (*StorageVisitor)(const char *name, void *argument);

/* A file in a listing. */
typedef struct StoreEntry
{
	const char *name; /* its path below the one that was listed */
	uint64_t bytes;
	double age;          /* as in StoreInfo */
	bool readable;       /* for this process, as far as its rights tell */
	const char *version; /* as in StoreInfo, with or without its quotes; NULL: not known */
} StoreEntry;

typedef struct FileListing
{
	/*
	 * Is this file wanted, or does this directory, whose name ends in '/', have
	 * wanted ones?  What is not costs nothing but its name.
	 * storage_wants_all() wants every file.
	 */
	bool (*wanted)(const char *name, void *argument);

	/* Called for each wanted file. */
	void (*visit)(const StoreEntry *entry, void *argument);
	void *argument;
} FileListing;

/* What has become of the path of this position.  False: remove no more. */
typedef bool (*StoreRemoved)(size_t position, const StoreResult *result, void *argument);

#define STORE_LACKS 4

/* What there is to say of a path, for people: a storage knows some of it. */
typedef struct StoreFacts
{
	bool knows_rights; /* for what follows: */
	unsigned mode;     /* 0755 */
	unsigned owner;    /* user id */
	bool writable;
	bool knows_space; /* for what follows: */
	uint64_t free_bytes;
	char mark[64]; /* differs when another file takes the place of this one; "" if not known */
	const char *lacks[STORE_LACKS]; /* of "." : what the storage cannot do; the rest is NULL */
	bool keeps_removed;             /* what is removed is hidden, and stays stored */
} StoreFacts;

/* What a storage, and whoever asks, can do: as tries have shown. */
typedef enum StoreAnswer
{
	ANSWER_UNKNOWN,
	ANSWER_NO,
	ANSWER_YES
} StoreAnswer;

typedef struct StoreProbe
{
	StoreAnswer conditions; /* what is there is not replaced if that is the condition */
	StoreAnswer digests;    /* what is not as its digest says is refused */
	StoreAnswer versions;   /* what was replaced or removed is kept */
	StoreAnswer file_locks; /* files can be locked against removal */
	StoreAnswer removal;    /* we may remove files, for good */
	double clock_ahead;     /* seconds by which its clock is ahead of ours */
} StoreProbe;

struct Storage
{
	const char *location; /* for messages: the directory, the bucket URL */
	const char *place;    /* the same with its server, where that was given; else NULL */
	StoreCapabilities can;
	bool past; /* it is what it was at an earlier time, so nothing can be written */

	/* For so many days nobody shall be able to remove what is stored; 0: not so. */
	int lock_days;
	bool lock_firmly; /* also nobody who has a right for that */

	/*
	 * Read `length` bytes from `offset`, or STORE_TO_END; STORE_DAMAGED if the
	 * file is shorter.  If good, close the reader.
	 */
	StoreResult (*get)(Storage *storage, const char *path, uint64_t offset, uint64_t length,
					   StoreReader **reader, StoreInfo *info);
	StoreResult (*head)(Storage *storage, const char *path, StoreInfo *info);

	/* Write a file in one go, creating directories. */
	StoreResult (*put)(Storage *storage, const char *path, const void *content, uint64_t length,
					   const PutOptions *options);

	/* Much will be put soon: have a way for it, meanwhile.  NULL: there is always one. */
	void (*expect_much)(Storage *storage);

	/*
	 * Make what was put "later" durable, `threads` at a time; for a path that
	 * ends in '/', what was removed or named there.  If that fails, *failed is the path,
	 * to be freed, and the same files must be put again: no other barrier can
	 * tell.  Ends early, with STORE_FAILED, when work must stop.
	 */
	StoreResult (*barrier)(Storage *storage, char *const *paths, size_t count, int threads,
						   char **failed);

	/* A directory that loses its last file may go with it.  What is not there is STORE_ABSENT. */
	void (*remove_many)(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
						void *argument);

	/* Visit the names in a directory, unordered. */
	StoreResult (*list)(Storage *storage, const char *path, StorageVisitor visitor, void *argument);

	/*
	 * Visit the files below a directory at any depth, unordered.  Nothing is
	 * followed or visited that is not a directory or a file.  After a failure
	 * some may have been visited, and the result names the place.
	 */
	StoreResult (*list_files)(Storage *storage, const char *path, const FileListing *listing);

	/*
	 * Take a lock that the kernel (or a lease) releases if the process dies;
	 * STORE_BUSY if somebody else has it.  One that is not alive any more was lost.
	 */
	StoreResult (*lock)(Storage *storage, const char *path, LockMode mode, StoreLock **lock);
	bool (*lock_alive)(Storage *storage, const StoreLock *lock); /* may ask the storage */
	void (*unlock)(Storage *storage, StoreLock *lock);

	/* "." is the repository itself.  STORE_UNSUPPORTED behind a link that is for reading only. */
	StoreResult (*examine)(Storage *storage, const char *path, StoreFacts *facts);

	/*
	 * Until when can nobody remove a file, in seconds since 1970?  0: it can be removed, or,
	 * for `as_wanted`, is locked less firmly than is put now.  These three are NULL if no file
	 * of this storage is ever so.
	 */
	StoreResult (*locked_until)(Storage *storage, const char *path, bool as_wanted, double *until);

	/* Lock these until then; one that is locked for longer stays so.  *failed is as of barrier().
	 */
	StoreResult (*lock_files)(Storage *storage, char *const *paths, size_t count, double until,
							  char **failed);

	/* Would that work?  Asked before anything is stored. */
	StoreResult (*may_lock_files)(Storage *storage);

	/* Find out by trying.  NULL: there is nothing to find out. */
	StoreResult (*probe)(Storage *storage, StoreProbe *probe);

	void (*close)(Storage *storage);
};

/* A directory; NULL if *result is not good. */
extern Storage *posix_storage_open(const char *directory, bool create, StoreResult *result);

/* The same for one that is open, and is taken over. */
extern Storage *posix_storage_at(int root, const char *directory, StoreResult *result);

#endif /* NEX_STORAGE_H */
