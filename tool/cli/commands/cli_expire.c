/*-------------------------------------------------------------------------
 *
 * cli_expire.c
 *	  nex_backup expire: remove the backups that no keep rule needs, then the
 *	  objects that no backup needs.
 *
 * The order makes a crash harmless at any instant: a manifest is removed
 * before any object that it names, and objects only when every manifest that
 * is left has been read in full under the exclusive lock.  Before the first one
 * is removed, everything is looked at: what is not understood may be backups.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "catalogue.h"
#include "choose.h"
#include "command.h"
#include "command_settings.h"
#include "expire_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "leftovers.h"
#include "log.h"
#include "lost_header.h"
#include "memory.h"
#include "output.h"
#include "repository_view.h"
#include "retention.h"
#include "settings.h"
#include "unclear.h"
#include "utc_time.h"

typedef struct Expiry
{
	const Settings *settings;
	Repository *repository;
	int exclusive; /* handle of the lock, -1: somebody is at work */
	BackupName *names;
	RetentionBackup *backups; /* same positions as names */
	int count;
	bool damaged;               /* a manifest is */
	int nremoved;               /* backups removed, or that would be */
	Leftovers leftovers;        /* removed, or that would be */
	const char *objects_reason; /* why objects were left alone, or NULL */
} Expiry;

/* ---- deciding ---- */

/* What retention wants to know of one backup; false if another expire has removed it. */
static bool
describe(Expiry *expiry, int position)
{
	const BackupName *name = &expiry->names[position];
	RetentionBackup *backup = &expiry->backups[position];
	BackupSummary summary;

	summary_load(expiry->repository, name, &summary);
	if (summary.removed)
	{
		summary_free(&summary);
		return false;
	}
	backup->owner = &name->owner;
	backup->id = name->id;
	backup->named = backup_id_time(name->id);
	backup->position = summary.position;
	backup->time = (time_t) backup_snapshot_time(expiry->repository, name);
	if (summary.damage != NULL)
	{
		backup->state = summary.unreadable ? RETENTION_UNREADABLE : RETENTION_DAMAGED;
		expiry->damaged = expiry->damaged || !summary.unreadable;
		report_damaged(&summary);
	}
	else if (summary.nbad > 0)
		backup->state = RETENTION_FAILED;
	else if (!summary.verification.known)
		backup->state = RETENTION_UNVERIFIED;
	else
		backup->state = summary.verification.ok ? RETENTION_VERIFIED : RETENTION_FAILED;
	summary_free(&summary);
	return true;
}

/* Describe all that are there. */
static void
describe_all(Expiry *expiry)
{
	int kept = 0;
	int i;

	for (i = 0; i < expiry->count && !interrupted(); i++)
	{
		expiry->names[kept] = expiry->names[i];
		if (describe(expiry, kept))
			kept++;
	}
	if (!interrupted())
		expiry->count = kept;
}

/* What is said of a backup that has a later position than the newest one, and what helps. */
static void
say_how_later(const RetentionBackup *backup, const RetentionBackup *newest, const char *whose)
{
	if (backup->later == LATER_THAN_STANDBY)
		log_warning_hint("The next backup of the primary, or of a standby that follows it, is the "
						 "newest; until then, name the backup to restore it. If the server was "
						 "set back meanwhile, use --same-server with the next backup.",
						 "%s: backup %s shows a later state than the newest backup, %s, which is "
						 "of a standby that had not replayed as much",
						 whose, backup->id, newest->id);
	else if (backup->later == LATER_TIMELINE)
		log_warning_hint("If a copy of the server made it, or the server was set back, use "
						 "--same-server with the next backup. Otherwise the clock of the server "
						 "was set back: correct it.",
						 "%s: backup %s is of timeline %lld, and backup %s, whose snapshot time is "
						 "later, of timeline %lld",
						 whose, backup->id, backup->position.timeline, newest->id,
						 newest->position.timeline);
	else
		log_warning_hint("The clock of the server was set back, or that of a host was ahead. "
						 "Correct it; \"nex_backup doctor\" compares the two. If it is the server "
						 "that was set back, use --same-server with the next backup.",
						 "%s: backup %s was made after backup %s, whose snapshot time is later",
						 whose, backup->id, newest->id);
}

