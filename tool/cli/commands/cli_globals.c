/*-------------------------------------------------------------------------
 *
 * cli_globals.c
 *	  nex_backup globals: backups of roles and tablespaces.
 *
 * A word in front of "backup", "list" and so on, and not a
 * pseudo-database, because a database may be called "globals".
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_report.h"
#include "command.h"
#include "find_verb.h"
#include "general_settings.h"
#include "globals_report.h"
#include "globals_restore.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "progress_bar.h"
#include "repository_view.h"
#include "restore_record.h"
#include "settings.h"
#include "utc_time.h"

static bool
globals_backup(const Settings *settings)
{
	Repository *repository = open_repository(settings);
	BackupAttempt attempt;
	bool good;

	if (repository == NULL)
		return false;
	progress_bar_start(settings);
	backup_attempt_globals(settings, repository, &attempt);
	progress_bar_stop();
	good = attempt.manifest != NULL;
	if (good)
	{
		interrupt_too_late();
		backup_attempt_done(&attempt);
	}
	if (good && settings->general->json)
		output_json(backup_attempt_json(&attempt));
	else if (good)
		backup_attempt_print(&attempt);
	backup_attempt_free(&attempt);
	repository_close(repository);
	return good;
}

static bool
globals_restore(const Settings *settings)
{
	const char *id = settings->general->narguments > 1 ? settings->general->arguments[1] : NULL;
	char *name = id != NULL ? xasprintf("/%s", id) : xstrdup(GLOBALS_DATABASE);
	Repository *repository = open_repository(settings);
	const GlobalsRequest request = {.settings = settings, .repository = repository, .backup = name};
	GlobalsRestore *restore = NULL;
	GlobalsResult result;
	struct timespec start;
	struct timespec end;
	char started[UTC_EXACT_SIZE];
	bool good;

	if (repository == NULL)
	{
		free(name);
		return false;
	}
	utc_now_exact(started);
	memset(&result, 0, sizeof(result));
	clock_gettime(CLOCK_MONOTONIC, &start);
	progress_bar_start(settings);
	if (repository_lock_shared(repository))
		restore = globals_restore_plan(&request, &result);
	good = restore != NULL && globals_restore_execute(restore) && globals_restore_finish(restore);
	progress_bar_stop();
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (good)
	{
		interrupt_too_late();
		output_done("The globals of backup %s were restored.", result.backup.id);
	}
	if (good && settings->general->json)
	{
		json_t *value = globals_restore_json(&result);

		json_object_set_new(value, "backup", json_string(result.backup.id));
		output_json(value);
	}
	else if (good)
		globals_restore_print(&result, (double) (end.tv_sec - start.tv_sec) +
										   (double) (end.tv_nsec - start.tv_nsec) / 1e9);
	if (restore != NULL)
		restore_record_globals(&request, &result, good && log_exit_code() == EXIT_DONE, started);
	globals_restore_free(restore);
	globals_result_free(&result);
	repository_close(repository);
	free(name);
	return good;
}

/* What can be done with backups of the globals. */
typedef struct Verb
{
	const char *name;
	bool takes_id;
	const Command *command; /* that does the same for databases; NULL: run does it */
	bool (*run)(const Settings *settings);
} Verb;

static const Verb verbs[] = {
	{"backup", false, NULL, globals_backup},  {"list", false, &command_list, NULL},
	{"info", true, &command_info, NULL},      {"verify", true, &command_verify, NULL},
	{"restore", true, NULL, globals_restore}, {"export", true, &command_export, NULL},
};

static bool
check_id(const Verb *verb, const char *id)
{
	if (id == NULL || (verb->takes_id && backup_id_valid(id)))
		return true;
	if (!verb->takes_id)
		return report_error(EXIT_USAGE, NULL, "\"nex_backup help globals\" shows the usage.",
							"\"globals %s\" takes no argument", verb->name);
	return report_error(EXIT_USAGE, NULL, "\"nex_backup globals list\" shows the ids.",
						"\"%s\" is not the id of a backup", id);
}

/* Run the command for databases on GLOBALS_DATABASE, or on "/ID". */
static bool
run_command(const Verb *verb, const Settings *settings, const char *id)
{
	char *name = id != NULL ? xasprintf("/%s", id) : xstrdup(GLOBALS_DATABASE);
	char *arguments[1] = {name};
	GeneralSettings general = *settings->general;
	Settings copy = *settings;
	bool done;

	general.narguments = 1;
	general.arguments = arguments;
	copy.general = &general;
	done = verb->command->run(&copy);
	free(name);
	return done;
}

static bool
run_globals(const Settings *settings)
{
	const char *id = settings->general->narguments > 1 ? settings->general->arguments[1] : NULL;
	const Verb *verb = FIND_VERB("globals", settings->general->arguments[0], verbs);

	if (verb == NULL || !check_id(verb, id))
		return false;
	return verb->run != NULL ? verb->run(settings) : run_command(verb, settings, id);
}

const Command command_globals = {
	.name = "globals",
	.summary = "back up and restore roles and tablespaces",
	.arguments = "backup|list|info|verify|restore|export [ID]",
	.min_arguments = 1,
	.max_arguments = 2,
	.options = "dbname host port username no-password password jobs type compress "
			   "no-role-passwords same-server existing-roles lock-wait-timeout tablespace-mapping "
			   "no-tablespaces output yes "
			   "pg-bindir catalogue allow-unknown-sql as-of",
	.per_call = "existing-roles yes allow-unknown-sql",
	.per_call_words = "restore",
	.always_per_call = "same-server as-of",
	.run = run_globals,
	.opens_backups = true,
	.run_words = "backup verify restore",
};
