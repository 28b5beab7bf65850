/*-------------------------------------------------------------------------
 *
 * verify_run.c
 *	  Prove backups, one after the other.
 *
 * Goes on after damage, so that one run names every bad file.
 *
 *-------------------------------------------------------------------------
 */
#include "verify_run.h"

#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "backups.h"
#include "encryption.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "other_places.h"
#include "part_settings.h"
#include "progress.h"
#include "settings.h"
#include "unclear.h"
#include "verification.h"
#include "verify_listed.h"
#include "work_settings.h"

/* A bad file, and the backups that need it. */
typedef struct SharedBad
{
	const Repository *home; /* place that it is in */
	char *path;
	const BackupName *first;
	const BackupName *last;
	int backups;
} SharedBad;

typedef struct VerifyRun
{
	const VerifyRequest *request;
	ObjectSet seen;
	ListedServer listed;
	SharedBad *bad; /* by their places and paths */
	size_t nbad;
	int nfailed;
} VerifyRun;

/* Note that one of the backup's own files, ".json" or ".sha256", is not as it was written. */
static void
note_bad_file(VerifiedBackup *result, const char *suffix, const char *error)
{
	char *label = backup_label(result->name);

	result->own_path = backup_path(result->name, suffix);
	report_error(EXIT_INTEGRITY, error, "Bring the file back from a copy of the repository.",
				 "file \"%s\" of backup \"%s\" is damaged", result->own_path, label);
	free(label);
}

/* The names of all bad files, the backup's own one first. */
static void
collect_bad(VerifiedBackup *result)
{
	int i;

	result->bad = xcalloc((size_t) result->report.nbad + 2, sizeof(char *));
	if (result->own_path != NULL)
		result->bad[result->nbad++] = result->own_path;
	for (i = 0; i < result->report.nbad; i++)
		result->bad[result->nbad++] = result->report.bad[i].path;
}

/*
 * A statement of unknown form is no damage: the backup is as it was written.
 * But somebody may have meant it to run when the backup is restored.
 */
static void
say_unknown(const Settings *settings, const VerifiedBackup *result, MemberKind member)
{
	const UnknownSql *unknown = &result->unknown.of[member];
	char *detail = unknown_sql_detail(unknown);
	char *label = backup_label(result->name);

	if (settings->part->allow_unknown_sql)
		log_warning("the member \"%s\" of backup \"%s\" holds SQL that nex_backup does not write: "
					"%s",
					member_kind_name(member), label, detail);
	else
		report_error(EXIT_INTEGRITY, detail,
					 "The backup is not damaged, and restores refuse it.  After a look at the "
					 "statement: --allow-unknown-sql, here and there.",
					 "the member \"%s\" of backup \"%s\" holds SQL that nex_backup does not write",
					 member_kind_name(member), label);
	free(detail);
	free(label);
}

/* Look for it in an undamaged backup that can be read. */
static bool
look_for_unknown(VerifyRun *run, VerifiedBackup *result, const Manifest *manifest)
{
	MemberKind member;

	if (!owner_has_server(&result->name->owner) || result->report.nbad > 0 || result->unreadable)
		return true;
	if (!unknown_members_find(run->request->repository, manifest, &result->unknown))
		return false;
	for (member = 0; member < MEMBER_KINDS; member++)
	{
		if (result->unknown.of[member].count > 0)
			say_unknown(run->request->settings, result, member);
	}
	if (result->unknown.count > 0 && !run->request->settings->part->allow_unknown_sql)
		run->nfailed++;
	return true;
}

/* All objects, or those that are picked; NULL: all. */
static bool
read_objects(VerifyRun *run, VerifiedBackup *result, const Manifest *manifest, const bool *picked)
{
	const VerifyRequest *request = run->request;
	VerifyDepth depth = request->level == VERIFY_LEVEL_STORED ? VERIFY_DIGESTS : VERIFY_CONTENT;
	bool complete = verify_objects_once(request->repository, manifest, depth, picked,
										request->settings->work->jobs, &run->seen, &result->report);

	result->read_objects = result->report.objects;
	result->read_bytes = result->report.bytes;
	return complete;
}

/* Look at the objects of a backup, as far as the level says.  False if not all could be. */
static bool
check_objects(VerifyRun *run, VerifiedBackup *result, const Manifest *manifest)
{
	bool *picked = NULL;
	bool complete;

	progress_phase("verifying", "objects", manifest->nobjects,
				   run->request->level == VERIFY_LEVEL_PRESENT ? 0 : manifest->totals.stored_bytes);
	if (run->request->level == VERIFY_LEVEL_PRESENT)
		return verify_listed(&run->listed, result->home, manifest, NULL, &result->report);
	if (run->request->level != VERIFY_LEVEL_SAMPLE)
		return read_objects(run, result, manifest, NULL);
	picked = verify_pick_sample(manifest, run->request->percent);
	complete = picked != NULL && read_objects(run, result, manifest, picked) &&
			   verify_listed(&run->listed, result->home, manifest, picked, &result->report);
	free(picked);
	return complete;
}

