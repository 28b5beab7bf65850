/*-------------------------------------------------------------------------
 *
 * cli_repair.c
 *	  nex_backup repair
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "command.h"
#include "command_settings.h"
#include "copy_selection.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "place.h"
#include "place_names.h"
#include "progress_bar.h"
#include "repair_run.h"
#include "replica.h"
#include "repository_features.h"
#include "repository_view.h"
#include "restore_settings.h"
#include "settings.h"
#include "storage_open.h"
#include "unclear.h"
#include "work_settings.h"

typedef struct RepairCommand
{
	const Settings *settings;
	Repository *to;
	Repository *from;
	json_t *results; /* NULL without --json */
	int repaired;
	int failed;
	uint64_t objects;
	uint64_t bytes;
} RepairCommand;

static void
print_backup(const RepairedBackup *backup)
{
	static const char *const texts[] = {[REPAIR_NOT_NEEDED] = "no damage is known",
										[REPAIR_PENDING] = "would be repaired",
										[REPAIR_DONE] = "repaired",
										[REPAIR_FAILED] = "NOT REPAIRED"};
	char *label = backup_label(backup->name);

	show_text("%s: %s", label, texts[backup->state]);
	if (backup->state != REPAIR_NOT_NEEDED)
		show_text(" (%s, %s%s%s)", pretty_number_of(backup->objects, "object"),
				  pretty_bytes(backup->bytes), backup->manifest ? ", manifest" : "",
				  backup->listing ? ", list of digests" : "");
	if (backup->shared > 0)
		show_text("; %s with a backup above", pretty_number_of(backup->shared, "object"));
	if (backup->lost > 0)
		show_text("; %s still missing or damaged", pretty_number_of(backup->lost, "object"));
	show_text("\n");
	fflush(stdout);
	free(label);
}

static json_t *
backup_json(const RepairedBackup *backup)
{
	static const char *const names[] = {[REPAIR_NOT_NEEDED] = "good",
										[REPAIR_PENDING] = "pending",
										[REPAIR_DONE] = "repaired",
										[REPAIR_FAILED] = "failed"};
	json_t *value = json_object();

	backup_set_json(value, backup->name);
	json_object_set_new(value, "backup", json_text(backup->name->id));
	json_object_set_new(value, "result", json_string(names[backup->state]));
	json_object_set_new(value, "manifest", json_boolean(backup->manifest));
	json_object_set_new(value, "listing", json_boolean(backup->listing));
	json_object_set_new(value, "objects_sent", json_count(backup->objects));
	json_object_set_new(value, "bytes_sent", json_count(backup->bytes));
	json_object_set_new(value, "objects_shared", json_count(backup->shared));
	json_object_set_new(value, "objects_lost", json_count(backup->lost));
	return value;
}

static void
show_backup(const RepairedBackup *backup, void *argument)
{
	RepairCommand *command = argument;

	command->repaired += backup->state == REPAIR_DONE || backup->state == REPAIR_PENDING;
	command->failed += backup->state == REPAIR_FAILED;
	command->objects += backup->objects;
	command->bytes += backup->bytes;
	if (command->results != NULL)
		json_array_append_new(command->results, backup_json(backup));
	else
	{
		progress_bar_stop();
		print_backup(backup);
		progress_bar_start(command->settings);
	}
}

static void
show_sum(RepairCommand *command)
{
	bool dry_run = command->settings->command->dry_run;

	if (command->results != NULL)
		output_json(json_pack(
			"{s:o, s:o, s:b, s:o, s:i, s:i, s:o, s:o}", "from", repository_json(command->from),
			"to", repository_json(command->to), "dry_run", dry_run, "backups", command->results,
			"repaired", command->repaired, "failed", command->failed, "objects_sent",
			json_count(command->objects), "bytes_sent", json_count(command->bytes)));
	else
		show_text("%s %srepaired, %d not; %s (%s) %ssent\n",
				  pretty_number_of((uint64_t) command->repaired, "backup"),
				  dry_run ? "would be " : "", command->failed,
				  pretty_number_of(command->objects, "object"), pretty_bytes(command->bytes),
				  dry_run ? "would be " : "");
	fflush(stdout);
	if (!dry_run && command->repaired > 0)
		log_info("\"nex_backup verify\" shows whether all is well now, and records it");
	if ((command->to->features & FEATURE_WAL) != 0)
		log_info("WAL is not repaired: \"%s/wal\"", command->to->storage->location);
}

