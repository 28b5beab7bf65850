/*-------------------------------------------------------------------------
 *
 * cli_copy.c
 *	  nex_backup copy
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "catalogue.h"
#include "command.h"
#include "command_settings.h"
#include "copy_run.h"
#include "copy_selection.h"
#include "general_settings.h"
#include "interrupt.h"
#include "job_run.h"
#include "keyring.h"
#include "location.h"
#include "log.h"
#include "output.h"
#include "place.h"
#include "place_names.h"
#include "progress_bar.h"
#include "re_encrypt.h"
#include "replica.h"
#include "repository_features.h"
#include "repository_view.h"
#include "restore_settings.h"
#include "settings.h"
#include "shown_value.h"
#include "storage_open.h"
#include "unclear.h"
#include "utc_time.h"
#include "work_settings.h"

/* How often each state was the result. */
#define STATES (COPY_UNTRIED + 1)

typedef struct CopyCommand
{
	const Settings *settings;
	Repository *from;
	Repository *to;  /* NULL: a dry run, and nothing is there */
	json_t *results; /* NULL without --json */
	int count[STATES];
	char newest[BACKUP_ID_SIZE]; /* of those that are there; "": none */
	uint64_t objects;
	uint64_t bytes;
} CopyCommand;

static const char *const state_names[STATES] = {
	[COPY_LEFT_OUT] = "left out", [COPY_PRESENT] = "present",     [COPY_PENDING] = "pending",
	[COPY_DONE] = "copied",       [COPY_COMPLETED] = "completed", [COPY_DAMAGED] = "damaged",
	[COPY_FAILED] = "failed",     [COPY_UNTRIED] = "not tried"};

static void
print_backup(const CopiedBackup *backup)
{
	static const char *const texts[STATES] = {[COPY_PRESENT] = "there already",
											  [COPY_PENDING] = "would be copied",
											  [COPY_DONE] = "copied",
											  [COPY_COMPLETED] =
												  "there already, objects sent again",
											  [COPY_DAMAGED] = "NOT COPIED (damaged)",
											  [COPY_FAILED] = "NOT COPIED",
											  [COPY_UNTRIED] = "NOT COPIED (not tried)"};
	char *label = backup_label(backup->name);

	show_text("%s: %s", label, texts[backup->state]);
	if (backup->state != COPY_PRESENT && backup->state != COPY_UNTRIED)
		show_text(" (%s, %s)", pretty_number_of(backup->objects, "object"),
				  pretty_bytes(backup->bytes));
	show_text("\n");
	fflush(stdout);
	free(label);
}

static json_t *
backup_json(const CopiedBackup *backup)
{
	json_t *value = json_object();

	backup_set_json(value, backup->name);
	json_object_set_new(value, "backup", json_text(backup->name->id));
	json_object_set_new(value, "result", json_string(state_names[backup->state]));
	json_object_set_new(value, "objects_sent", json_count(backup->objects));
	json_object_set_new(value, "bytes_sent", json_count(backup->bytes));
	return value;
}

