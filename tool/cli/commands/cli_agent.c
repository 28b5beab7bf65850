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
#include "log.h"
#include "settings.h"

static bool
run_agent(const Settings *settings)
{
	if (settings->catalogue == NULL || strcmp(settings->catalogue, "none") == 0)
		return report_error(EXIT_USAGE, NULL,
							"Say where with --catalogue='host=… dbname=postgres'.",
							"an agent needs a catalogue");
	if (settings->passphrase_fd != NULL)
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
	.help =
		"Works on the queue of the extension in the catalog's database: claims runs that are\n"
		"due, starts this program for each, says how it goes, and how it ended. Any number of\n"
		"agents may work on one queue. The setting nex_backup.executor must be \"agent\" there.\n"
		"\n"
		"What the runs need to know (repository, server, secrets) stands in the settings file and\n"
		"environment of the agent, not in the catalog. SIGTERM ends it: nothing new is started,\n"
		"and what runs has --stop-timeout to end by itself.\n"
		"\n"
		"Examples:\n"
		"  nex_backup agent --catalogue='host=db1,db2 dbname=postgres user=nex_agent'\n"
		"  nex_backup agent --catalogue=postgres --once\n",
	.run = run_agent,
	.optional_repository = true,
	.is_service = true,
};
