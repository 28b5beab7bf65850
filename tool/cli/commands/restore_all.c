/*-------------------------------------------------------------------------
 *
 * restore_all.c
 *	  nex_backup restore --all: roles and tablespaces, then one database
 *	  after the other, and at the very end what changes the role that we are
 *	  connected as.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_all.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster_report.h"
#include "cluster_target.h"
#include "globals_report.h"
#include "globals_restore.h"
#include "interrupt.h"
#include "log.h"
#include "object_errors.h"
#include "memory.h"
#include "output.h"
#include "progress.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "restore.h"
#include "restore_record.h"
#include "restore_settings.h"
#include "settings.h"
#include "unknown_members.h"
#include "utc_time.h"

typedef struct RestoreAll
{
	const Settings *settings;
	Settings each;           /* the same for one database of them … */
	RestoreSettings restore; /* … with these */
	Repository *repository;
	ClusterTarget target;
	GlobalsRequest wanted;   /* of the globals */
	GlobalsRestore *globals; /* NULL: without them */
	GlobalsResult done;      /* to them */
	ClusterReport report;
	unsigned items;
	bool damage; /* a backup is damaged */
	char started[32];
} RestoreAll;

static double
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Take down how an item ended.  It is there, but not all of it, if an error was reported
 * nevertheless. */
static void
finish_item(RestoreAll *all, ReportItem *item, bool good, double start)
{
	item->seconds = now_seconds() - start;
	item->result = good && log_exit_code() == EXIT_DONE ? ITEM_OK
				   : good                               ? ITEM_INCOMPLETE
				   : interrupted()                      ? ITEM_INTERRUPTED
														: ITEM_FAILED;
	if (item->result == ITEM_OK)
		return;
	item->exit_code = interrupted() ? EXIT_INTERRUPTED : (int) log_exit_code();
	all->damage |= item->exit_code == EXIT_INTEGRITY;
	if (item->result == ITEM_INTERRUPTED)
		return;
	item->reason =
		xstrdup(log_first_error() != NULL ? log_first_error() : "see the messages above");
	cluster_report_explain(item);
}

/* See that the globals can be restored, before anything is changed. */
static bool
plan_globals(RestoreAll *all)
{
	if (all->settings->restore->no_globals)
		return true;
	if (all->target.globals == NULL)
		return report_error(EXIT_FAILED, NULL,
							"Create the roles yourself and use --no-globals; for the next time, "
							"\"nex_backup backup --all\" backs the globals up.",
							"there is no backup of the globals%s in \"%s\"",
							all->settings->restore->at != NULL ? " from that time or earlier" : "",
							all->repository->storage->location);
	all->wanted = (GlobalsRequest){.settings = all->settings,
								   .repository = all->repository,
								   .of_cluster = all->target.globals};
	all->globals = globals_restore_plan(&all->wanted, &all->done);
	return all->globals != NULL;
}

static bool
restore_globals(RestoreAll *all)
{
	double start = now_seconds();
	char started[UTC_EXACT_SIZE];
	ReportItem *item;
	bool good;

	if (all->settings->restore->no_globals)
		return true;
	utc_now_exact(started);
	progress_item(1, all->items, "globals");
	good = globals_restore_execute(all->globals);
	restore_record_globals(&all->wanted, &all->done, good && log_exit_code() == EXIT_DONE, started);
	item = cluster_report_add(&all->report, BACKUP_OF_GLOBALS, NULL);
	item->backup = xstrdup(all->done.backup.id);
	item->bytes = all->done.manifest->totals.raw_bytes;
	item->more = globals_restore_json(&all->done);
	finish_item(all, item, good, start);
	globals_restore_disconnect(all->globals);
	return good;
}

static void
restore_database(RestoreAll *all, ClusterTargetItem *database)
{
	const RestoreRequest request = {
		.settings = &all->each, .repository = all->repository, .of_cluster = &database->backup};
	double start = now_seconds();
	char started[UTC_EXACT_SIZE];
	RestoreResult result;
	ReportItem *item;
	bool done;
	bool good;

	stop_clear();
	log_forget_errors();
	utc_now_exact(started);
	done = restore_run(&request, database->manifest, &result);
	database->manifest = NULL;
	good = done && (!result.incomplete || object_errors_report(&result));
	item = cluster_report_add(&all->report, BACKUP_OF_DATABASE, database->backup.owner.name);
	item->backup = xstrdup(database->backup.id);
	item->has_rows = true;
	item->rows = result.rows;
	if (result.manifest != NULL)
		item->bytes = result.manifest->totals.raw_bytes;
	item->more = json_pack("{s:I, s:I}", "rows", (json_int_t) item->rows, "raw_bytes",
						   (json_int_t) item->bytes);
	finish_item(all, item, good, start);
	if (done && result.incomplete && item->result == ITEM_FAILED)
		item->result = ITEM_INCOMPLETE;
	if (result.begun)
		restore_record(&request, &result, good && log_exit_code() == EXIT_DONE, started);
	restore_result_free(&result);
}

