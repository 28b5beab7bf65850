/*-------------------------------------------------------------------------
 *
 * cli_base.c
 *	  nex_backup base: base backups of whole clusters.
 *
 * A word in front of "backup", "list" and so on, as for the globals.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "backups.h"
#include "base_backup.h"
#include "base_report.h"
#include "command.h"
#include "command_settings.h"
#include "find_verb.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "progress_bar.h"
#include "repository_view.h"
#include "resolve.h"
#include "settings.h"
#include "wal_bases.h"
#include "window_report.h"

static bool
run_backup(const Settings *settings)
{
	Repository *repository = open_repository(settings);
	struct timespec start;
	struct timespec end;
	Manifest *manifest;
	bool good;

	if (repository == NULL)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &start);
	progress_bar_start(settings);
	manifest = base_backup(settings, repository);
	progress_bar_stop();
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (manifest != NULL)
	{
		interrupt_too_late();
		output_done("Base backup %s is complete.", manifest->id);
		base_report_made(manifest,
						 (double) (end.tv_sec - start.tv_sec) +
							 (double) (end.tv_nsec - start.tv_nsec) / 1e9,
						 settings->general->json);
	}
	good = manifest != NULL && manifest->cluster.damaged == 0;
	manifest_free(manifest);
	repository_close(repository);
	return good;
}

static bool
run_info(const Settings *settings)
{
	Repository *repository = open_repository(settings);
	Manifest *manifest = NULL;
	BackupName name;

	if (repository == NULL)
		return false;
	if (repository_resolve_cluster(
			repository, settings->general->narguments > 0 ? settings->general->arguments[0] : NULL,
			&name))
		manifest = repository_manifest(repository, &name);
	if (manifest != NULL)
		base_report_info(repository, &name, manifest, settings->general->json);
	manifest_free(manifest);
	repository_close(repository);
	return manifest != NULL;
}

static bool
run_list(const Settings *settings)
{
	return command_list.run(settings);
}

static bool
run_verify(const Settings *settings)
{
	return command_verify.run(settings);
}

/* The rules are for all of a server. */
static bool
run_expire(const Settings *settings)
{
	const char *system = settings->general->narguments > 0 ? settings->general->arguments[0] : "";
	const char *slash = strrchr(system, '/');

	if (backup_id_valid(slash != NULL ? slash + 1 : system))
		return report_error(EXIT_USAGE, NULL, "\"nex_backup help base\" shows the usage.",
							"\"base expire\" takes a system identifier, and no ID");
	return command_expire.run(settings);
}

/* All of a server, or of each. */
static bool
look_at_windows(Repository *repository, const BackupName *names, int count, json_t *systems)
{
	bool good = true;
	int first;
	int end;

	for (first = 0; good && first < count; first = end)
	{
		RecoveryWindows windows;

		for (end = first; end < count && backup_same_owner(&names[end], &names[first]);)
			end++;
		good = recovery_windows_find(repository, &names[first], end - first,
									 wal_system_of(&names[first]), &windows);
		if (good && systems != NULL)
			json_array_append_new(systems, windows_json(&windows));
		else if (good)
			windows_print(&windows);
		recovery_windows_free(&windows);
	}
	return good;
}

static bool
run_windows(const Settings *settings)
{
	Repository *repository = open_repository(settings);
	const char *system = settings->general->narguments > 0 ? settings->general->arguments[0] : NULL;
	json_t *systems = settings->general->json ? json_array() : NULL;
	BackupName *names = NULL;
	BackupName latest;
	int count;
	bool good;

	if (repository == NULL)
		return false;
	good = (system == NULL || repository_resolve_cluster(repository, system, &latest)) &&
		   repository_list_clusters(repository, system != NULL ? latest.owner.name : NULL, &names,
									&count) &&
		   look_at_windows(repository, names, count, systems);
	if (good && systems != NULL)
		output_json(
			json_pack("{s:o, s:O}", "repository", repository_json(repository), "systems", systems));
	else if (good && count == 0)
		show_text("no base backup in repository \"%s\"\n", repository->storage->location);
	json_decref(systems);
	free(names);
	repository_close(repository);
	return good;
}

typedef struct Verb
{
	const char *name;
	bool takes_id;                         /* or a system */
	bool (*run)(const Settings *settings); /* with the words behind its name */
} Verb;

static const Verb verbs[] = {{"backup", false, run_backup}, {"list", false, run_list},
							 {"info", true, run_info},      {"verify", true, run_verify},
							 {"expire", true, run_expire},  {"windows", true, run_windows}};

static bool
run_base(const Settings *settings)
{
	const Verb *verb = FIND_VERB("base", settings->general->arguments[0], verbs);
	GeneralSettings general = *settings->general;
	CommandSettings command = *settings->command;
	Settings copy = *settings;

	if (verb == NULL)
		return false;
	general.narguments--;
	general.arguments++;
	command.clusters = true;
	copy.general = &general;
	copy.command = &command;
	if (general.narguments > 0 && !verb->takes_id)
		return report_error(EXIT_USAGE, NULL, "\"nex_backup help base\" shows the usage.",
							"\"base %s\" takes no argument", verb->name);
	return verb->run(&copy);
}

const Command command_base = {
	.name = "base",
	.summary = "back up all files of a server, to recover it to any moment",
	.arguments = "backup|list|info|verify|expire|windows [[SYSTEM/]ID]",
	.min_arguments = 1,
	.max_arguments = 2,
	.options = "dbname host port username no-password password jobs type compress checkpoint rate "
			   "archive-wait level dry-run keep-daily keep-weekly keep-monthly keep-yearly "
			   "keep-minimum keep-pitr single-writer",
	.per_call = "level dry-run",
	.run = run_base,
	.opens_backups = true,
};