/* The backup is verified in another place than in the first one that has a manifest of it. */
static void
say_damaged_elsewhere(VerifyRun *run, const VerifiedBackup *result)
{
	char *label = backup_label(result->name);

	report_error(EXIT_INTEGRITY, NULL, "\"nex_backup repair\" brings it back.",
				 "the manifest of backup \"%s\" is damaged in one place, and was read from \"%s\"",
				 label, result->home->storage->location);
	run->nfailed++;
	free(label);
}

static int
compare_bad(const void *a, const void *b)
{
	const SharedBad *left = a;
	const SharedBad *right = b;

	if (left->home != right->home)
		return left->home < right->home ? -1 : 1;
	return strcmp(left->path, right->path);
}

/* Report each bad file with the first backup that needs it.  A lost disk is a million of them. */
static void
say_bad(VerifyRun *run, VerifiedBackup *result, const Manifest *manifest)
{
	size_t before = run->nbad;
	int i;

	run->bad = xrealloc(run->bad, (before + (size_t) result->report.nbad + 1) * sizeof(SharedBad));
	for (i = 0; i < result->report.nbad; i++)
	{
		BadFile *bad = &result->report.bad[i];
		SharedBad one = {.home = result->home, .path = bad->path, .first = result->name};
		SharedBad *shared = bsearch(&one, run->bad, before, sizeof(SharedBad), compare_bad);

		bad->again = shared != NULL;
		if (!bad->again)
		{
			verify_report_say(manifest, bad);
			shared = &run->bad[run->nbad++];
			*shared = one;
			shared->path = xstrdup(bad->path);
		}
		shared->last = result->name;
		shared->backups++;
	}
	if (run->nbad > before)
		qsort(run->bad, run->nbad, sizeof(SharedBad), compare_bad);
}

/* What the same backups need comes together. */
static int
compare_shared(const void *a, const void *b)
{
	const SharedBad *left = a;
	const SharedBad *right = b;

	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	if (left->last != right->last)
		return left->last < right->last ? -1 : 1;
	return left->backups - right->backups;
}

/* Say which backups need the bad files that several need. */
static void
say_shared(VerifyRun *run)
{
	size_t first;
	size_t next;

	if (run->nbad > 0)
		qsort(run->bad, run->nbad, sizeof(SharedBad), compare_shared);
	for (first = 0; first < run->nbad; first = next)
	{
		const SharedBad *bad = &run->bad[first];
		char *from = backup_label(bad->first);
		char *to = backup_label(bad->last);

		for (next = first + 1; next < run->nbad && compare_shared(bad, &run->bad[next]) == 0;)
			next++;
		if (bad->backups > 1 && next - first == 1)
			log_warning("%d backups need the bad file \"%s\", from \"%s\" to \"%s\"", bad->backups,
						bad->path, from, to);
		else if (bad->backups > 1)
			log_warning(
				"%d backups need %zu of the bad files, such as \"%s\", from \"%s\" to \"%s\"",
				bad->backups, next - first, bad->path, from, to);
		free(from);
		free(to);
	}
}

/*
 * Check one backup.  False if it could not be done to the end.  The manifest
 * is sealed, so the objects can be checked without the .sha256.
 */
static bool
check_backup(VerifyRun *run, VerifiedBackup *result)
{
	Repository *repository = run->request->repository;
	char *error = NULL;
	Manifest *manifest = repository_manifest_alone(repository, result->name, &error);
	bool complete = !interrupted();

	result->unreadable = repository->manifest_unreadable;
	result->removed = manifest == NULL && repository_was_removed(repository, result->name);
	result->home = repository_place(repository, manifest != NULL ? manifest->place : 0, 0);
	if (manifest == NULL && !result->unreadable && !result->removed)
		note_bad_file(result, ".json", error);
	else if (manifest != NULL)
	{
		bool listed;

		if (repository->damaged_elsewhere)
			say_damaged_elsewhere(run, result);
		listed = repository_check_listing(repository, result->name, manifest, &error);
		result->unreadable = repository->manifest_unreadable;
		result->removed = !listed && repository_was_removed(repository, result->name);
		if ((!listed || repository->damaged_elsewhere) && !result->unreadable && !result->removed)
			note_bad_file(result, ".sha256", error);
		result->locked = manifest->locked;
		memcpy(result->manifest, manifest->seal, sizeof(result->manifest));
		encryption_warn_untrusted(repository);
		complete = check_objects(run, result, manifest);
		if (complete)
			run->request->besides(result->home, manifest, &result->report, run->request->argument);
		result->inside = run->request->level == VERIFY_LEVEL_FULL && !manifest->locked;
		result->unreadable |= result->report.nunreadable > 0;
		say_bad(run, result, manifest);
		if (result->report.nunreadable > 0)
			unclear_look_at_all(result->home);
		if (run->request->level == VERIFY_LEVEL_FULL)
			complete = complete && look_for_unknown(run, result, manifest);
		manifest_free(manifest);
	}
	free(error);
	collect_bad(result);
	return complete;
}