/* The last of each database that has a later position than the newest. */
static void
warn_of_later(const Expiry *expiry, int position)
{
	const RetentionBackup *backups = expiry->backups;
	char *whose;
	int newest;
	int i;

	for (newest = position; newest + 1 < expiry->count &&
							backup_same_owner(&expiry->names[newest + 1], &expiry->names[position]);
		 newest++)
		;
	for (i = position + 1; i < newest && backups[i].later == NOT_LATER; i++)
		;
	if (backups[position].later == NOT_LATER || i < newest)
		return;
	whose = backup_owner(&expiry->names[position]);
	say_how_later(&backups[position], &backups[newest], whose);
	free(whose);
}

static void
warn_of_frozen(const Expiry *expiry)
{
	const BackupName *last = NULL;
	int i;

	for (i = 0; i < expiry->count; i++)
	{
		const RetentionBackup *backup = &expiry->backups[i];
		char *whose;

		warn_of_later(expiry, i);
		if (!backup->frozen || (last != NULL && backup_same_owner(last, &expiry->names[i])))
			continue;
		last = &expiry->names[i];
		whose = backup_owner(&expiry->names[i]);
		log_warning_hint("When the newest backup is the last one, by the clocks and by its "
						 "position in the WAL, expire removes what the rules do not keep.",
						 "%s: %s, so nothing is removed", whose, backup->reason);
		free(whose);
	}
}

/*
 * The backups that the rules are for: of one database, or of one server.  Others have rules of
 * their own.  Sets of configuration files go with main.
 */
static bool
list_own(Expiry *expiry, const char *database)
{
	Repository *repository = expiry->repository;
	Owner owner;
	int kept = 0;
	int i;

	if (database != NULL)
		return repository_owner_named(repository, database, &owner) &&
			   repository_list(repository, &owner, &expiry->names, &expiry->count);
	if (!repository_list(repository, NULL, &expiry->names, &expiry->count))
		return false;
	for (i = 0; i < expiry->count; i++)
	{
		if (strcmp(expiry->names[i].owner.server, repository->server) == 0)
			expiry->names[kept++] = expiry->names[i];
	}
	expiry->count = kept;
	return true;
}

/* Read what there is and decide.  False (reported) if the repository cannot be read. */
static bool
decide(Expiry *expiry, const char *database)
{
	const Settings *settings = expiry->settings;
	RetentionRules rules = {settings->expire->keep_daily, settings->expire->keep_weekly,
							settings->expire->keep_monthly, settings->expire->keep_yearly,
							settings->expire->keep_minimum};

	unclear_look_at_all(expiry->repository);
	if (!list_own(expiry, database))
		return false;
	/* Nothing to do is success; nothing of this name, most likely a mistake. */
	if (database != NULL && expiry->count == 0 && strcmp(database, GLOBALS_DATABASE) != 0 &&
		expiry->repository->unclear.unknown == 0)
		return report_no_backups_of(expiry->repository, database);
	repository_sort(expiry->repository, expiry->names, expiry->count);
	expiry->backups = xcalloc((size_t) expiry->count + 1, sizeof(RetentionBackup));
	describe_all(expiry);
	if (interrupted())
		return false;
	retention_decide(&rules, time(NULL), expiry->backups, expiry->count);
	warn_of_frozen(expiry);
	return true;
}

/* ---- removing ---- */

/* Nothing may go while it is not known which backups there are.  False (reported) then. */
static bool
all_is_clear(Expiry *expiry)
{
	if (expiry->repository->unclear.unknown == 0)
		return true;
	expiry->objects_reason = "not all of the repository could be looked at (see the warnings), so "
							 "what is needed is unknown";
	return unclear_report(expiry->repository);
}

