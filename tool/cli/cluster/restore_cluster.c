/*-------------------------------------------------------------------------
 *
 * restore_cluster.c
 *	  nex_backup restore --cluster: what is asked, and what is told.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_cluster.h"

#include <stdlib.h>

#include "base_report.h"
#include "cluster_settings.h"
#include "command_settings.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "place_settings.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "settings.h"
#include "wal_position.h"

/* "timeline 1 from 0/3000028, timeline 2 from 0/5000000" */
static char *
path_text(const RecoveryPath *path)
{
	char lsn[WAL_POSITION_SIZE];
	Buffer text;
	int i;

	buffer_init(&text);
	for (i = 0; i < path->count; i++)
	{
		wal_lsn_print(path->steps[i].begin, lsn);
		buffer_printf(&text, "%stimeline %u from %s on", i > 0 ? ", " : "", path->steps[i].timeline,
					  lsn);
	}
	return buffer_detach(&text);
}

static void
segment_name(const RecoveryPlan *plan, uint64_t number, WalName *name)
{
	*name = recovery_path_segment(&plan->path, number)->name;
}

/* Where the server stops, in words. */
static char *
end_text(const RecoveryPlan *plan)
{
	char lsn[WAL_POSITION_SIZE];
	bool before = plan->target.exclusive || plan->target.kind == TARGET_TIME;

	if (plan->target.kind == TARGET_END)
		return xstrdup("at the end of the archived WAL");
	if (plan->target.kind == TARGET_IMMEDIATE)
	{
		wal_lsn_print(plan->base->cluster.stop, lsn);
		return xasprintf("at %s, where the base backup is consistent", lsn);
	}
	wal_lsn_print(plan->at.lsn, lsn);
	return xasprintf("%s the record at %s", before ? "before" : "behind", lsn);
}

void
recovery_plan_show(const ClusterRestore *restore)
{
	const RecoveryPlan *plan = &restore->plan;
	const ManifestCluster *cluster = &plan->base->cluster;
	uint64_t lost = plan->path.last - plan->last_segment;
	char *path = path_text(&plan->path);
	char *end = end_text(plan);
	char time[TARGET_TIME_SIZE];
	WalName first;
	WalName last;
	size_t later;
	uint32_t i;

	segment_name(plan, plan->path.first, &first);
	segment_name(plan, plan->last_segment, &last);
	show_text("Base backup  %s, consistent from %s on\n", plan->base->id, plan->base->snapshot_at);
	show_text("Files        %s, %s\n", pretty_number_of(cluster->files, "file"),
			  pretty_bytes(restore->content.bytes));
	show_text("WAL          %s to %s: %s, stored as %s\n", first.text, last.text,
			  pretty_number_of(plan->last_segment - plan->path.first + 1, "segment"),
			  pretty_bytes(recovery_plan_wal_bytes(plan)));
	show_text("Path         %s\n", path);
	show_text("Ends         %s\n", end);
	if (plan->has_last)
	{
		recovery_time_text(plan->last.time, time);
		show_text("             the last transaction is that of %s\n", time);
	}
	if (plan->has_newest && (!plan->has_last || plan->newest.lsn > plan->last.lsn))
	{
		recovery_time_text(plan->newest.time, time);
		show_text("Left out     what comes later, up to the transaction of %s: %s\n", time,
				  pretty_number_of(lost, "segment"));
	}
	else if (!plan->has_newest && lost > 0)
		show_text("Left out     what comes later: %s\n", pretty_number_of(lost, "segment"));
	if (restore->target.path != NULL)
		show_text("To           %s\n", restore->target.path);
	for (i = 0; restore->target.path != NULL && i < cluster->ntablespaces; i++)
		show_text("Tablespace   %s\n",
				  data_directory_of_tablespace(&restore->target, &cluster->tablespaces[i]));
	for (later = 0; later < restore->later.count; later++)
		show_text("Tablespace   %s, created by the recovery\n", restore->later.items[later].path);
	if (cluster->damaged > 0)
		show_text("DAMAGED      %s of the server, when the base backup was made\n",
				  pretty_number_of(cluster->damaged, "page"));
	free(end);
	free(path);
}

static json_t *
event_json(bool known, const WalEvent *event)
{
	char time[TARGET_TIME_SIZE];
	char lsn[WAL_POSITION_SIZE];

	if (!known)
		return json_null();
	recovery_time_text(event->time, time);
	wal_lsn_print(event->lsn, lsn);
	return json_pack("{s:s, s:o, s:i}", "lsn", lsn, "time",
					 event->kind != WAL_EVENT_OTHER ? json_string(time) : json_null(), "xid",
					 (int) event->xid);
}

static json_t *
later_json(const LaterTablespaces *later)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < later->count; i++)
	{
		char lsn[WAL_POSITION_SIZE];

		wal_lsn_print(later->items[i].lsn, lsn);
		json_array_append_new(array,
							  json_pack("{s:I, s:o, s:s}", "oid", (json_int_t) later->items[i].oid,
										"path", json_text(later->items[i].path), "lsn", lsn));
	}
	return array;
}

