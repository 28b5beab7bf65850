/*-------------------------------------------------------------------------
 *
 * look_child.h
 *	  A child of a backend that looks at files, and has nothing of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOOK_CHILD_H
#define NEX_LOOK_CHILD_H

#include "postgres.h"

/*
 * What the child does: system calls, and what comes of them is written to
 * `out`.  Nothing of the server is there: no ereport(), no shared memory, no
 * descriptors.
 */
typedef void (*LookWork)(int out, void *argument);

/* For it: write all of that, or end if nobody reads it any more. */
extern void look_write(int out, const void *bytes, size_t length);

/*
 * For it: open what lies in a repository.  No link on the way is followed but
 * one at the top level that top_link.h lets be.  -1 with errno.
 */
extern int look_open_path(const char *repository, const char *file, int flags);

/* The same for a regular file that is read. */
extern int look_open(const char *repository, const char *file, off_t *bytes);

/*
 * Start one that does the work; `out` and `lock` (-1: none) stay open in it.
 * Its process, or -1 with errno.
 */
extern pid_t look_child_start(int out, int lock, LookWork work, void *argument);

/* It has ended, or is about to: wait for it.  One that does not end is left. */
extern void look_child_end(pid_t pid);

/* It may hang: do not wait for it. */
extern void look_child_leave(pid_t pid);

/* Wait for those that were left and have ended by now. */
extern void look_child_reap(void);

#endif /* NEX_LOOK_CHILD_H */
