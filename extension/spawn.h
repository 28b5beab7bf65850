/*-------------------------------------------------------------------------
 *
 * spawn.h
 *	  A child program of a background worker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SPAWN_H
#define NEX_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct Child
{
	pid_t pid;   /* and its process group; 0: none */
	int output;  /* what it writes to stdout and stderr; never blocks */
	int control; /* the child ends when this is closed, by whatever closes it */
	bool reaped;
	int status; /* of waitpid(), once reaped */
} Child;

/* The descriptor of the control pipe in the child, which CONTROL_VARIABLE tells it. */
#define CONTROL_DESCRIPTOR 3
#define CONTROL_VARIABLE "NEX_CONTROL_FD"

/*
 * Why a program must not be started, or NULL: it must be a regular file that
 * nobody but its owner may change, and that we may execute.
 */
extern const char *program_problem(const char *path);

/* Start a program; false, with errno, if it could not be. */
extern bool child_start(Child *child, const char *path, char *const argv[], char *const envp[]);

/* Signal the child's group; never this process, whatever happened before. */
extern void child_signal(const Child *child, int signal_number);

/* Has it ended?  Does not wait. */
extern bool child_ended(Child *child);

/* Read what it wrote: bytes, 0 if there is nothing now, -1 at the end. */
extern ssize_t child_read(Child *child, char *buffer, size_t size);

/* Close what is open.  A child that still runs is told to end by that. */
extern void child_close(Child *child);

#endif /* NEX_SPAWN_H */
