/*-------------------------------------------------------------------------
 *
 * backup_all.c
 *	  nex_backup backup --all: the globals, then one database after the
 *	  other.
 *
 * One after the other and not side by side: a single backup uses all its
 * jobs at nearly every moment, and two would only double the memory.
 *
 *-------------------------------------------------------------------------
 */
#include "backup_all.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "backup_list.h"
#include "backup_report.h"
#include "cluster.h"
#include "cluster_report.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "progress.h"
#include "progress_bar.h"
#include "repository_view.h"
#include "utc_time.h"

/* So often a database that is renamed meanwhile is tried. */
#define TRIES 3

/* How often one is looked for after its backup has failed. */
#define LOOKS 10
#define LOOK_INTERVAL_MS 200

/* Put an attempt into the report; it is used up. */
static void
enter(ClusterReport *report, BackupAttempt *attempt)
{
	ReportItem *item = cluster_report_add(report, attempt->kind, attempt->database);
	const Manifest *manifest = attempt->manifest;

	item->seconds = attempt->seconds;
	item->exit_code = attempt->exit_code;
	if (manifest != NULL)
	{
		item->result = ITEM_OK;
		item->backup = xstrdup(manifest->id);
		item->has_rows = manifest->kind == BACKUP_OF_DATABASE;
		item->rows = manifest->totals.rows;
		item->bytes = manifest->totals.stored_bytes;
		item->more = backup_attempt_json(attempt);
	}
	else
	{
		item->result = attempt->interrupted ? ITEM_INTERRUPTED : ITEM_FAILED;
		item->reason = xstrdup(attempt->interrupted     ? NULL
							   : attempt->error != NULL ? attempt->error
														: "see the messages above");
		if (item->result == ITEM_FAILED)
			cluster_report_explain(item);
	}
	backup_attempt_free(attempt);
}

static bool
has_backups(Repository *repository, const ClusterDatabase *database)
{
	Owner owner = owner_of(repository->server, database->name);
	BackupName *names;
	int count = 0;

	if (!repository_list(repository, &owner, &names, &count))
		return false;
	free(names);
	return count > 0;
}

/*
 * A database that was backed up before, and allows no connections now, does not
 * pass unnoticed: its owner, who need not be a superuser, can close it.
 */
static void
enter_skipped(ClusterReport *report, Repository *repository, const ClusterDatabase *database)
{
	ReportItem *item = cluster_report_add(report, BACKUP_OF_DATABASE, database->name);

	item->result = ITEM_SKIPPED;
	item->reason = xstrdup(database->skipped);
	if (database->closed && has_backups(repository, database))
	{
		item->result = ITEM_FAILED;
		item->exit_code = EXIT_FAILED;
		report_error(EXIT_FAILED, NULL,
					 "ALTER DATABASE ... ALLOW_CONNECTIONS true, or leave it out with "
					 "--exclude-database.",
					 "database \"%s\", which has backups, is not backed up: %s",
					 database->printable, database->skipped);
	}
	else
		log_warning("database \"%s\" is not backed up: %s", database->printable, database->skipped);
}

/* Each database begins as if nothing had gone wrong before. */
static void
begin_item(unsigned number, unsigned count, const char *name)
{
	stop_clear();
	log_forget_errors();
	progress_item(number, count, name);
}

/* DROP DATABASE ends our session first, and the database is there for a moment longer. */
static bool
has_changed(const Settings *settings, ClusterDatabase *database)
{
	bool changed = cluster_database_look(settings, database);
	int look;

	for (look = 1; !changed && look < LOOKS && !interrupted(); look++)
	{
		poll(NULL, 0, LOOK_INTERVAL_MS);
		changed = cluster_database_look(settings, database);
	}
	return changed;
}

/*
 * Back up one database, if it is still there: the list may be hours old.  One
 * that is dropped while it is backed up is not a failure either, and one that is
 * renamed is backed up under its new name.
 */
static void
back_up_database(const Settings *settings, Repository *repository, ClusterDatabase *database,
				 ClusterReport *report, unsigned number, unsigned count)
{
	BackupAttempt attempt;
	bool again = true;
	int tries;

	stop_clear();
	(void) cluster_database_look(settings, database);
	for (tries = 1; again && database->skipped == NULL && !interrupted(); tries++)
	{
		begin_item(number, count, database->printable);
		backup_attempt_run(settings, repository, BACKUP_OF_DATABASE, database->name, &attempt);
		again = attempt.manifest == NULL && !attempt.interrupted && tries < TRIES;
		if (again)
		{
			stop_clear();
			again = has_changed(settings, database);
		}
		if (again)
			backup_attempt_free(&attempt);
		else
		{
			backup_attempt_record(settings, repository, &attempt);
			enter(report, &attempt);
		}
	}
	if (again && database->skipped != NULL)
		enter_skipped(report, repository, database);
	else if (again)
		cluster_report_add(report, BACKUP_OF_DATABASE, database->name)->result = ITEM_INTERRUPTED;
}

static void
back_up_databases(const Settings *settings, Repository *repository, ClusterDatabases *databases,
				  ClusterReport *report)
{
	unsigned count = (unsigned) databases->count + 1;
	BackupAttempt attempt;
	int i;

	begin_item(1, count, "globals");
	backup_attempt_globals(settings, repository, &attempt);
	enter(report, &attempt);
	for (i = 0; i < databases->count; i++)
	{
		ClusterDatabase *database = &databases->items[i];

		if (interrupted())
			cluster_report_add(report, BACKUP_OF_DATABASE, database->name)->result =
				ITEM_INTERRUPTED;
		else if (database->skipped != NULL)
			enter_skipped(report, repository, database);
		else
			back_up_database(settings, repository, database, report, (unsigned) i + 2, count);
	}
}

bool
backup_all(const Settings *settings, Repository *repository)
{
	ClusterReport report = {NULL, 0};
	ClusterDatabases databases;
	char started[32];
	int failed;
	bool good;

	utc_time_write(time(NULL), started);
	if (!cluster_databases(settings, &databases))
		return false;
	progress_bar_start(settings);
	back_up_databases(settings, repository, &databases, &report);
	progress_bar_stop();
	progress_item(0, 0, NULL);
	cluster_report_done(&report, "Backups");
	cluster_report_print(
		&report, settings, "stored",
		json_pack("{s:o, s:s}", "repository", repository_json(repository), "started", started));
	failed = cluster_report_count(&report, ITEM_FAILED);
	log_forget_errors();
	if (failed > 0)
		report_error(EXIT_FAILED, NULL,
					 "The reasons were reported above; the other backups are complete.",
					 "%d of %d backups failed", failed, report.count);
	good = failed == 0 && cluster_report_count(&report, ITEM_INTERRUPTED) == 0;
	if (good)
		interrupt_too_late();
	cluster_report_free(&report);
	cluster_databases_free(&databases);
	return good;
}
