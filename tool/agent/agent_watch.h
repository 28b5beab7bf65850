/*-------------------------------------------------------------------------
 *
 * agent_watch.h
 *	  The one place where an agent waits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_WATCH_H
#define NEX_AGENT_WATCH_H

#include "agent_state.h"
#include "deadline.h"

extern int busy_slots(const Agent *agent);

/*
 * Wait for a socket (-1: none), a program or a signal, until then at most; and
 * look after the programs.  For calls of the catalog (agent is an Agent), too:
 * WAIT_GIVE_UP when it is time to leave.
 */
extern WaitOutcome agent_wait(void *agent, int socket, short events, double until);

/* After a signal: is nothing left to be done, or no time? */
extern bool agent_should_leave(const Agent *agent);

#endif /* NEX_AGENT_WATCH_H */
