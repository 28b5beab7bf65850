/*-------------------------------------------------------------------------
 *
 * private_directory.h
 *	  A directory for a server of our own, with all that belongs to it, which
 *	  is removed whatever happens.
 *
 * Not one of temporary_directory.h: it holds a whole cluster, so it lies where
 * there is room, has folders, and processes of a server may still use it when
 * the program that made it was killed.  Two locks tell: one that the program
 * has, and one that all processes of its server have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRIVATE_DIRECTORY_H
#define NEX_PRIVATE_DIRECTORY_H

#include <stdbool.h>

typedef struct PrivateDirectory
{
	char *path; /* absolute; NULL: none */
	int lock;
	int server_lock; /* to be given to the server, and to nobody else */
} PrivateDirectory;

/* Where such directories are if nobody says otherwise: TMPDIR, or /var/tmp. */
extern const char *private_directory_base(const char *wanted);

/* Make one (0700) in a directory that exists.  False (reported) on failure; then there is none. */
extern bool private_directory_make(PrivateDirectory *directory, const char *base);

/* Remove what has this name in it, which need not be there. */
extern void private_directory_discard(const PrivateDirectory *directory, const char *name);

/* Remove it.  One that is none is fine. */
extern void private_directory_remove(PrivateDirectory *directory);

/* Visit those of our user whose program is gone. */
extern void private_directories_left(const char *base,
									 void (*visit)(const char *path, void *argument),
									 void *argument);

/*
 * Remove one of those, and end what still runs of its server.  False if somebody else does, or it
 * could not be removed.
 */
extern bool private_directory_reap(const char *path);

#endif /* NEX_PRIVATE_DIRECTORY_H */
