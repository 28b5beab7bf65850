/*-------------------------------------------------------------------------
 *
 * expire.c
 *	  Expiry: remove the backups that no keep rule needs, then the
 *	  objects, and the WAL, that no backup needs.
 *
 * The order makes a crash harmless at any instant: a manifest is removed
 * before any object that it names, and objects only when every manifest that
 * is left has been read in full under the exclusive lock.  Before the first one
 * is removed, everything is looked at: what is not understood may be backups.
 *
 *-------------------------------------------------------------------------
 */
#include "expire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "backup_summary.h"
#include "backups.h"
#include "choose.h"
#include "expire_settings.h"
#include "interrupt.h"
#include "leftover_removal.h"
#include "log.h"
#include "lost_header.h"
#include "memory.h"
#include "removal_lock.h"
#include "resolve.h"
#include "unclear.h"
#include "utc_time.h"

typedef struct Expiry
{
	const ExpireRequest *request;
	Repository *repository; /* of the request */
	ExpireResult *result;
	StoreLock *exclusive; /* NULL: somebody is at work */
	bool damaged;         /* a manifest is */
} Expiry;

/* ---- deciding ---- */

/* What retention wants to know of one backup; false if another expire has removed it. */
static bool
describe(Expiry *expiry, int position)
{
	const BackupName *name = &expiry->result->names[position];
	RetentionBackup *backup = &expiry->result->backups[position];
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
	else
	{
		BackupProof proof = summary_proof(&summary);

		/* Stored as it was, which a verification proves, it is damaged still. */
		backup->state = summary.damaged_pages > 0 ? RETENTION_OF_DAMAGED
						: proof_is_good(proof)    ? RETENTION_VERIFIED
						: proof == PROOF_NONE     ? RETENTION_UNVERIFIED
												  : RETENTION_FAILED;
	}
	summary_free(&summary);
	return true;
}

/* Describe all that are there. */
static void
describe_all(Expiry *expiry)
{
	int kept = 0;
	int i;

	for (i = 0; i < expiry->result->count && !interrupted(); i++)
	{
		expiry->result->names[kept] = expiry->result->names[i];
		if (describe(expiry, kept))
			kept++;
	}
	if (!interrupted())
		expiry->result->count = kept;
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
	const RetentionBackup *backups = expiry->result->backups;
	char *whose;
	int newest;
	int i;

	for (newest = position;
		 newest + 1 < expiry->result->count &&
		 backup_same_owner(&expiry->result->names[newest + 1], &expiry->result->names[position]);
		 newest++)
		;
	for (i = position + 1; i < newest && backups[i].later == NOT_LATER; i++)
		;
	if (backups[position].later == NOT_LATER || i < newest)
		return;
	whose = backup_owner(&expiry->result->names[position]);
	say_how_later(&backups[position], &backups[newest], whose);
	free(whose);
}

static void
warn_of_frozen(const Expiry *expiry)
{
	const BackupName *last = NULL;
	int i;

	for (i = 0; i < expiry->result->count; i++)
	{
		const RetentionBackup *backup = &expiry->result->backups[i];
		char *whose;

		warn_of_later(expiry, i);
		if (!backup->frozen || (last != NULL && backup_same_owner(last, &expiry->result->names[i])))
			continue;
		last = &expiry->result->names[i];
		whose = backup_owner(&expiry->result->names[i]);
		log_warning_hint("When the newest backup is the last one, by the clocks and by its "
						 "position in the WAL, expire removes what the rules do not keep.",
						 "%s: %s, so nothing is removed", whose, backup->reason);
		free(whose);
	}
}

/* What the storage does not let anybody remove yet stays a backup until then. */
static void
keep_locked(Expiry *expiry)
{
	int i;

	for (i = 0; i < expiry->result->count && !interrupted(); i++)
	{
		RetentionBackup *backup = &expiry->result->backups[i];
		double until =
			backup->keep ? 0 : removal_lock_of(expiry->repository, &expiry->result->names[i]);
		char text[UTC_TIME_SIZE];

		if (until == 0)
			continue;
		utc_time_text(until, text);
		backup->keep = true;
		snprintf(backup->reason, sizeof(backup->reason), "locked until %s", text);
		expiry->result->nlocked++;
	}
}

