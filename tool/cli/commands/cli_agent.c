/*-------------------------------------------------------------------------
 *
 * cli_agent.c
 *	  nex_backup agent
 *
 *-------------------------------------------------------------------------
 */
#include "command.h"

#include <string.h>

#include "agent.h"
#include "general_settings.h"
#include "key_settings.h"
#include "log.h"
#include "settings.h"

static bool
run_agent(const Settings *settings)
{
	if (settings->general->catalogue == NULL || strcmp(settings->general->catalogue, "none") == 0)
		return report_error(EXIT_USAGE, NULL,
							"Say where with --catalogue='host=… dbname=postgres'.",
							"an agent needs a catalog");
	if (settings->keys->passphrase_fd != NULL)
		return report_error(EXIT_USAGE, NULL, "Use --passphrase-file or --passphrase-command.",
							"an agent cannot hand on --passphrase-fd to its programs");
	return agent_run(settings);
}

const Command command_agent = {
	.name = "agent",
	.summary = "run the jobs of a catalog",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "once max-runs agent-name stop-timeout",
	.per_call = "once",
	.run = run_agent,
	.optional_repository = true,
	.is_service = true,
};