json_t *
recovery_plan_json(const ClusterRestore *restore, bool done)
{
	const RecoveryPlan *plan = &restore->plan;
	json_t *steps = json_array();
	json_t *value = base_report_json(plan->base);
	WalName first;
	WalName last;
	int i;

	segment_name(plan, plan->path.first, &first);
	segment_name(plan, plan->last_segment, &last);
	for (i = 0; i < plan->path.count; i++)
	{
		char lsn[WAL_POSITION_SIZE];

		wal_lsn_print(plan->path.steps[i].begin, lsn);
		json_array_append_new(steps,
							  json_pack("{s:I, s:s}", "timeline",
										(json_int_t) plan->path.steps[i].timeline, "from", lsn));
	}
	json_object_set_new(value, "backup", json_text(plan->base->id));
	json_object_set_new(value, "restored", json_boolean(done));
	json_object_set_new(value, "bytes", json_count(restore->content.bytes));
	json_object_set_new(value, "path", steps);
	json_object_set_new(value, "first_segment", json_string(first.text));
	json_object_set_new(value, "last_segment", json_string(last.text));
	json_object_set_new(value, "segments", json_count(plan->last_segment - plan->path.first + 1));
	json_object_set_new(value, "segments_left_out",
						json_count(plan->path.last - plan->last_segment));
	json_object_set_new(value, "stops_at", event_json(plan->found, &plan->at));
	json_object_set_new(value, "last_transaction", event_json(plan->has_last, &plan->last));
	json_object_set_new(value, "newest_transaction", event_json(plan->has_newest, &plan->newest));
	json_object_set_new(value, "tablespaces_created", later_json(&restore->later));
	if (restore->target.path != NULL)
		json_object_set_new(value, "data_dir", json_text(restore->target.path));
	json_object_set_new(value, "restore_command", json_text(restore->command));
	return value;
}

/* A file or directory of the server, as an option for it: "-c hba_file=/new/pg_hba.conf". */
static void
add_place(Buffer *options, const char *setting, const char *path, const char *file)
{
	char *word = xasprintf("%s=%s%s", setting, path, file);

	buffer_append_string(options, options->length > 0 ? " -c " : "-c ");
	quote_shell_word(options, word);
	free(word);
}

/*
 * A postgresql.conf that names the directory of the old server, as Debian's does, would start that
 * one, whatever -D says; options come before it.
 */
static void
print_start(const ClusterRestore *restore)
{
	const char *path = restore->target.path;
	Buffer options;
	Buffer word;

	buffer_init(&options);
	buffer_init(&word);
	quote_shell_word(&word, path);
	show_text("\nStart it, and it recovers:\n  pg_ctl -D %s -l %s.log", word.data, word.data);
	if (restore->elsewhere)
	{
		add_place(&options, "data_directory", path, "");
		/* Those that somebody puts there; that the server had others, initdb's may still lie there.
		 */
		if (!restore->plan.base->cluster.complete)
		{
			add_place(&options, "hba_file", path, "/pg_hba.conf");
			add_place(&options, "ident_file", path, "/pg_ident.conf");
		}
		add_place(&options, "external_pid_file", "", "");
		buffer_reset(&word);
		quote_shell_word(&word, options.data);
		show_text(" -o %s", word.data);
	}
	show_text(" start\n");
	if (!restore->plan.base->cluster.complete)
		show_text(
			"Its settings are not in the data directory: put postgresql.conf, pg_hba.conf and "
			"pg_ident.conf there first.\n");
	if (restore->elsewhere)
		show_text(
			"Do not leave out the options after -o: postgresql.conf may name the directories of "
			"the old server, which would be started instead.\n");
	if (restore->access_elsewhere)
		show_text("Its postgresql.conf names the files that say who may connect (hba_file, "
				  "ident_file): see that they are on this machine.\n");
	buffer_free(&options);
	buffer_free(&word);
}

static void
print_next(const ClusterRestore *restore)
{
	print_start(restore);
	if (restore->plan.target.kind != TARGET_END &&
		restore->settings->cluster->action == ACTION_PAUSE)
		show_text("It stops there, read-only. To go on from there, if it is the right moment:\n"
				  "  SELECT pg_wal_replay_resume();\n");
	show_text("If it takes the place of the old server, have it archive again, and make a base "
			  "backup:\n  ALTER SYSTEM SET archive_mode = on; -- then restart it\n");
}

static bool
run(const Settings *settings, Repository *repository, const char *base, bool json,
	ClusterRestore *restore)
{
	bool dry = settings->command->dry_run;
	bool good;

	progress_bar_start(settings);
	good = repository_lock_shared(repository) &&
		   cluster_restore_look(restore, settings, repository, base) &&
		   cluster_restore_check(restore);
	progress_bar_stop();
	if (!good)
		return false;
	if (!json)
		recovery_plan_show(restore);
	if (!dry)
	{
		progress_bar_start(settings);
		good = cluster_restore_execute(restore);
		progress_bar_stop();
	}
	if (!good)
		return false;
	interrupt_too_late();
	if (!dry)
		output_done("The cluster of base backup %s was restored to \"%s\".", restore->plan.base->id,
					restore->target.path);
	if (json)
		output_json(recovery_plan_json(restore, !dry));
	else if (!dry)
		print_next(restore);
	return true;
}

bool
restore_cluster(const Settings *settings, const char *base, bool json)
{
	ClusterRestore restore = {.target.directory = -1};
	Repository *repository;
	bool good;

	if (settings->cluster->data_dir == NULL)
		return report_error(EXIT_USAGE, NULL, NULL,
							"\"restore --cluster\" needs --data-dir, the directory to make");
	if (settings->places->others.count > 0)
		return report_error(EXIT_USAGE, NULL, "Name the one that has the archived WAL.",
							"\"restore --cluster\" takes one --repo");
	repository = open_repository(settings);
	if (repository == NULL)
		return false;
	good = run(settings, repository, base, json, &restore);
	cluster_restore_free(&restore);
	repository_close(repository);
	return good;
}