static bool
repair_selected(RepairCommand *command)
{
	const Settings *settings = command->settings;
	const CopySelection selection = {.names = settings->general->arguments,
									 .nnames = settings->general->narguments,
									 .server = settings->general->server,
									 .kinds = &settings->command->kind};
	const RepairRequest request = {.to = command->to,
								   .from = command->from,
								   .threads = settings->work->jobs,
								   .dry_run = settings->command->dry_run,
								   .repaired = show_backup,
								   .argument = command};
	BackupName *names = NULL;
	int count = 0;
	bool good = copy_select(command->to, &selection, &names, &count);

	if (good)
	{
		command->results = settings->general->json ? json_array() : NULL;
		progress_bar_start(settings);
		good = repair_run(&request, names, count);
		progress_bar_stop();
		if (!settings->command->dry_run && command->objects > 0)
			output_done("Objects that were brought back: %llu.",
						(unsigned long long) command->objects);
		if (!interrupted())
			show_sum(command);
	}
	free(names);
	return unclear_report(command->to) && good;
}

/* Open both; false (reported) if they are not places of one repository. */
static bool
open_places(RepairCommand *command, const Place *to, const Place *from)
{
	const Settings *settings = command->settings;
	bool dry_run = settings->command->dry_run;
	bool repaired;

	storage_use(from->storage);
	command->from = repository_open(from->location);
	storage_use(to->storage);
	if (command->from == NULL ||
		!replica_repair_header(command->from, to->location, dry_run, &repaired))
		return false;
	if (repaired)
		log_info("nex_backup.json %s brought back to \"%s\"", dry_run ? "would be" : "was",
				 to->location);
	command->to = repository_open(to->location);
	if (command->to == NULL)
		return false;
	repository_use_server(command->to, settings->general->server,
						  settings->general->server_is_given);
	if (strcmp(command->from->id, command->to->id) != 0)
		return report_error(EXIT_FAILED, NULL,
							"Name a place that it was copied to, or from, by \"nex_backup copy\".",
							"\"%s\" is another repository than \"%s\"", from->location,
							to->location);
	return replica_check_writer(command->from, command->to) &&
		   repository_lock_shared(command->from);
}

/* The repository that is repaired, and the one to read from. */
static bool
find_places(const Settings *settings, Place places[2])
{
	Place *to = &places[0];
	Place *from = &places[1];

	*to = settings->restore->to != NULL ? place_of(settings, settings->restore->to)
										: place_of_repository(settings);
	*from = place_of(settings, settings->command->from);
	if (to->location == NULL || to->location[0] == '\0')
		return report_error(EXIT_USAGE, NULL, "Name it with --to, or with --repo.",
							"command \"repair\" needs a repository to repair");
	if (from->location == NULL || from->location[0] == '\0')
		return report_error(EXIT_USAGE, NULL,
							"Name it with --from: a directory, the URL of a bucket, or a "
							"repository of the settings file.",
							"command \"repair\" needs another place of the repository");
	return place_options_meant(settings, places, 2) && places_apart(from, to);
}

static bool
run_repair(const Settings *settings)
{
	RepairCommand command = {.settings = settings};
	Place places[2];
	bool good = find_places(settings, places) && open_places(&command, &places[0], &places[1]) &&
				repair_selected(&command);

	if (good)
		interrupt_too_late();
	repository_close(command.from);
	repository_close(command.to);
	return good;
}

const Command command_repair = {
	.name = "repair",
	.summary = "bring back what is damaged from another place",
	.arguments = "[DB[/ID]]...",
	.min_arguments = 0,
	.max_arguments = 1000,
	.options = "from to kind dry-run jobs",
	.per_call = "from to kind dry-run",
	.run = run_repair,
	.opens_backups = true,
	.is_run = true,
	.optional_repository = true,
	.has_two_places = true,
};
