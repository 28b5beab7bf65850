/*-------------------------------------------------------------------------
 *
 * agent_settings.h
 *	  Settings: the agent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGENT_SETTINGS_H
#define NEX_AGENT_SETTINGS_H

#include <stdbool.h>

typedef struct AgentSettings
{
	bool once;
	int max_runs;     /* 2 */
	char *agent_name; /* NULL: that of the host */
	int stop_timeout; /* seconds, 60 */
} AgentSettings;

#endif /* NEX_AGENT_SETTINGS_H */
