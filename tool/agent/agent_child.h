/*-------------------------------------------------------------------------
 *
 * agent_child.h
 *	  A program that the agent has started: its output, its time, its end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_CHILD_H
#define NEX_AGENT_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"

/* Why the agent stopped a program. */
typedef enum StopReason
{
	STOP_NOT,
	STOP_CANCEL,
	STOP_TIMEOUT,
	STOP_SHUTDOWN,
	STOP_LOST /* the run is somebody else's by now */
} StopReason;

typedef struct AgentChild
{
	pid_t pid;
	int output;     /* what it writes; -1 when it has closed that */
	Buffer tail;    /* the end of it, without progress */
	Buffer line;    /* the line that is not complete yet */
	char *progress; /* the last progress event, or NULL */

	double deadline; /* 0: none; by monotonic_seconds() */
	double kill_grace;
	StopReason stop;
	double kill_at; /* when SIGTERM was not enough; 0: not asked yet */

	bool ended;
	int exit_code; /* -1: ended by a signal */
	int signal;
} AgentChild;

/*
 * What a server sends is held in memory before its size is known.  Not more
 * than some hundred MB of it: libpq gives the session up.  Programs that are
 * started have the limit of before.
 */
extern void child_limit_own_memory(void);

/*
 * Start a program in a process group of its own, which ends when we do; argv
 * is NULL-terminated and begins with a full path, `name` becomes PGAPPNAME.
 * 0 or an errno value.
 */
extern int child_start(AgentChild *child, char *const *argv, const char *name,
					   const char *directory);

/* Take what it has written. */
extern void child_read(AgentChild *child);

/* Ask it to stop, once; the first reason counts, but with STOP_LOST it is killed soon. */
extern void child_stop(AgentChild *child, StopReason reason);

/* Look whether its time is over, whether it must be killed, whether it has ended. */
extern void child_tick(AgentChild *child);

extern void child_free(AgentChild *child);

#endif /* NEX_AGENT_CHILD_H */
