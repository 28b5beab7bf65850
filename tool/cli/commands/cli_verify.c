/*-------------------------------------------------------------------------
 *
 * cli_verify.c
 *	  nex_backup verify: prove the backups in the repository.
 *
 * Goes on after damage, so that one run names every bad file.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "catalogue.h"
#include "command.h"
#include "encryption.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "part_settings.h"
#include "progress.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "settings.h"
#include "unclear.h"
#include "unknown_members.h"
#include "utc_time.h"
#include "verify.h"

/* One run over one or all backups. */
typedef struct Run
{
	const Settings *settings;
	Repository *repository;
	ObjectSet seen;
	json_t *results; /* NULL without --json */
	int nbackups;
	int nfailed;
} Run;

/* What was found out about one backup. */
typedef struct Result
{
	const BackupName *name;
	const char **bad; /* file names */
	int nbad;
	bool unreadable;    /* not all of it could be looked at, so that it is not proved */
	DigestHex manifest; /* its seal; "" if it is bad */
	bool marked;        /* an earlier verification found unknown SQL, and this one could not look */
	bool locked;        /* encrypted, and no key at hand: only stored bytes were checked */
	bool removed;       /* meanwhile; nothing is to be said of it, nor written beside it */
	char *own_path;     /* the manifest, or the listing beside it, if that is bad */
	VerifyReport report;
	UnknownMembers unknown; /* SQL in it that this program does not write */
} Result;

/* Note that one of the backup's own files, ".json" or ".sha256", is not as it was written. */
static void
note_bad_file(Result *result, const char *suffix, const char *error)
{
	char *label = backup_label(result->name);

	result->own_path = backup_path(result->name, suffix);
	report_error(EXIT_INTEGRITY, error, "Bring the file back from a copy of the repository.",
				 "file \"%s\" of backup \"%s\" is damaged", result->own_path, label);
	free(label);
}

/* The names of all bad files, the backup's own one first. */
static void
collect_bad(Result *result)
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
say_unknown(const Settings *settings, const Result *result, MemberKind member)
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
look_for_unknown(Run *run, Result *result, const Manifest *manifest)
{
	MemberKind member;

	if (result->name->owner.kind == BACKUP_OF_FILES || result->report.nbad > 0 ||
		result->unreadable)
		return true;
	if (!unknown_members_find(run->repository, manifest, &result->unknown))
		return false;
	for (member = 0; member < MEMBER_KINDS; member++)
	{
		if (result->unknown.of[member].count > 0)
			say_unknown(run->settings, result, member);
	}
	if (result->unknown.count > 0 && !run->settings->part->allow_unknown_sql)
		run->nfailed++;
	return true;
}

/*
 * Check one backup.  False if it could not be done to the end.  The manifest
 * is sealed, so the objects can be checked without the .sha256.
 */
static bool
check_backup(Run *run, Result *result)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_alone(run->repository, result->name, &error);
	bool complete = !interrupted();

	result->unreadable = run->repository->manifest_unreadable;
	result->removed = manifest == NULL && repository_was_removed(run->repository, result->name);
	if (manifest == NULL && !result->unreadable && !result->removed)
		note_bad_file(result, ".json", error);
	else if (manifest != NULL)
	{
		bool listed = repository_check_listing(run->repository, result->name, manifest, &error);

		result->unreadable = run->repository->manifest_unreadable;
		result->removed = !listed && repository_was_removed(run->repository, result->name);
		if (!listed && !result->unreadable && !result->removed)
			note_bad_file(result, ".sha256", error);
		result->locked = manifest->locked;
		memcpy(result->manifest, manifest->seal, sizeof(result->manifest));
		encryption_warn_untrusted(run->repository);
		progress_phase("verifying", "objects", manifest->nobjects, manifest->totals.stored_bytes);
		complete = verify_objects_once(run->repository, manifest, VERIFY_CONTENT,
									   run->settings->general->jobs, &run->seen, &result->report);
		result->unreadable |= result->report.nunreadable > 0;
		if (result->report.nunreadable > 0)
			unclear_look_at_all(run->repository);
		complete = complete && look_for_unknown(run, result, manifest);
		manifest_free(manifest);
	}
	free(error);
	collect_bad(result);
	return complete;
}

/* "ok" is what a backup is that has no bad file and no SQL of unknown form. */
static const char *
verdict_of(const Result *result)
{
	return result->unknown.count > 0 ? "not damaged, but UNKNOWN SQL" : "ok";
}