/* Base backups of one server, by its system identifier. */
static bool
list_system(Expiry *expiry, const char *system)
{
	BackupName latest;

	if (system == NULL)
	{
		/* Nothing to do is success. */
		if (!repository_list_clusters(expiry->repository, NULL, &expiry->result->names,
									  &expiry->result->count))
			return false;
		if (expiry->result->count == 0)
			return true;
		free(expiry->result->names);
		expiry->result->names = NULL;
		expiry->result->count = 0;
	}
	return repository_resolve_cluster(expiry->repository, system, &latest) &&
		   repository_list_clusters(expiry->repository, latest.owner.name, &expiry->result->names,
									&expiry->result->count);
}

/*
 * Nothing tells to which of several servers base backups belong, each of which may have other
 * rules.  All names, in their order: clusters are the last ones.
 */
static bool
clusters_are_of_several(const BackupName *names, int count)
{
	bool labels = false;
	int first;

	for (first = 0; first < count && names[first].owner.kind != BACKUP_OF_CLUSTER; first++)
		labels |= names[first].owner.server[0] != '\0';
	return first < count && (labels || !backup_same_owner(&names[first], &names[count - 1]));
}

static void
say_clusters_left(void)
{
	log_warning_hint("\"nex_backup base expire SYSTEM\" applies the rules to those of one server; "
					 "\"nex_backup base list\" shows them.",
					 "base backups are left alone, since the repository has several servers");
}

/*
 * The backups that the rules are for: of one database, or of one server.  Others have rules of
 * their own.  Sets of configuration files go with main, and so do base backups if there is no
 * other server.
 */
static bool
list_own(Expiry *expiry, const char *database)
{
	Repository *repository = expiry->repository;
	BackupName *names;
	bool of_several;
	Owner owner;
	int kept = 0;
	int count;
	int i;

	if (expiry->request->clusters)
		return list_system(expiry, database);
	if (database != NULL)
		return repository_owner_named(repository, database, &owner) &&
			   repository_list(repository, &owner, &expiry->result->names, &expiry->result->count);
	if (!repository_check_server(repository) || !repository_list(repository, NULL, &names, &count))
		return false;
	of_several = clusters_are_of_several(names, count);
	for (i = 0; i < count; i++)
	{
		if (strcmp(names[i].owner.server, repository->server) == 0 &&
			!(of_several && names[i].owner.kind == BACKUP_OF_CLUSTER))
			names[kept++] = names[i];
	}
	if (of_several)
		say_clusters_left();
	expiry->result->names = names;
	expiry->result->count = kept;
	return true;
}

