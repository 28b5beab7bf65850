/*-------------------------------------------------------------------------
 *
 * cli_copy.c
 *	  nex_backup copy
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "backup_summary.h"
#include "command.h"
#include "command_settings.h"
#include "copy_run.h"
#include "copy_selection.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "progress_bar.h"
#include "replica.h"
#include "repository_view.h"
#include "restore_settings.h"
#include "settings.h"
#include "unclear.h"
#include "work_settings.h"

/* How often each state was the result. */
#define STATES (COPY_FAILED + 1)

typedef struct CopyCommand
{
	const Settings *settings;
	Repository *from;
	Repository *to;  /* NULL: a dry run, and nothing is there */
	json_t *results; /* NULL without --json */
	int count[STATES];
	uint64_t objects;
	uint64_t bytes;
} CopyCommand;

static const char *const state_names[STATES] = {
	[COPY_LEFT_OUT] = "left out", [COPY_PRESENT] = "present",     [COPY_PENDING] = "pending",
	[COPY_DONE] = "copied",       [COPY_COMPLETED] = "completed", [COPY_DAMAGED] = "damaged",
	[COPY_FAILED] = "failed"};

static void
print_backup(const CopiedBackup *backup)
{
	static const char *const texts[STATES] = {[COPY_PRESENT] = "there already",
											  [COPY_PENDING] = "would be copied",
											  [COPY_DONE] = "copied",
											  [COPY_COMPLETED] =
												  "there already, objects sent again",
											  [COPY_DAMAGED] = "NOT COPIED (damaged)",
											  [COPY_FAILED] = "NOT COPIED"};
	char *label = backup_label(backup->name);

	show_text("%s: %s", label, texts[backup->state]);
	if (backup->state != COPY_PRESENT && backup->state != COPY_FAILED)
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
				  command->count[COPY_DAMAGED] + command->count[COPY_FAILED],
				  pretty_number_of(command->objects, "object"), pretty_bytes(command->bytes),
				  dry_run ? "would be " : "");
		fflush(stdout);
		return;
	}
	to = command->to != NULL ? repository_json(command->to)
							 : json_pack("{s:o, s:o}", "id", json_null(), "location",
										 json_text(command->settings->restore->to));
	output_json(json_pack(
		"{s:o, s:o, s:b, s:o, s:i, s:i, s:i, s:o, s:o}", "from", repository_json(command->from),
		"to", to, "dry_run", dry_run, "backups", command->results, "copied", copied, "present",
		command->count[COPY_PRESENT] + command->count[COPY_COMPLETED], "failed",
		command->count[COPY_DAMAGED] + command->count[COPY_FAILED], "objects_sent",
		json_count(command->objects), "bytes_sent", json_count(command->bytes)));
}

/* Copy what is meant, and show the sum. */
static bool
copy_selected(CopyCommand *command)
{
	const Settings *settings = command->settings;
	const CopySelection selection = {.names = settings->general->arguments,
									 .nnames = settings->general->narguments,
									 .server = settings->general->server,
									 .kinds = &settings->command->kind,
									 .last = settings->command->last};
	const CopyRequest request = {.from = command->from,
								 .to = command->to,
								 .threads = settings->work->jobs,
								 .dry_run = settings->command->dry_run,
								 .since = settings->command->since,
								 .copied = show_backup,
								 .argument = command};
	BackupName *names = NULL;
	int count = 0;
	bool good = copy_select(command->from, &selection, &names, &count);

	if (good)
	{
		command->results = settings->general->json ? json_array() : NULL;
		progress_bar_start(settings);
		good = copy_run(&request, names, count);
		progress_bar_stop();
		if (command->count[COPY_DONE] > 0)
			output_done("Backups that were copied: %d.", command->count[COPY_DONE]);
		if (!interrupted())
			show_sum(command);
	}
	free(names);
	/* What may be hidden was not copied. */
	return unclear_report(command->from) && good;
}

/* The repository to read from, and the one to write to. */
static bool
find_places(const Settings *settings, const char **from, const char **to)
{
	*from = settings->command->from != NULL ? settings->command->from : settings->general->repo;
	*to = settings->restore->to;
	if (*from == NULL || (*from)[0] == '\0')
		return report_error(EXIT_USAGE, NULL, "Name it with --from, or with --repo.",
							"command \"copy\" needs a repository to copy from");
	if (*to == NULL || (*to)[0] == '\0')
		return report_error(EXIT_USAGE, NULL,
							"Name it with --to: a directory, or the URL of a bucket.",
							"command \"copy\" needs a place to copy to");
	return true;
}

static bool
run_copy(const Settings *settings)
{
	CopyCommand command = {.settings = settings};
	const char *from;
	const char *to;
	bool absent = false;
	bool good;

	if (!find_places(settings, &from, &to))
		return false;
	command.from = repository_open(from);
	if (command.from == NULL)
		return false;
	repository_use_server(command.from, settings->general->server,
						  settings->general->server_is_given);
	good = repository_lock_shared(command.from);
	if (good)
	{
		command.to = replica_open(command.from, to, settings->command->dry_run, &absent);
		good = command.to != NULL || absent;
	}
	good = good && copy_selected(&command);
	if (good)
		interrupt_too_late();
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
	.options = "from to kind last since dry-run jobs",
	.per_call = "from to kind last since dry-run",
	.run = run_copy,
	.is_run = true,
	.opens_backups = true,
	.optional_repository = true,
};
