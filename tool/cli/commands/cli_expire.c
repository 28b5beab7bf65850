/*-------------------------------------------------------------------------
 *
 * cli_expire.c
 *	  nex_backup expire
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalogue.h"
#include "command.h"
#include "command_settings.h"
#include "condemned.h"
#include "expire.h"
#include "expire_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "output.h"
#include "repository_view.h"
#include "settings.h"
#include "utc_time.h"
#include "wal_expiry.h"

/* Until when the last of them is, as far as is known. */
static const char *
locked_until_text(const Leftovers *leftovers, char text[UTC_TIME_SIZE])
{
	if (leftovers->locked_until == 0)
		return "a later time";
	utc_time_text(leftovers->locked_until, text);
	return text;
}

/* WAL that no base backup needs.  What has been removed of it is counted with the leftovers. */
static void
print_wal(const ExpireResult *expiry, const char *removed)
{
	const Leftovers *leftovers = &expiry->leftovers;
	size_t i;

	for (i = 0; i < expiry->nwal; i++)
	{
		const ExpiredWal *wal = &expiry->wal[i];

		show_text("WAL of system identifier %" PRIu64 ", timeline %u: %s to %s, which no base "
				  "backup needs\n",
				  wal->system_identifier, wal->timeline, wal->first, wal->last);
	}
	if (expiry->wal_reason != NULL)
		show_text("WAL was left alone: %s\n", expiry->wal_reason);
	if (expiry->nwal > 0)
		show_text("%s (%s) %s\n", pretty_number_of(leftovers->number[LEFTOVER_WAL], "WAL file"),
				  pretty_bytes(leftovers->bytes[LEFTOVER_WAL]), removed);
}

static void
print_text(const Settings *settings, const ExpireResult *expiry)
{
	static const char *const headings[4] = {"database", "backup", "verdict", "why"};
	const Leftovers *leftovers = &expiry->leftovers;
	const char *removed = settings->command->dry_run ? "would be removed" : "removed";
	char until[UTC_TIME_SIZE];
	TextTable *table;
	int i;

	show_text("keep: daily %d, weekly %d, monthly %d, yearly %d, minimum %d (days in UTC)%s%s\n",
			  settings->expire->keep_daily, settings->expire->keep_weekly,
			  settings->expire->keep_monthly, settings->expire->keep_yearly,
			  settings->expire->keep_minimum,
			  settings->expire->keep_pitr > 0 ? "; any moment of the last " : "",
			  settings->expire->keep_pitr > 0 ? pretty_duration(settings->expire->keep_pitr) : "");
	if (expiry->count > 0)
	{
		table = text_table_create(4, headings, "llll");
		for (i = 0; i < expiry->count; i++)
		{
			const RetentionBackup *backup = &expiry->backups[i];
			const char *cells[4] = {"", backup->id, backup->keep ? "keep" : "remove",
									backup->reason};
			char *owner = backup_owner_cell(&expiry->names[i]);

			cells[0] = owner;
			text_table_row(table, cells);
			free(owner);
		}
		text_table_print(table);
	}
	show_text("%d of %s %s\n", expiry->nremoved,
			  pretty_number_of((uint64_t) expiry->count, "backup"), removed);
	if (expiry->objects_reason != NULL)
		show_text("objects were left alone: %s\n", expiry->objects_reason);
	else
		show_text("%s (%s) and %s %s\n",
				  pretty_number_of(leftovers->number[LEFTOVER_OBJECT], "object"),
				  pretty_bytes(leftovers->bytes[LEFTOVER_OBJECT]),
				  pretty_number_of(leftovers->number[LEFTOVER_TEMPORARY] +
									   leftovers->number[LEFTOVER_COMPANION],
								   "other leftover file"),
				  removed);
	print_wal(expiry, removed);
	if (expiry->nlocked > 0)
		show_text("%s stay until the end of their locks\n",
				  pretty_number_of((uint64_t) expiry->nlocked, "backup"));
	if (leftovers->locked > 0)
		show_text("%s (%s) could not be removed yet: locked until %s\n",
				  pretty_number_of(leftovers->locked, "file"),
				  pretty_bytes(leftovers->locked_bytes), locked_until_text(leftovers, until));
	if (expiry->hidden)
		show_text("the bucket keeps what was removed as older versions, until a rule of its own "
				  "removes these\n");
	if (leftovers->waiting > 0)
		show_text("%s (%s) will be removed by an expire after %d hours\n",
				  pretty_number_of(leftovers->waiting, "file"),
				  pretty_bytes(leftovers->waiting_bytes), CONDEMNED_SECONDS / 3600);
	fflush(stdout);
}

/* Since when it is in use at each expire; null: it is not. */
static json_t *
in_use_json(const ExpireResult *expiry)
{
	char text[32];

	if (expiry->in_use_since == 0)
		return json_null();
	utc_time_write((time_t) expiry->in_use_since, text);
	return json_string(text);
}

static json_t *
wal_json(const ExpireResult *expiry)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < expiry->nwal; i++)
	{
		const ExpiredWal *wal = &expiry->wal[i];
		char id[24];

		snprintf(id, sizeof(id), "%" PRIu64, wal->system_identifier);
		json_array_append_new(array,
							  json_pack("{s:s, s:I, s:s, s:s, s:o, s:o}", "system_identifier", id,
										"timeline", (json_int_t) wal->timeline, "first", wal->first,
										"last", wal->last, "segments", json_count(wal->segments),
										"bytes", json_count(wal->bytes)));
	}
	return array;
}

