/*-------------------------------------------------------------------------
 *
 * agent.h
 *	  The agent: an executor of the queue that runs beside the server, or on
 *	  another host.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_H
#define NEX_AGENT_H

#include <stdbool.h>

typedef struct Settings Settings;

/* Work on the queue until a signal comes, or with --once until it is empty. */
extern bool agent_run(const Settings *settings);

#endif /* NEX_AGENT_H */
