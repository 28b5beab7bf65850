/*-------------------------------------------------------------------------
 *
 * cli_init.c
 *	  nex_backup init: create a repository.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "command.h"
#include "log.h"
#include "output.h"
#include "repository_view.h"

static bool
run_init(const Settings *settings)
{
	Repository *repository;
	bool created;

	if (settings->repo == NULL || settings->repo[0] == '\0')
		return report_error(EXIT_USAGE, NULL, "Use: nex_backup init --repo=DIR",
							"no repository was given");
	if (!repository_init(settings->repo, &created))
		return false;
	repository = repository_open(settings->repo);
	if (repository == NULL)
		return false;
	if (settings->json)
	{
		json_t *result = repository_json(repository);

		json_object_set_new(result, "created", json_boolean(created));
		output_json(result);
	}
	else
		printf("%s \"%s\"\n", created ? "created repository" : "the repository is there already:",
			   repository->storage->location);
	repository_close(repository);
	return true;
}

const Command command_init = {
	.name = "init",
	.summary = "create a repository",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "",
	.help =
		"Creates the directory named by --repo, if need be, and makes it a repository: a file\n"
		"nex_backup.json that says so, and RECOVER.txt, which tells how to restore without this\n"
		"program. A repository that exists already is left as it is; only a missing or damaged\n"
		"RECOVER.txt is written again.\n"
		"\n"
		"The directory should belong to the user who makes the backups and to nobody else: who\n"
		"can read it can read all data in it. It is created with mode 0700.\n"
		"\n"
		"Example:\n"
		"  nex_backup init --repo=/var/backups/pg\n",
	.run = run_init,
};