static void
restore_databases(RestoreAll *all)
{
	int i;

	for (i = 0; i < all->target.count; i++)
	{
		ClusterTargetItem *database = &all->target.items[i];

		if (interrupted())
		{
			cluster_report_add(&all->report, BACKUP_OF_DATABASE, database->backup.owner.name)
				->result = ITEM_INTERRUPTED;
			continue;
		}
		progress_item((unsigned) i + (all->settings->restore->no_globals ? 1 : 2), all->items,
					  database->printable);
		restore_database(all, database);
	}
}

/* What changes our own role: after that we might not get in any more. */
static bool
finish_globals(RestoreAll *all)
{
	if (all->settings->restore->no_globals || interrupted())
		return true;
	stop_clear();
	return globals_restore_finish(all->globals);
}

/* See that no backup holds SQL of unknown form, before anything is changed. */
static bool
check_statements(RestoreAll *all)
{
	bool good = true;
	int i;

	for (i = 0; i < all->target.count && good && !interrupted(); i++)
	{
		const Manifest *manifest = all->target.items[i].manifest;

		if (manifest != NULL)
			good = unknown_members_refuse_early(all->settings, all->repository, manifest);
	}
	return good && !interrupted();
}

/* Check all, then do all; the report tells the rest. */
static bool
run_all(RestoreAll *all)
{
	repository_warn_header(all->repository);
	if (!repository_lock_shared(all->repository) ||
		!cluster_target_plan(&all->target, all->settings, all->repository) ||
		!check_statements(all) || !plan_globals(all))
		return false;
	all->items = (unsigned) all->target.count + (all->settings->restore->no_globals ? 0 : 1);
	if (restore_globals(all))
	{
		bool stopped;

		restore_databases(all);
		log_forget_errors();
		stopped = interrupted() && !all->settings->restore->no_globals;
		if (!finish_globals(all))
			return false;
		if (!stopped && cluster_report_count(&all->report, ITEM_INTERRUPTED) == 0)
			interrupt_too_late();
		return true;
	}
	return false;
}

static bool
report_all(RestoreAll *all, bool good)
{
	int failed = cluster_report_count(&all->report, ITEM_FAILED);
	int incomplete = cluster_report_count(&all->report, ITEM_INCOMPLETE);

	cluster_report_done(&all->report, "Restores");
	if (all->report.count > 0)
		cluster_report_print(&all->report, all->settings, "size",
							 json_pack("{s:o, s:s}", "repository", repository_json(all->repository),
									   "started", all->started));
	if (failed + incomplete == 0 || !good)
		return good && !interrupt_counts();
	if (failed == 0)
		return report_error(
			all->damage ? EXIT_INTEGRITY : EXIT_FAILED, NULL,
			"The messages name the statements that could not be run, or files that have them.",
			"%d of %d restores are incomplete", incomplete, all->report.count);
	return report_error(all->damage ? EXIT_INTEGRITY : EXIT_FAILED, NULL,
						"Remove the causes that the messages name; then \"nex_backup restore DB\" "
						"restores what is missing.",
						"%d of %d restores failed", failed, all->report.count);
}

bool
restore_all(const Settings *settings, Repository *repository)
{
	RestoreAll all;
	bool good;

	memset(&all, 0, sizeof(all));
	all.settings = settings;
	all.repository = repository;
	utc_time_write(time(NULL), all.started);

	/* Only what is empty is ever replaced, so the old one need not be kept. */
	all.restore = *settings->restore;
	all.restore.discard_old = true;
	all.each = *settings;
	all.each.restore = &all.restore;
	progress_bar_start(settings);
	good = run_all(&all);
	progress_bar_stop();
	progress_item(0, 0, NULL);
	good = report_all(&all, good);
	globals_restore_free(all.globals);
	globals_result_free(&all.done);
	cluster_target_free(&all.target);
	cluster_report_free(&all.report);
	return good;
}
