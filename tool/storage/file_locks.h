/*-------------------------------------------------------------------------
 *
 * file_locks.h
 *	  Locks between processes that readers of a repository cannot abuse.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_LOCKS_H
#define NEX_FILE_LOCKS_H

#include <stdbool.h>

#include "storage.h"

/* Lock an open file against other descriptors; 0, EWOULDBLOCK, or another errno value. */
extern int file_lock(int fd, bool exclusive);

/*
 * Become the one process that has a file with a lock in this directory.  The
 * file has the name `own`, which nobody else may use, with a suffix until it
 * is locked.  0 and its descriptor, EWOULDBLOCK, or another errno value.
 */
extern int file_lock_alone(int directory, const char *own, int *fd);

/*
 * Take the lock that versions before 0.2.1 know as well.  What somebody holds
 * who cannot be a writer of the repository is no hindrance for a lock that
 * readers must not hold up.
 */
extern int file_lock_as_before(int fd, LockMode mode);

#endif /* NEX_FILE_LOCKS_H */