/* Remove what is to be removed; after a failure the rest counts as kept. */
static bool
remove_backups(Expiry *expiry)
{
	bool good = all_is_clear(expiry);
	bool clear = good;
	int i;

	for (i = 0; i < expiry->count; i++)
	{
		RetentionBackup *backup = &expiry->backups[i];

		if (backup->keep)
			continue;
		good = good && !interrupted();
		if (good && !expiry->settings->command->dry_run)
			good = repository_remove_backup(expiry->repository, &expiry->names[i]);
		if (good)
			expiry->nremoved++;
		else
		{
			backup->keep = true;
			snprintf(backup->reason, sizeof(backup->reason),
					 clear ? "could not be removed" : "not all backups are known");
		}
	}
	return good;
}

static bool
is_removed(const Expiry *expiry, const BackupName *name)
{
	int i;

	for (i = 0; i < expiry->count; i++)
	{
		if (!expiry->backups[i].keep && backup_same_owner(&expiry->names[i], name) &&
			strcmp(expiry->names[i].id, name->id) == 0)
			return true;
	}
	return false;
}

/* The backups of all databases that stay; a dry run leaves out what it would remove. */
static bool
list_remaining(Expiry *expiry, BackupName **names, int *count)
{
	int kept = 0;
	int i;

	if (!repository_list(expiry->repository, NULL, names, count))
		return false;
	for (i = 0; i < *count; i++)
	{
		if (!is_removed(expiry, &(*names)[i]))
			(*names)[kept++] = (*names)[i];
	}
	*count = kept;
	return true;
}

/*
 * Turn the shared lock into the exclusive one, as late as can be: a backup
 * that starts meanwhile is refused.  What was read until now may be outdated
 * afterwards; all manifests are read again.
 */
static bool
lock_exclusive(Expiry *expiry, bool *in_use)
{
	Repository *repository = expiry->repository;
	StoreResult result;

	if (repository->shared_lock >= 0)
		repository_unlock(repository, repository->shared_lock);
	repository->shared_lock = -1;
	result = repository_lock_exclusive(repository, &expiry->exclusive);
	if (result.code == STORE_OK)
		return true;
	expiry->exclusive = -1;
	*in_use = result.code == STORE_BUSY;
	return *in_use ? false
				   : report_error(EXIT_FAILED, NULL, result.hint,
								  "could not lock repository \"%s\": %s",
								  repository->storage->location, result.text);
}

/* Objects and other leftovers.  False (reported) if it must not or cannot be done. */
static bool
remove_leftovers(Expiry *expiry)
{
	BackupName *names = NULL;
	int count = 0;
	bool in_use = false;
	bool damaged;
	bool good;

	if (expiry->damaged)
	{
		expiry->objects_reason = "a manifest is damaged, so what it needs is unknown";
		return false;
	}
	if (!expiry->settings->command->dry_run && !lock_exclusive(expiry, &in_use))
	{
		expiry->objects_reason = in_use ? "the repository is in use; the next expire removes them"
										: "the repository cannot be locked (see the error)";
		return in_use;
	}
	if (!list_remaining(expiry, &names, &count))
		return false;
	if (!all_is_clear(expiry))
	{
		free(names);
		return false;
	}
	if (count == 0)
	{
		/* An empty listing may also mean that somebody moved the manifests away. */
		expiry->objects_reason = "there is no backup at all; the next one may reuse them";
		free(names);
		return true;
	}
	good = leftovers_find(expiry->repository, names, count, &expiry->leftovers, &damaged);
	if (!good && (damaged || interrupted()))
		expiry->objects_reason = interrupted() ? "interrupted"
								 : expiry->repository->unclear.unknown > 0
									 ? "a manifest cannot be read, so what it needs is unknown"
									 : "a manifest is damaged, so what it needs is unknown";
	if (good && !expiry->settings->command->dry_run)
		good = leftovers_remove(expiry->repository, &expiry->leftovers);
	free(names);
	return good;
}

/* ---- showing ---- */

static void
print_text(const Expiry *expiry)
{
	static const char *const headings[4] = {"database", "backup", "verdict", "why"};
	const Settings *settings = expiry->settings;
	const Leftovers *leftovers = &expiry->leftovers;
	const char *removed = settings->command->dry_run ? "would be removed" : "removed";
	TextTable *table;
	int i;

	show_text("keep: daily %d, weekly %d, monthly %d, yearly %d, minimum %d (days in UTC)\n",
			  settings->expire->keep_daily, settings->expire->keep_weekly,
			  settings->expire->keep_monthly, settings->expire->keep_yearly,
			  settings->expire->keep_minimum);
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
	fflush(stdout);
}

