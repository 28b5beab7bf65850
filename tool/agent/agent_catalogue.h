/*-------------------------------------------------------------------------
 *
 * agent_catalogue.h
 *	  The agent's session with the catalog, and the functions of the queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_CATALOGUE_H
#define NEX_AGENT_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "connect_hosts.h"
#include "deadline.h"
#include "target.h"

typedef struct AgentCatalogue
{
	ConnectionTarget *target;
	char *base_name; /* that the user wants */
	char *name;      /* of the executor; NULL: never connected */
	char *host;
	bool named; /* the queue has taken the name for ours */
	PGconn *pg; /* NULL: not connected */
	ConnectHosts *connecting;
	bool refused; /* there is no use in trying again; the reason was reported */

	/* How to wait for an answer, as in a Deadline; and since when that is done. */
	double asked;
	WaitOutcome (*wait)(void *argument, int socket, short events, double until);
	void *argument;
} AgentCatalogue;

/* A run that was claimed. */
typedef struct AgentRun
{
	int64_t run;
	char *fence; /* a token, not looked at */
	char *job;
	char *kind;
	char *database;
	char **words; /* the command first */
	int nwords;
	double timeout; /* seconds, 0: none */
	double kill_grace;
} AgentRun;

/*
 * Connect to the primary, which is done in the background; then check that the
 * extension is there and of our version, and listen.  False (said once, unless
 * `quiet`) if that fails.
 */
extern bool catalogue_connect_begin(AgentCatalogue *catalogue);
extern bool catalogue_connect_is_over(const AgentCatalogue *catalogue);
extern bool catalogue_connect_end(AgentCatalogue *catalogue, bool quiet);
extern void catalogue_disconnect(AgentCatalogue *catalogue);

/*
 * advance(), which also finds a name that no other agent has: the state of the scheduler (caller
 * frees), how many runs could be claimed, and in how many seconds to ask again.  NULL if the
 * session is lost.
 */
extern char *catalogue_advance(AgentCatalogue *catalogue, int *startable, double *wait,
							   char **detail);

/* claim(): true with a run; false if there is none, or the session is lost. */
extern bool catalogue_claim(AgentCatalogue *catalogue, AgentRun *run);
extern void agent_run_free(AgentRun *run);

/* The answers of start(), heartbeat() and finish(); NULL if the session is lost.  Caller frees. */
extern char *catalogue_start(AgentCatalogue *catalogue, const AgentRun *run, int pid);
extern char *catalogue_heartbeat(AgentCatalogue *catalogue, const AgentRun *run,
								 const char *progress);
extern char *catalogue_finish(AgentCatalogue *catalogue, const AgentRun *run, const char *exit_code,
							  const char *signal, const char *stopped, const char *error,
							  const char *log_tail);

/* Has something been said that the agent should look at?  Takes all notifications. */
extern bool catalogue_notified(AgentCatalogue *catalogue);

#endif /* NEX_AGENT_CATALOGUE_H */