static void
print_json(const Settings *settings, const Repository *repository, const ExpireResult *expiry)
{
	const Leftovers *leftovers = &expiry->leftovers;
	json_t *result = json_object();
	json_t *backups = json_array();
	int i;

	for (i = 0; i < expiry->count; i++)
	{
		const RetentionBackup *backup = &expiry->backups[i];
		json_t *value = json_object();

		backup_set_json(value, &expiry->names[i]);
		json_object_set_new(value, "backup", json_text(backup->id));
		json_object_set_new(value, "keep", json_boolean(backup->keep));
		json_object_set_new(value, "reason", json_text(backup->reason));
		json_array_append_new(backups, value);
	}
	json_object_set_new(result, "repository", repository_json(repository));
	json_object_set_new(result, "dry_run", json_boolean(settings->command->dry_run));
	json_object_set_new(result, "backups", backups);
	json_object_set_new(result, "backups_removed", json_integer(expiry->nremoved));
	json_object_set_new(result, "objects_removed", json_count(leftovers->number[LEFTOVER_OBJECT]));
	json_object_set_new(result, "bytes_removed", json_count(leftovers->bytes[LEFTOVER_OBJECT]));
	json_object_set_new(
		result, "leftovers_removed",
		json_count(leftovers->number[LEFTOVER_TEMPORARY] + leftovers->number[LEFTOVER_COMPANION]));
	json_object_set_new(result, "wal_unneeded", wal_json(expiry));
	json_object_set_new(result, "wal_removed", json_count(leftovers->number[LEFTOVER_WAL]));
	json_object_set_new(result, "wal_bytes_removed", json_count(leftovers->bytes[LEFTOVER_WAL]));
	json_object_set_new(result, "wal_left_alone", json_text(expiry->wal_reason));
	json_object_set_new(result, "files_waiting", json_count(leftovers->waiting));
	json_object_set_new(result, "bytes_waiting", json_count(leftovers->waiting_bytes));
	json_object_set_new(result, "backups_locked", json_integer(expiry->nlocked));
	json_object_set_new(result, "files_locked", json_count(leftovers->locked));
	json_object_set_new(result, "bytes_locked", json_count(leftovers->locked_bytes));
	json_object_set_new(result, "removed_is_hidden", json_boolean(expiry->hidden));
	json_object_set_new(result, "objects_left_alone", json_text(expiry->objects_reason));
	json_object_set_new(result, "in_use_since", in_use_json(expiry));
	output_json(result);
}

/*
 * One event for each database, in whose own catalog its backups may stand;
 * objects count once.
 */
static void
record_removed(const Settings *settings, Repository *repository, const ExpireResult *expiry,
			   const char *started)
{
	int first = 0;

	while (first < expiry->count)
	{
		const BackupName *owner = &expiry->names[first];
		json_t *payload = catalogue_payload(repository, &owner->owner, NULL, started);
		json_t *removed = json_array();
		int i = first;

		for (; i < expiry->count && backup_same_owner(&expiry->names[i], owner); i++)
		{
			if (!expiry->backups[i].keep)
				json_array_append_new(removed, json_pack("{s:o, s:s}", "database",
														 catalogue_database(&owner->owner),
														 "backup", expiry->names[i].id));
		}
		json_object_set_new(payload, "removed", removed);
		json_object_set_new(payload, "objects_removed",
							json_count(first == 0 ? expiry->leftovers.number[LEFTOVER_OBJECT] : 0));
		json_object_set_new(payload, "bytes_removed",
							json_count(first == 0 ? expiry->leftovers.bytes[LEFTOVER_OBJECT] : 0));
		if (first == 0)
		{
			catalogue_add_present(settings, payload, repository);
			json_object_set_new(payload, "in_use_since", in_use_json(expiry));
		}
		catalogue_record(settings, EVENT_EXPIRE, &owner->owner, payload);
		first = i;
	}
}

static bool
run_expire(const Settings *settings)
{
	Repository *repository = open_repository(settings);
	const ExpireRequest request = {
		.repository = repository,
		.keep = settings->expire,
		.database = settings->general->narguments > 0 ? settings->general->arguments[0] : NULL,
		.clusters = settings->command->clusters,
		.dry_run = settings->command->dry_run,
		.single_writer = settings->expire->single_writer,
		.wal = &wal_expiry};
	char started[UTC_EXACT_SIZE];
	ExpireResult result;
	bool good;

	if (repository == NULL)
		return false;
	utc_now_exact(started);
	good = expire_run(&request, &result);
	if (result.decided)
	{
		if (!request.dry_run && result.nremoved > 0)
			output_done("Backups that were removed: %d of %d.", result.nremoved, result.count);
		if (settings->general->json)
			print_json(settings, repository, &result);
		else
			print_text(settings, &result);
	}
	if (good)
		interrupt_too_late();
	if (result.decided && !request.dry_run)
		record_removed(settings, repository, &result, started);
	expire_result_free(&result);
	repository_close(repository);
	return good;
}

const Command command_expire = {
	.name = "expire",
	.summary = "remove backups that no keep rule needs",
	.arguments = "[DB]",
	.min_arguments = 0,
	.max_arguments = 1,
	.options = "dry-run keep-daily keep-weekly keep-monthly keep-yearly keep-minimum keep-pitr "
			   "single-writer",
	.per_call = "dry-run",
	.run = run_expire,
	.is_run = true,
};