static void
print_json(const Expiry *expiry)
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
	json_object_set_new(result, "repository", repository_json(expiry->repository));
	json_object_set_new(result, "dry_run", json_boolean(expiry->settings->command->dry_run));
	json_object_set_new(result, "backups", backups);
	json_object_set_new(result, "backups_removed", json_integer(expiry->nremoved));
	json_object_set_new(result, "objects_removed", json_count(leftovers->number[LEFTOVER_OBJECT]));
	json_object_set_new(result, "bytes_removed", json_count(leftovers->bytes[LEFTOVER_OBJECT]));
	json_object_set_new(
		result, "leftovers_removed",
		json_count(leftovers->number[LEFTOVER_TEMPORARY] + leftovers->number[LEFTOVER_COMPANION]));
	json_object_set_new(result, "objects_left_alone", json_text(expiry->objects_reason));
	output_json(result);
}

/* ---- recording ---- */

/*
 * One event for each database, in whose own catalogue its backups may stand;
 * objects count once.  A set of files has no database, whatever its name: what
 * is removed of it is no backup that a catalogue knows.
 */
static void
record(const Expiry *expiry, const char *started)
{
	int first = 0;

	while (first < expiry->count)
	{
		const BackupName *owner = &expiry->names[first];
		json_t *payload = catalogue_payload(expiry->repository, &owner->owner, NULL, started);
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
		if (owner->owner.kind == BACKUP_OF_FILES)
			json_object_set_new(payload, "set", json_text(owner->owner.name));
		json_object_set_new(payload, "objects_removed",
							json_count(first == 0 ? expiry->leftovers.number[LEFTOVER_OBJECT] : 0));
		json_object_set_new(payload, "bytes_removed",
							json_count(first == 0 ? expiry->leftovers.bytes[LEFTOVER_OBJECT] : 0));
		if (first == 0)
			catalogue_add_present(payload, expiry->repository);
		catalogue_record(expiry->settings, EVENT_EXPIRE, &owner->owner, payload);
		first = i;
	}
}

static bool
run_expire(const Settings *settings)
{
	const char *database =
		settings->general->narguments > 0 ? settings->general->arguments[0] : NULL;
	Expiry expiry;
	char started[UTC_EXACT_SIZE];
	bool decided;
	bool good;

	memset(&expiry, 0, sizeof(expiry));
	utc_now_exact(started);
	expiry.settings = settings;
	expiry.exclusive = -1;
	expiry.repository = open_repository(settings);
	if (expiry.repository == NULL)
		return false;
	good = decided = lost_header_refuse(expiry.repository) &&
					 repository_lock_shared(expiry.repository) && decide(&expiry, database);
	if (decided)
	{
		good = remove_backups(&expiry) && remove_leftovers(&expiry);
		if (!settings->command->dry_run && expiry.nremoved > 0)
			output_done("Backups that were removed: %d of %d.", expiry.nremoved, expiry.count);
		if (settings->general->json)
			print_json(&expiry);
		else
			print_text(&expiry);
	}
	if (good)
		interrupt_too_late();
	if (expiry.exclusive >= 0)
		repository_unlock(expiry.repository, expiry.exclusive);
	if (decided && !settings->command->dry_run)
		record(&expiry, started);
	leftovers_free(&expiry.leftovers);
	free(expiry.backups);
	free(expiry.names);
	repository_close(expiry.repository);
	return good;
}

const Command command_expire = {
	.name = "expire",
	.summary = "remove backups that no keep rule needs",
	.arguments = "[DB]",
	.min_arguments = 0,
	.max_arguments = 1,
	.options = "dry-run keep-daily keep-weekly keep-monthly keep-yearly keep-minimum",
	.per_call = "dry-run",
	.run = run_expire,
	.is_run = true,
};
