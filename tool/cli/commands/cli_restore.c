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

#include <string.h>

#include "general_settings.h"
#include "log.h"
#include "repository_view.h"
#include "restore_all.h"
#include "restore_cluster.h"
#include "restore_moment.h"
#include "restore_one.h"
#include "restore_report.h"
#include "restore_settings.h"
#include "settings.h"
#include "text_list.h"

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
	if (restore_moment_is_wanted(settings))
		return restore_moment(settings, settings->general->arguments[0], settings->general->json);
	if (!settings->backup->all)
		return restore_one(settings, settings->general->arguments[0], settings->general->json);
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
		"exclusive timeline action dry-run base work-dir",
	.per_call =
		"to at as-of drop yes discard-old all no-globals existing-roles on-object-error "
		"object-errors-file table schema "
		"exclude-table as append data-only on-conflict disable-triggers rows-as schema-only "
		"no-owner no-privileges allow-unknown-sql cluster data-dir target-time target-lsn "
		"target-xid target-name target exclusive timeline action dry-run base",
	.run = run_restore,
	.opens_backups = true,
	.several_places = true,
	.is_run = true,
};