/* What was found inside with a key is still there, though nobody could look this time. */
static void
warn_of_mark(const VerifiedBackup *result)
{
	char *label = backup_label(result->name);

	log_warning_hint("Verify it with --identity or --key-file to see the statement.",
					 "an earlier verification of backup \"%s\" found SQL that nex_backup does not "
					 "write, and this one could not look",
					 label);
	free(label);
}

/*
 * One that expire has removed since it was listed is no damage, and its objects
 * may be gone soon; but who has named it must know.
 */
static void
say_removed(VerifyRun *run, const VerifiedBackup *result)
{
	char *label = backup_label(result->name);

	if (run->request->named)
	{
		report_error(EXIT_FAILED, NULL, "\"nex_backup list\" shows those that are left.",
					 "backup \"%s\" was removed while it was verified", label);
		run->nfailed++;
	}
	else
		log_info("backup \"%s\" was removed meanwhile, as by \"nex_backup expire\"", label);
	free(label);
}

/* Does a look at this level read all stored bytes? */
static bool
proves_good(const VerifyRequest *request)
{
	return request->level <= VERIFY_LEVEL_STORED;
}

/* Remember in the repository what was found out, and tell whoever asked. */
static void
tell_result(VerifyRun *run, VerifiedBackup *result, const Verification *before)
{
	const VerifyRequest *request = run->request;

	result->marked = !result->unknown.looked && verification_has_unknown_sql(before) &&
					 strcmp(before->manifest, result->manifest) == 0;
	if (result->complete && (result->nbad > 0 || result->unreadable))
		run->nfailed++;
	else if (result->complete)
	{
		result->damage_stays = repository_damage_stays(result->home, result->name, result->manifest,
													   proves_good(request), result->inside);
		run->nfailed += result->damage_stays ? 1 : 0;
	}
	if (result->complete && result->marked && request->level == VERIFY_LEVEL_FULL)
		warn_of_mark(result);

	/* What was not read, or could not be, proves nothing, neither good nor bad. */
	result->proved =
		result->complete && (result->nbad > 0 || (!result->unreadable && proves_good(request)));
	if (result->proved)
		repository_record_verification(result->home, result->name, result->manifest,
									   result->nbad == 0, result->inside, &result->unknown,
									   result->bad, result->nbad);
	request->verified(result, request->argument);
}

/* Verify one backup.  False if the run must end. */
static bool
verify_backup(VerifyRun *run, const BackupName *name)
{
	Repository *repository = run->request->repository;
	VerifiedBackup result = {.name = name};
	Verification before;
	bool complete;

	utc_now_exact(result.started);

	complete = result.complete = check_backup(run, &result);

	/* A damaged record of the last time is damage, too; the new record replaces it. */
	if (!repository_verification(result.home, name, &before))
		run->nfailed++;

	/* That may have taken hours. */
	if (result.nbad == 0 && !result.removed)
		result.removed = repository_was_removed(repository, name);
	if (result.removed)
		say_removed(run, &result);
	else
		tell_result(run, &result, &before);
	free(result.bad);
	free(result.own_path);
	verify_report_free(&result.report);
	unknown_members_free(&result.unknown);
	return complete;
}

bool
verify_run(const VerifyRequest *request, const BackupName *names, int count)
{
	VerifyRun run = {.request = request};
	bool complete = true;
	size_t j;
	int i;

	object_set_init(&run.seen);
	for (i = 0; i < count && complete; i++)
		complete = verify_backup(&run, &names[i]);
	say_shared(&run);
	for (j = 0; j < run.nbad; j++)
		free(run.bad[j].path);
	free(run.bad);
	object_set_free(&run.seen);
	listed_server_free(&run.listed);
	return complete && run.nfailed == 0;
}