static void
print_result(const Result *result)
{
	const VerifyReport *report = &result->report;
	char *label = backup_label(result->name);
	MemberKind member;
	int i;

	if (result->nbad == 0 && result->unreadable)
		show_text("%s: NOT VERIFIED (it could not be read)\n", label);
	else if (result->nbad == 0 && result->locked)
		show_text(
			"%s: stored bytes and signature ok (%s, %s); no key at hand opens it, so what is in it "
			"was not checked%s\n",
			label, pretty_number_of(report->objects, "object"), pretty_bytes(report->bytes),
			result->marked ? "; an earlier verification found UNKNOWN SQL" : "");
	else if (result->nbad == 0 &&
			 (backup_is_of_globals(result->name) || result->name->owner.kind == BACKUP_OF_FILES))
		show_text("%s: %s (%s, %s stored, %s of text)\n", label, verdict_of(result),
				  pretty_number_of(report->objects, "object"), pretty_bytes(report->bytes),
				  pretty_bytes(report->raw_bytes));
	else if (result->nbad == 0)
		show_text("%s: %s (%s, %s stored, %s of SQL, %s)\n", label, verdict_of(result),
				  pretty_number_of(report->objects, "object"), pretty_bytes(report->bytes),
				  pretty_bytes(report->raw_bytes), pretty_number_of(report->rows, "row"));
	else
		show_text("%s: FAILED (%d bad %s)\n", label, result->nbad,
				  result->nbad == 1 ? "file" : "files");
	for (member = 0; member < MEMBER_KINDS; member++)
	{
		if (result->unknown.of[member].count > 0)
			show_text("  member \"%s\" holds %d unknown SQL %s, line %d: %s\n",
					  member_kind_name(member), result->unknown.of[member].count,
					  result->unknown.of[member].count == 1 ? "statement" : "statements",
					  result->unknown.of[member].line, result->unknown.of[member].text);
	}
	if (result->own_path != NULL)
		show_text("  %s is damaged\n", result->own_path);
	for (i = 0; i < report->nbad; i++)
		show_text("  %s %s%s%s\n", report->bad[i].path, report->bad[i].problem,
				  report->bad[i].tables[0] != '\0' ? "; tables: " : "", report->bad[i].tables);
	fflush(stdout);
	free(label);
}

/* null: nobody could look. */
static json_t *
unknown_json(const UnknownMembers *unknown)
{
	json_t *list = unknown->looked ? json_array() : json_null();
	MemberKind member;

	for (member = 0; member < MEMBER_KINDS; member++)
	{
		const UnknownSql *of = &unknown->of[member];
		json_t *value;

		if (of->count == 0)
			continue;
		value = json_pack("{s:s, s:i, s:i}", "member", member_kind_name(member), "statements",
						  of->count, "line", of->line);
		json_object_set_new(value, "text", json_text(of->text));
		json_object_set_new(value, "not_known_from", json_text(of->near));
		json_array_append_new(list, value);
	}
	return list;
}

static json_t *
result_json(const Result *result)
{
	const VerifyReport *report = &result->report;
	json_t *value = json_object();
	json_t *bad = json_array();
	int i;

	if (result->own_path != NULL)
		json_array_append_new(bad, json_pack("{s:s, s:s, s:s}", "file", result->own_path, "problem",
											 "is damaged", "tables", ""));
	for (i = 0; i < report->nbad; i++)
	{
		json_t *file = json_object();

		json_object_set_new(file, "file", json_text(report->bad[i].path));
		json_object_set_new(file, "problem", json_text(report->bad[i].problem));
		json_object_set_new(file, "tables", json_text(report->bad[i].tables));
		json_array_append_new(bad, file);
	}
	backup_set_json(value, result->name);
	json_object_set_new(value, "backup", json_text(result->name->id));
	json_object_set_new(value, "result",
						json_string(result->nbad > 0     ? "failed"
									: result->unreadable ? "unreadable"
														 : "ok"));
	json_object_set_new(value, "inside", json_boolean(!result->locked));
	json_object_set_new(value, "objects", json_count(report->objects));
	json_object_set_new(value, "stored_bytes", json_count(report->bytes));
	json_object_set_new(value, "raw_bytes", json_count(report->raw_bytes));
	json_object_set_new(value, "rows", json_count(report->rows));
	json_object_set_new(value, "unknown_sql", unknown_json(&result->unknown));
	json_object_set_new(value, "bad", bad);
	return value;
}

/* What the catalogue is told of any verification.  A set of files has no database, whatever its
 * name. */
static json_t *
payload_of(const Run *run, const BackupName *name, const char *started)
{
	json_t *payload = catalogue_payload(run->repository, &name->owner, name->id, started);

	if (name->owner.kind == BACKUP_OF_FILES)
		json_object_set_new(payload, "set", json_text(name->owner.name));
	return payload;
}

/* Remember the result in the repository and in the catalogue. */
static void
record(const Run *run, const Result *result, const char *started)
{
	json_t *payload = payload_of(run, result->name, started);
	json_t *bad = json_array();
	bool good = result->nbad == 0;
	int i;

	repository_record_verification(run->repository, result->name, result->manifest, good,
								   !result->locked, &result->unknown, result->bad, result->nbad);
	for (i = 0; i < result->nbad; i++)
		json_array_append_new(bad, json_text(result->bad[i]));
	json_object_set_new(payload, "result", json_string(good ? "ok" : "failed"));
	json_object_set_new(payload, "bad", bad);
	json_object_set_new(payload, "inside", json_boolean(!result->locked));

