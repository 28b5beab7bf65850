/*-------------------------------------------------------------------------
 *
 * child_signals.h
 *	  A child process that has no signal handler of its parent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHILD_SIGNALS_H
#define NEX_CHILD_SIGNALS_H

#include <sys/types.h>

/* What a write does whose reader is gone. */
typedef enum BrokenPipe
{
	BROKEN_PIPE_ENDS, /* as a new program expects it */
	BROKEN_PIPE_FAILS /* EPIPE, for a child that goes on with our code */
} BrokenPipe;

/* fork(); in the child all signals are blocked, until it calls child_signals_reset(). */
extern pid_t child_fork(void);

/* In the child: all signals as for a new process, and none blocked. */
extern void child_signals_reset(BrokenPipe broken_pipe);

#endif /* NEX_CHILD_SIGNALS_H */
