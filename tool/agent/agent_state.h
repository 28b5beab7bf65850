/*-------------------------------------------------------------------------
 *
 * agent_state.h
 *	  What an agent knows, for agent.c and agent_watch.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_STATE_H
#define NEX_AGENT_STATE_H

#include <stdbool.h>

#include "agent_catalogue.h"
#include "agent_child.h"

typedef struct Settings Settings;

/* One run at work. */
typedef struct Slot
{
	bool busy;
	bool has_child; /* false: it could not be started, which is to be told */
	AgentRun run;
	AgentChild child;
	char *error;
	double next_beat;
	double last_answer; /* the catalog has said that the run was ours then */
	bool silence_told;
} Slot;

typedef struct Agent
{
	const Settings *settings;
	AgentCatalogue catalogue;
	char *program;
	char *directory; /* private, for the passfile of the catalog */
	char *conninfo;  /* of the catalog, without secrets */
	Slot *slots;
	int nslots;
	int wake[2]; /* a byte arrives when a signal has come */

	char *state; /* that advance() last gave */
	int startable;
	double next_advance;
	double next_hint; /* no notification makes us ask before */
	double hint_pause;
	bool hinted;
	double next_connect;
	double backoff;
	bool attempted; /* to connect */
	bool told;      /* of the failure to connect */

	bool notifying;
	AgentChild notifier;
	double next_notify;

	double stop_seen; /* when a signal came; 0: not yet */
	double stop_at;   /* when what still runs is to be stopped */
	bool stopped;     /* that has been done */
	double leave_at;  /* 0: programs run, and have time */
	int nended;
	int nfailed;
} Agent;

#endif /* NEX_AGENT_STATE_H */