	/* State and error are this backup's, not those of another one in the same run. */
	json_object_set_new(payload, "state", json_string(good ? "succeeded" : "failed"));
	json_object_set_new(payload, "exit_code", json_integer(good ? EXIT_DONE : EXIT_INTEGRITY));
	if (good)
		json_object_set_new(payload, "error", json_null());
	/* Who verifies all of them has listed them all. */
	if (run->nbackups == 1 && run->settings->general->narguments == 0)
		catalogue_add_present(payload, run->repository);
	catalogue_record(run->settings, EVENT_VERIFY, &result->name->owner, payload);
}

/* Tell the catalogue of a verification that was not done to the end; it proves nothing. */
static void
record_unfinished(const Run *run, const Result *result, const char *started)
{
	catalogue_record(run->settings, EVENT_VERIFY, &result->name->owner,
					 payload_of(run, result->name, started));
}

/* What was found inside with a key is still there, though nobody could look this time. */
static void
warn_of_mark(const Result *result)
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
say_removed(Run *run, const Result *result)
{
	char *label = backup_label(result->name);

	if (run->settings->general->narguments > 0)
	{
		report_error(EXIT_FAILED, NULL, "\"nex_backup list\" shows those that are left.",
					 "backup \"%s\" was removed while it was verified", label);
		run->nfailed++;
	}
	else
		log_info("backup \"%s\" was removed meanwhile, as by \"nex_backup expire\"", label);
	free(label);
}

/* Show what was found out, and remember it. */
static void
conclude(Run *run, Result *result, const Verification *before, bool complete, const char *started)
{
	run->nbackups++;
	result->marked = !result->unknown.looked && verification_has_unknown_sql(before) &&
					 strcmp(before->manifest, result->manifest) == 0;
	if (complete)
	{
		if (result->nbad > 0 || result->unreadable)
			run->nfailed++;
		if (result->marked)
			warn_of_mark(result);
		if (run->results != NULL)
			json_array_append_new(run->results, result_json(result));
		else
		{
			progress_bar_stop();
			print_result(result);
			progress_bar_start(run->settings);
		}
	}

	/* What could not be read proves nothing, neither good nor bad. */
	if (complete && (result->nbad > 0 || !result->unreadable))
		record(run, result, started);
	else
		record_unfinished(run, result, started);
}

/* Verify one backup.  False if the run must end. */
static bool
verify_backup(Run *run, const BackupName *name)
{
	Verification before;
	Result result;
	char started[UTC_EXACT_SIZE];
	bool complete;

	memset(&result, 0, sizeof(result));
	result.name = name;
	utc_now_exact(started);

	/* A damaged record of the last time is damage, too; the new record replaces it. */
	if (!repository_verification(run->repository, name, &before))
		run->nfailed++;
	complete = check_backup(run, &result);

	/* That may have taken hours. */
	if (result.nbad == 0 && !result.removed)
		result.removed = repository_was_removed(run->repository, name);
	if (result.removed)
		say_removed(run, &result);
	else
		conclude(run, &result, &before, complete, started);
	free(result.bad);
	free(result.own_path);
	verify_report_free(&result.report);
	unknown_members_free(&result.unknown);
	return complete;
}

/* Verify the backups and show the sum.  False if anything is wrong. */
static bool
verify_all(Run *run, const BackupName *names, int count)
{
	bool complete = true;
	bool header = repository_check_header(run->repository);
	int i;

	progress_bar_start(run->settings);
	for (i = 0; i < count && complete; i++)
		complete = verify_backup(run, &names[i]);
	progress_bar_stop();
	if (run->results != NULL)
		output_json(json_pack("{s:o, s:b, s:o}", "repository", repository_json(run->repository),
							  "frame_ok", header, "backups", run->results));
	else if (count == 0)
		show_text("no backups in repository \"%s\"\n", run->repository->storage->location);
	return unclear_report(run->repository) && complete && header && run->nfailed == 0;
}

static bool
run_verify(const Settings *settings)
{
	Run run;
	BackupName *names = NULL;
	int count = 0;
	bool good;

	memset(&run, 0, sizeof(run));
	run.settings = settings;
	run.repository = open_repository(settings);
	if (run.repository == NULL)
		return false;
	object_set_init(&run.seen);
	good = repository_lock_shared(run.repository);
	if (good && settings->general->narguments > 0)
	{
		names = xcalloc(1, sizeof(BackupName));
		count = 1;
		good = repository_resolve(run.repository, settings->general->arguments[0], names);
	}
	else if (good)
		good = repository_list_server(run.repository, settings->general->server, &names, &count);
	if (good)
	{
		run.results = settings->general->json ? json_array() : NULL;
		good = verify_all(&run, names, count);
		if (good)
			interrupt_too_late();
	}
	free(names);
	object_set_free(&run.seen);
	repository_close(run.repository);
	return good;
}

const Command command_verify = {
	.name = "verify",
	.summary = "prove that backups are complete and undamaged",
	.arguments = "[DB[/ID]]",
	.min_arguments = 0,
	.max_arguments = 1,
	.options = "jobs allow-unknown-sql",
	.per_call = "allow-unknown-sql",
	.run = run_verify,
	.opens_backups = true,
	.is_run = true,
};
