/*-------------------------------------------------------------------------
 *
 * posix_storage.h
 *	  What the parts of the driver for directories share.
 *
 * Their functions give errno values, 0 if good, or -1 with errno in place of
 * a descriptor; what leaves the driver is a StoreResult.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POSIX_STORAGE_H
#define NEX_POSIX_STORAGE_H

#include <pthread.h>
#include <sys/types.h>

#include "storage.h"
#include "top_links.h"

#define POSIX_PATH_SIZE 1024

typedef struct PosixStorage
{
	Storage base;
	int root;
	TopLinks links;
	unsigned nonce; /* random; makes temporary names ours alone */
	uid_t owner;    /* of the repository's directory */
	gid_t group;

	/* Directories that were made, by their paths; others are never removed for being empty. */
	pthread_mutex_t made_mutex;
	char **made;
	size_t nmade;
} PosixStorage;

/* What is done with a path. */
typedef enum Purpose
{
	TO_READ,
	TO_CHANGE
} Purpose;

/* Copy the directory part of a path; "." if there is none. */
extern int posix_parent_of(const char *path, char parent[POSIX_PATH_SIZE]);

/* Open something below the repository. */
extern int posix_open_path(Storage *storage, const char *path, Purpose purpose, int flags);

/* May something be changed there, for all that the links at the top say? */
extern int posix_changing(Storage *storage, const char *path);

/*
 * Open the directory that a path lies in, so that what happens to its last
 * part happens there; the other one makes it if it is to be written to and is
 * not there.
 */
extern int posix_open_parent(Storage *storage, const char *path, Purpose purpose,
							 const char **name);
extern int posix_open_or_make_parent(Storage *storage, const char *path, const char **name);

/* Create the directories above a file.  Whoever makes the file durable makes them durable. */
extern int posix_make_parents(Storage *storage, const char *path);

/*
 * What root makes in somebody's repository is to belong to that user, whose
 * commands could not read it otherwise.  Where root may not do that, as on NFS,
 * it stays as it is.
 */
extern void posix_give_to_owner(Storage *storage, int fd);

/* A temporary name beside the file `name` that nobody else uses. */
extern int posix_temporary_name(Storage *storage, const char *name,
								char temporary[POSIX_PATH_SIZE]);

#endif /* NEX_POSIX_STORAGE_H */
