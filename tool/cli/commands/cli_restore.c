/*-------------------------------------------------------------------------
 *
 * cli_restore.c
 *	  nex_backup restore
 *
 *-------------------------------------------------------------------------
 */
#include "backup_settings.h"
#include "cluster_settings.h"
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "general_settings.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "object_errors.h"
#include "output.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "restore.h"
#include "restore_all.h"
#include "restore_cluster.h"
#include "restore_record.h"
#include "restore_report.h"
#include "restore_settings.h"
#include "settings.h"
#include "text_list.h"
#include "utc_time.h"

/* Ask before a live database is replaced; false (reported) unless the answer is yes. */
static bool
confirm(const Settings *settings, const RestorePreview *preview)
{
	char *name = printable_name(preview->database);
	bool yes;

	if (!preview->replaces || settings->restore->yes)
	{
		free(name);
		return true;
	}
	if (!isatty(STDIN_FILENO))
	{
		report_error(EXIT_USAGE, NULL, "Use --yes to replace it without confirmation.",
					 "database \"%s\" would be replaced, and there is no terminal to ask on", name);
		free(name);
		return false;
	}
	show_question("Database \"%s\" (%s, %s) will be replaced by backup %s, the state of %s.\n"
				  "Its sessions will be disconnected at the end.  %s\n"
				  "Continue? [y/N] ",
				  name, pretty_bytes(preview->live_bytes),
				  pretty_number_of((uint64_t) preview->live_sessions, "session"),
				  preview->backup->id, preview->snapshot_at,
				  settings->restore->discard_old
					  ? "THE PRESENT DATABASE WILL BE DROPPED."
					  : "The present database is kept under another name.");
	yes = ask_yes();
	free(name);
	return yes || report_error(EXIT_FAILED, NULL, NULL, "nothing was changed");
}

/* A bar would be drawn over the question, so it comes after the answer. */
static bool
agree(const RestorePreview *preview, void *settings)
{
	if (!confirm(settings, preview))
		return false;
	progress_bar_start(settings);
	return true;
}

static bool
restore_one(const Settings *settings)
{
	Repository *repository = open_repository_places(settings, false);
	const RestoreRequest request = {.settings = settings,
									.repository = repository,
									.backup = settings->general->arguments[0],
									.at = settings->restore->at,
									.database = settings->restore->to,
									.agree = agree,
									.argument = (void *) settings};
	RestoreResult result = {.begun = false};
	struct timespec start;
	struct timespec end;
	char started[UTC_EXACT_SIZE];
	bool good;

	if (repository == NULL)
		return false;
	clock_gettime(CLOCK_REALTIME, &start);
	utc_now_exact(started);
	good = repository_lock_shared(repository) && restore_run(&request, NULL, &result);
	progress_bar_stop();
	clock_gettime(CLOCK_REALTIME, &end);
	if (good)
	{
		interrupt_too_late();
		restore_report(settings->general->json, &result,
					   (double) (end.tv_sec - start.tv_sec) +
						   (double) (end.tv_nsec - start.tv_nsec) / 1e9);
	}
	if (good && result.incomplete)
		good = object_errors_report(&result);
	/* A setting that was refused is an error, though the database is there. */
	if (result.begun)
		restore_record(&request, &result, good && log_exit_code() == EXIT_DONE, started);
	restore_result_free(&result);
	repository_close(repository);
	return good;
}

/* With --all there is no name, else there must be one; and some options exclude each other. */
static bool
check_usage(const Settings *settings)
{
	if (!settings->backup->all && settings->general->narguments == 0)
		return report_error(
			EXIT_USAGE, NULL,
			"\"nex_backup list\" shows what there is; --all restores every database.",
			"command \"restore\" needs DB[/ID], or --all");
	if (settings->backup->all && settings->general->narguments > 0)
		return report_error(EXIT_USAGE, NULL, "Leave out one of them.",
							"\"--all\" and the name of a database exclude each other");
	if (settings->restore->to != NULL && strlen(settings->restore->to) > 63)
		return report_error(EXIT_USAGE, NULL, "A database name has at most 63 bytes.",
							"invalid value for option \"--to\": \"%s\"", settings->restore->to);
	if (settings->backup->all && settings->restore->to != NULL)
		return report_error(EXIT_USAGE, NULL, "Restore the databases one by one to rename them.",
							"options \"--all\" and \"--to\" exclude each other");
	if (settings->backup->all && settings->restore->drop)
		return report_error(
			EXIT_USAGE, NULL,
			"--all replaces nothing that holds data; restore the databases one by one "
			"with --drop.",
			"options \"--all\" and \"--drop\" exclude each other");
	return true;
}

/* A list that keeps databases out of the nightly backup may lie in the settings for good reason. */
static void
warn_of_excluded(const Settings *settings)
{
	const TextList *excluded = &settings->backup->exclude_databases;

	if (excluded->count == 0 || excluded->source == settings->general->source)
		return;
	log_warning_hint("--exclude-database on the command line replaces that list.",
					 "databases whose names match exclude-database in the %s are not restored",
					 excluded->source == 0 ? "settings file" : "environment");
}

static bool
run_restore(const Settings *settings)
{
	Repository *repository;
	bool good;

	if (settings->cluster->cluster)
		return restore_cluster(
			settings, settings->general->narguments > 0 ? settings->general->arguments[0] : NULL,
			settings->general->json);
	if (!check_usage(settings) || !restore_options_check(settings))
		return false;
	if (!settings->backup->all)
		return restore_one(settings);
	repository = open_repository_places(settings, false);
	if (repository == NULL)
		return false;
	warn_of_excluded(settings);
	good = restore_all(settings, repository);
	repository_close(repository);
	return good;
}

const Command command_restore = {
	.name = "restore",
	.summary = "restore a database from a backup, or all of them",
	.arguments = "[DB[/ID]] | --cluster [ID] --data-dir DIR",
	.min_arguments = 0,
	.max_arguments = 1,
	.options =
		"to at as-of drop yes discard-old all exclude-database no-globals existing-roles "
		"lock-wait-timeout "
		"tablespace-mapping no-tablespaces on-object-error object-errors-file no-analyze "
		"maintenance-work-mem copy-format jobs dbname "
		"host port "
		"username no-password password pg-bindir catalogue table schema exclude-table as append "
		"data-only on-conflict disable-triggers rows-as owner-timeout schema-only no-owner "
		"no-privileges role "
		"allow-unknown-sql cluster data-dir target-time target-lsn target-xid target-name target "
		"exclusive timeline action dry-run",
	.per_call =
		"to at as-of drop yes discard-old all no-globals existing-roles on-object-error "
		"object-errors-file table schema "
		"exclude-table as append data-only on-conflict disable-triggers rows-as schema-only "
		"no-owner no-privileges allow-unknown-sql cluster data-dir target-time target-lsn "
		"target-xid target-name target exclusive timeline action dry-run",
	.run = run_restore,
	.opens_backups = true,
	.several_places = true,
	.is_run = true,
};
