/*-------------------------------------------------------------------------
 *
 * child.h
 *	  A program that an executor of runs has started.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHILD_H
#define NEX_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

typedef struct Child
{
	pid_t pid;   /* and its process group; 0: none */
	int output;  /* what it writes to stdout and stderr; never blocks; -1: it is closed */
	int control; /* the child ends when this is closed, by whatever closes it */
	int input;   /* what it reads; never blocks; -1: nothing */
	bool ended;
	int status; /* of waitpid(), once ended */
} Child;

typedef struct ChildProgram
{
	const char *path;
	char *const *argv;
	char *const *environment;    /* with RUN_CONTROL_VARIABLE */
	bool apart;                  /* in the root directory, and its files are nobody else's */
	bool is_asked;               /* it reads what is written to "input" */
	const struct rlimit *memory; /* its address space; NULL: as ours */
} ChildProgram;

/*
 * Why a program must not be started, or NULL: it must be a regular file that
 * nobody but its owner may change, and that we may execute.
 */
extern const char *program_problem(const char *path);

/* Start a program; false, with errno, if it could not be. */
extern bool child_start(Child *child, const ChildProgram *program);

/* Signal the child's group; never this process, whatever happened before. */
extern void child_signal(const Child *child, int signal_number);

/* Has it ended?  Does not wait. */
extern bool child_ended(Child *child);

/* How: its exit code, or -1; the signal that ended it, or 0. */
extern int child_exit_code(const Child *child);
extern int child_end_signal(const Child *child);

/* Read what it wrote: bytes, 0 if there is nothing now, -1 at the end. */
extern ssize_t child_read(Child *child, char *buffer, size_t size);

/* Close what is open.  A child that still runs is told to end by that. */
extern void child_close(Child *child);

#endif /* NEX_CHILD_H */