static void
show_backup(const CopiedBackup *backup, void *argument)
{
	CopyCommand *command = argument;

	bool there = backup->state == COPY_PRESENT || backup->state == COPY_DONE ||
				 backup->state == COPY_COMPLETED;

	if (there && strcmp(backup->name->id, command->newest) > 0)
		snprintf(command->newest, sizeof(command->newest), "%s", backup->name->id);
	command->count[backup->state]++;
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

static int
count_failed(const CopyCommand *command)
{
	return command->count[COPY_DAMAGED] + command->count[COPY_FAILED] +
		   command->count[COPY_UNTRIED];
}

static void
show_sum(CopyCommand *command)
{
	bool dry_run = command->settings->command->dry_run;
	int copied = command->count[dry_run ? COPY_PENDING : COPY_DONE];
	json_t *to;

	if (command->results == NULL)
	{
		show_text("%s %scopied, %d there already, %d not copied; %s (%s) %ssent\n",
				  pretty_number_of((uint64_t) copied, "backup"), dry_run ? "would be " : "",
				  command->count[COPY_PRESENT] + command->count[COPY_COMPLETED],
				  count_failed(command), pretty_number_of(command->objects, "object"),
				  pretty_bytes(command->bytes), dry_run ? "would be " : "");
		fflush(stdout);
		return;
	}
	to = command->to != NULL
			 ? repository_json(command->to)
			 : json_pack(
				   "{s:o, s:o}", "id", json_null(), "location",
				   json_text(place_of(command->settings, command->settings->restore->to).location));
	output_json(json_pack("{s:o, s:o, s:b, s:o, s:i, s:i, s:i, s:o, s:o}", "from",
						  repository_json(command->from), "to", to, "dry_run", dry_run, "backups",
						  command->results, "copied", copied, "present",
						  command->count[COPY_PRESENT] + command->count[COPY_COMPLETED], "failed",
						  count_failed(command), "objects_sent", json_count(command->objects),
						  "bytes_sent", json_count(command->bytes)));
}

/* The backups that are meant. */
static bool
select_backups(const CopyCommand *command, BackupName **names, int *count)
{
	const Settings *settings = command->settings;
	const CopySelection selection = {.names = settings->general->arguments,
									 .nnames = settings->general->narguments,
									 .server = settings->general->server,
									 .kinds = &settings->command->kind,
									 .last = settings->command->last,
									 .since = settings->command->since};

	return copy_select(command->from, &selection, names, count);
}

/* Copy what is meant, and show the sum. */
static bool
copy_selected(CopyCommand *command, const BackupName *names, int count)
{
	const Settings *settings = command->settings;
	const CopyRequest request = {.from = command->from,
								 .to = command->to,
								 .threads = settings->work->jobs,
								 .dry_run = settings->command->dry_run,
								 .copied = show_backup,
								 .argument = command};
	bool good;

	command->results = settings->general->json ? json_array() : NULL;
	progress_bar_start(settings);
	good = settings->command->re_encrypt ? re_encrypt_run(&request, names, count)
										 : copy_run(&request, names, count);
	progress_bar_stop();
	if (command->count[COPY_DONE] > 0)
		output_done("Backups that were copied: %d.", command->count[COPY_DONE]);
	if (!interrupted())
		show_sum(command);
	if ((command->from->features & FEATURE_WAL) != 0)
		log_info("WAL is not copied: \"%s/wal\"", command->from->storage->location);
	/* What may be hidden was not copied. */
	return unclear_report(command->from) && good;
}

/* A job is defined elsewhere than here, where its names and directories are. */
static bool
check_job_place(const char *to)
{
	if (job_run() == NULL || strchr(to, '/') != NULL)
		return true;
	return report_error(EXIT_USAGE, NULL,
						"Add it under \"repositories\", or change the job's option \"to\".",
						"there is no repository \"%s\" in the settings file", to);
}

static bool
check_place(const char *to)
{
	Location location;
	const char *problem = location_parse(to, &location);
	char *shown;

	if (problem == NULL)
	{
		location_free(&location);
		return true;
	}
	shown = shown_value(to);
	report_error(EXIT_USAGE, NULL, problem, "\"%s\" is not a location", shown);
	free(shown);
	return false;
}

static bool
check_re_encrypt(const CommandSettings *settings)
{
	if (settings->re_encrypt && settings->create)
		return report_error(EXIT_USAGE, NULL,
							"Make the other repository with \"nex_backup init\", which knows its "
							"keys.",
							"\"--re-encrypt\" and \"--create\" exclude each other");
	return settings->re_encrypt || !settings->allow_plain ||
		   report_error(EXIT_USAGE, NULL, NULL, "\"--allow-plain\" needs \"--re-encrypt\"");
}

/* The repository to read from, and the one to write to. */
static bool
find_places(const Settings *settings, Place places[2])
{
	Place *from = &places[0];
	Place *to = &places[1];

	*from = settings->command->from != NULL ? place_of(settings, settings->command->from)
											: place_of_repository(settings);
	*to = place_of(settings, settings->restore->to);
	if (from->location == NULL || from->location[0] == '\0')
		return report_error(EXIT_USAGE, NULL, "Name it with --from, or with --repo.",
							"command \"copy\" needs a repository to copy from");
	if (to->location == NULL || to->location[0] == '\0')
		return report_error(EXIT_USAGE, NULL,
							"Name it with --to: a directory, the URL of a bucket, or a repository "
							"of the settings file.",
							"command \"copy\" needs a place to copy to");
	return check_re_encrypt(settings->command) && place_options_meant(settings, places, 2) &&
		   check_place(to->location) && check_job_place(to->location) && places_apart(from, to);
}

/* Open the place, and copy to it. */
static bool
copy_to(CopyCommand *command, const Place *to, const BackupName *names, int count)
{
	const CommandSettings *settings = command->settings->command;
	bool absent = false;

	storage_use(to->storage);
	if (settings->re_encrypt)
		command->to = re_encrypt_open(command->from, to->location, settings->allow_plain);
	else
		command->to =
			replica_open(command->from, to->location, settings->create, settings->dry_run, &absent);
	return (command->to != NULL || absent) && copy_selected(command, names, count);
}

/* Whose they are, if all are of one database or set. */
static const Owner *
common_owner(const BackupName *names, int count)
{
	int i;

	for (i = 1; i < count; i++)
	{
		if (!backup_same_owner(&names[i], &names[0]))
			return NULL;
	}
	return count > 0 ? &names[0].owner : NULL;
}

/* Tell the catalog, also of a place that could not be opened. */
static void
record_copy(const CopyCommand *command, const Place *to, const BackupName *names, int count,
			const char *started)
{
	const Settings *settings = command->settings;
	const CataloguePlace place = {.name = settings->restore->to,
								  .location = to->location,
								  .repository = command->to,
								  .newest = command->newest[0] != '\0' ? command->newest : NULL};
	json_t *payload = catalogue_payload(command->from, common_owner(names, count), NULL, started);

	json_object_set_new(payload, "copied", json_integer(command->count[COPY_DONE]));
	json_object_set_new(payload, "failed", json_integer(count_failed(command)));
	json_object_set_new(payload, "objects_sent", json_count(command->objects));
	json_object_set_new(payload, "bytes_sent", json_count(command->bytes));
	catalogue_add_place(payload, &place);
	catalogue_record(settings, EVENT_COPY, NULL, payload);
}

static bool
run_copy(const Settings *settings)
{
	CopyCommand command = {.settings = settings};
	char started[UTC_EXACT_SIZE];
	BackupName *names = NULL;
	Place places[2];
	int count = 0;
	bool good;

	if (!find_places(settings, places))
		return false;
	if (settings->command->re_encrypt)
		keyring_open_source(settings->command->allow_plain);
	utc_now_exact(started);
	storage_use(places[0].storage);
	command.from = repository_open(places[0].location);
	if (command.from == NULL)
		return false;
	repository_use_server(command.from, settings->general->server,
						  settings->general->server_is_given);
	good = repository_lock_shared(command.from) && select_backups(&command, &names, &count) &&
		   copy_to(&command, &places[1], names, count);
	if (good)
		interrupt_too_late();
	/* The catalog knows copies that are places of a repository. */
	if (!settings->command->dry_run && !settings->command->re_encrypt)
		record_copy(&command, &places[1], names, count, started);
	free(names);
	repository_close(command.to);
	repository_close(command.from);
	return good;
}

const Command command_copy = {
	.name = "copy",
	.summary = "copy backups to another place, byte for byte",
	.arguments = "[DB[/ID]]...",
	.min_arguments = 0,
	.max_arguments = 1000,
	.options = "from to create re-encrypt allow-plain kind last since dry-run jobs",
	.per_call = "from to create re-encrypt allow-plain kind last since dry-run",
	.run = run_copy,
	.is_run = true,
	.opens_backups = true,
	.optional_repository = true,
	.has_two_places = true,
};
