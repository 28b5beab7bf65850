/*-------------------------------------------------------------------------
 *
 * cli_backup.c
 *	  nex_backup backup
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "backup_all.h"
#include "backup_report.h"
#include "backup_settings.h"
#include "command.h"
#include "connection_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "settings.h"

/*
 * The default of libpq is the user's own name, which for a user "postgres" is
 * a database with nothing in it.
 */
static void
warn_if_not_named(const Settings *settings, const char *database)
{
	const char *variables[] = {"PGDATABASE", "PGSERVICE"};
	bool named = settings->connection->dbname != NULL;
	char *shown;
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		named = named || (getenv(variables[i]) != NULL && getenv(variables[i])[0] != '\0');
	if (named)
		return;
	shown = printable_name(database);
	log_warning_hint("Name one with -d DATABASE, or back up all of them with --all.",
					 "no database was named, so the default one, \"%s\", was backed up", shown);
	free(shown);
}

/* One database. */
static bool
backup_one(const Settings *settings, Repository *repository)
{
	BackupAttempt attempt;
	bool good;

	progress_bar_start(settings);
	backup_attempt_database(settings, repository, NULL, &attempt);
	progress_bar_stop();
	good = attempt.manifest != NULL;
	if (good)
	{
		interrupt_too_late();
		backup_attempt_done(&attempt);
		warn_if_not_named(settings, attempt.database);
	}
	if (good && settings->general->json)
		output_json(backup_attempt_json(&attempt));
	else if (good)
		backup_attempt_print(&attempt);
	backup_attempt_free(&attempt);
	return good;
}

static bool
run_backup(const Settings *settings)
{
	Repository *repository;
	bool good;

	/* In a file it is a rule for all backups with --all. */
	if (!settings->backup->all && settings->backup->exclude_databases.count > 0 &&
		settings->backup->exclude_databases.source == settings->general->source)
		return report_error(EXIT_USAGE, NULL, "Add --all, or leave it out.",
							"option \"--exclude-database\" needs \"--all\"");
	repository = open_repository(settings);
	if (repository == NULL)
		return false;
	good =
		settings->backup->all ? backup_all(settings, repository) : backup_one(settings, repository);
	repository_close(repository);
	return good;
}

const Command command_backup = {
	.name = "backup",
	.summary = "back up a database, or all of a server",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "dbname host port username no-password password jobs type compress chunk-blocks "
			   "lock-wait-timeout on-lock-conflict max-snapshot-age all exclude-database "
			   "same-server "
			   "no-role-passwords pg-bindir catalogue",
	.always_per_call = "same-server",
	.run = run_backup,
	.opens_backups = true,
	.is_run = true,
};