/* Read what there is and decide.  False (reported) if the repository cannot be read. */
static bool
decide(Expiry *expiry)
{
	const ExpireSettings *keep = expiry->request->keep;
	const char *database = expiry->request->database;
	RetentionRules rules = {keep->keep_daily, keep->keep_weekly, keep->keep_monthly,
							keep->keep_yearly, keep->keep_minimum};

	unclear_look_at_all(expiry->repository);
	if (!list_own(expiry, database))
		return false;
	/* Nothing to do is success; nothing of this name, most likely a mistake. */
	if (database != NULL && expiry->result->count == 0 && strcmp(database, GLOBALS_DATABASE) != 0 &&
		!expiry->request->clusters && expiry->repository->unclear.unknown == 0)
		return report_no_backups_of(expiry->repository, database);
	repository_sort(expiry->repository, expiry->result->names, expiry->result->count);
	expiry->result->backups = xcalloc((size_t) expiry->result->count + 1, sizeof(RetentionBackup));
	describe_all(expiry);
	if (interrupted())
		return false;
	retention_decide(&rules, time(NULL), expiry->result->backups, expiry->result->count);
	if (!expiry->request->wal->keep(expiry->request, expiry->result))
		return false;
	keep_locked(expiry);
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
	expiry->result->objects_reason =
		"not all of the repository could be looked at (see the warnings), so "
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

	for (i = 0; i < expiry->result->count; i++)
	{
		RetentionBackup *backup = &expiry->result->backups[i];

		if (backup->keep)
			continue;
		good = good && !interrupted();
		if (good && !expiry->request->dry_run)
			good = repository_remove_backup(expiry->repository, &expiry->result->names[i]);
		if (good)
			expiry->result->nremoved++;
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

	for (i = 0; i < expiry->result->count; i++)
	{
		if (!expiry->result->backups[i].keep &&
			backup_same_owner(&expiry->result->names[i], name) &&
			strcmp(expiry->result->names[i].id, name->id) == 0)
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

	repository_unlock(repository, repository->shared_lock);
	repository->shared_lock = NULL;
	if (repository->storage->can.lockless)
		return true;
	result = repository_lock_exclusive(repository, &expiry->exclusive);
	if (result.code == STORE_OK)
		return true;
	expiry->exclusive = NULL;
	*in_use = result.code == STORE_BUSY;
	return *in_use ? false
				   : report_error(EXIT_FAILED, NULL, result.hint,
								  "could not lock repository \"%s\": %s",
								  repository->storage->location, result.text);
}

/* That is so now and then; each time means that the repository only grows. */
static void
note_in_use(Expiry *expiry)
{
	ExpireResult *result = expiry->result;
	char since[UTC_TIME_SIZE];

	result->objects_reason =
		"the repository is in use, by a backup, copy, restore or verification; "
		"the next expire that begins while none is running removes them";
	result->in_use_since = in_use_note(expiry->repository);
	if (!in_use_too_long(result->in_use_since))
		return;
	utc_time_text(result->in_use_since, since);
	log_warning_hint(IN_USE_HINT,
					 "no objects were removed from repository \"%s\", which has been in use at "
					 "each expire since %s",
					 expiry->repository->storage->location, since);
}

/* Objects and other leftovers.  False (reported) if it must not or cannot be done. */
static bool
remove_leftovers(Expiry *expiry)
{
	BackupName *names = NULL;
	int count = 0;
	bool in_use = false;
	bool wal_found;
	bool damaged;
	bool good;

	if (expiry->damaged)
	{
		expiry->result->objects_reason = "a manifest is damaged, so what it needs is unknown";
		return false;
	}
	if (!expiry->request->dry_run && !lock_exclusive(expiry, &in_use))
	{
		expiry->result->objects_reason = "the repository cannot be locked (see the error)";
		if (in_use)
			note_in_use(expiry);
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
		expiry->result->objects_reason = "there is no backup at all; the next one may reuse them";
		free(names);
		return true;
	}
	good = leftovers_find(expiry->repository, names, count, &expiry->result->leftovers, &damaged);
	if (!good && (damaged || interrupted()))
		expiry->result->objects_reason =
			interrupted() ? "interrupted"
			: expiry->repository->unclear.unknown > 0
				? "a manifest cannot be read, so what it needs is unknown"
				: "a manifest is damaged, so what it needs is unknown";
	/* That WAL cannot be looked at does not keep objects. */
	wal_found = good && expiry->request->wal->find(expiry->request, names, count, expiry->result);
	if (good && expiry->request->dry_run)
		good = leftovers_expect(expiry->repository, &expiry->result->leftovers);
	else if (good)
		good = leftovers_remove(expiry->repository, expiry->exclusive, &expiry->result->leftovers);
	free(names);
	return good && wal_found;
}

/* Without a lock, nobody knows what somebody else is about to use. */
static bool
may_remove(const Expiry *expiry)
{
	const Storage *storage = expiry->repository->storage;

	return !storage->can.lockless || expiry->request->dry_run || expiry->request->single_writer ||
		   report_error(EXIT_FAILED, NULL,
						"Use --single-writer when nothing else can write to it meanwhile.",
						"nothing in \"%s\" can be removed, as nothing can be locked there",
						storage->location);
}

/* Does the storage keep what is removed?  With locks, it is removed for good when they end. */
static bool
is_hidden(Storage *storage)
{
	StoreFacts facts;

	return storage->examine(storage, ".", &facts).code == STORE_OK && facts.keeps_removed;
}

bool
expire_run(const ExpireRequest *request, ExpireResult *result)
{
	Expiry expiry = {.request = request, .repository = request->repository, .result = result};
	bool good;

	memset(result, 0, sizeof(*result));
	if (!lost_header_refuse(request->repository) || !repository_lock_shared(request->repository) ||
		!may_remove(&expiry) || !decide(&expiry))
		return false;
	result->decided = true;
	good = remove_backups(&expiry) && remove_leftovers(&expiry);
	result->hidden = is_hidden(request->repository->storage);
	repository_unlock(request->repository, expiry.exclusive);
	return good;
}

void
expire_result_free(ExpireResult *result)
{
	leftovers_free(&result->leftovers);
	free(result->wal);
	free(result->backups);
	free(result->names);
}
