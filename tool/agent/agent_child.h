/*-------------------------------------------------------------------------
 *
 * agent_child.h
 *	  A program that the agent has started: its surroundings, its time, its end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_CHILD_H
#define NEX_AGENT_CHILD_H

#include "child.h"
#include "child_output.h"

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
	Child child;
	ChildOutput *output;

	double deadline; /* 0: none; by monotonic_seconds() */
	double kill_grace;
	StopReason stop;
	double kill_at; /* when SIGTERM was not enough; 0: not asked yet */
} AgentChild;

/*
 * What a server sends is held in memory before its size is known.  Not more
 * than some hundred MB of it: libpq gives the session up.  Programs that are
 * started have the limit of before.
 */
extern void agent_child_limit_memory(void);

/*
 * Start a program; argv is NULL-terminated and begins with a full path, `name`
 * becomes PGAPPNAME.  0 or an errno value.
 */
extern int agent_child_start(AgentChild *child, char *const *argv, const char *name,
							 const char *directory);

/* Take what it has written. */
extern void agent_child_read(AgentChild *child);

/* Ask it to stop, once; the first reason counts, but with STOP_LOST it is killed soon. */
extern void agent_child_stop(AgentChild *child, StopReason reason);

/* Look whether its time is over, whether it must be killed, whether it has ended. */
extern void agent_child_tick(AgentChild *child);

/* The last event of progress; NULL: none. */
extern const char *agent_child_progress(const AgentChild *child);

/* What it wrote last, made harmless; caller frees. */
extern char *agent_child_tail(const AgentChild *child);

extern void agent_child_free(AgentChild *child);

#endif /* NEX_AGENT_CHILD_H */
