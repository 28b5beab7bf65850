/*-------------------------------------------------------------------------
 *
 * cli_verify.c
 *	  nex_backup verify
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "backup_list.h"
#include "catalogue.h"
#include "command.h"
#include "command_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "other_places.h"
#include "output.h"
#include "progress_bar.h"
#include "repository_view.h"
#include "resolve.h"
#include "server_record.h"
#include "settings.h"
#include "settings.h"
#include "unclear.h"
#include "verify_run.h"
#include "wal_needed.h"

/* One run over one or all backups. */
typedef struct Run
{
	const Settings *settings;
	Repository *repository;
	VerifyLevel level;
	int percent;
	json_t *results; /* NULL without --json */
	int nbackups;
	WalPlace wal; /* of the base backup that is looked at */
} Run;

/* By this verification, or by a deeper one before. */
static bool
found_damaged(const VerifiedBackup *result)
{
	return result->nbad > 0 || result->damage_stays;
}

/* "ok" is what a backup is that has no bad file and no SQL of unknown form. */
static const char *
verdict_of(const VerifiedBackup *result)
{
	return result->unknown.count > 0 ? "not damaged, but UNKNOWN SQL" : "ok";
}

/* A good one of which not all was read, or nothing was opened. */
static void
print_partly(const Run *run, const char *label, const VerifiedBackup *result)
{
	const VerifyReport *report = &result->report;
	const char *objects = pretty_number_of(report->objects, "object");

	if (run->level == VERIFY_LEVEL_PRESENT)
		show_text("%s: all objects are there (%s, %s); none was read\n", label, objects,
				  pretty_bytes(report->bytes));
	else if (run->level == VERIFY_LEVEL_STORED)
		show_text("%s: stored bytes ok (%s, %s); what is in them was not checked\n", label, objects,
				  pretty_bytes(report->bytes));
	else
		show_text("%s: sample ok (%llu of %s, %s of %s); the other objects are there\n", label,
				  (unsigned long long) result->read_objects, objects,
				  pretty_bytes(result->read_bytes), pretty_bytes(report->bytes));
}

static void
print_result(const Run *run, const VerifiedBackup *result)
{
	const VerifyReport *report = &result->report;
	char *label = backup_label(result->name);
	MemberKind member;
	uint64_t again = 0;
	int i;

	if (result->nbad == 0 && result->unreadable)
		show_text("%s: NOT VERIFIED (it could not be read)\n", label);
	else if (result->nbad == 0 && run->level != VERIFY_LEVEL_FULL)
		print_partly(run, label, result);
	else if (result->nbad == 0 && result->locked)
		show_text(
			"%s: stored bytes and signature ok (%s, %s); no key at hand opens it, so what is in it "
			"was not checked%s\n",
			label, pretty_number_of(report->objects, "object"), pretty_bytes(report->bytes),
			result->marked ? "; an earlier verification found UNKNOWN SQL" : "");
	else if (result->nbad == 0 && result->name->owner.kind != BACKUP_OF_DATABASE)
		show_text("%s: %s (%s, %s stored, %s of %s)\n", label, verdict_of(result),
				  pretty_number_of(report->objects, "object"), pretty_bytes(report->bytes),
				  pretty_bytes(report->raw_bytes),
				  result->name->owner.kind == BACKUP_OF_CLUSTER ? "files" : "text");
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
	if (result->damage_stays)
		show_text("  KNOWN TO BE DAMAGED: an earlier verification looked deeper\n");
	if (result->own_path != NULL)
		show_text("  %s is damaged\n", result->own_path);
	for (i = 0; i < report->nbad; i++)
	{
		again += report->bad[i].again;
		if (!report->bad[i].again)
			show_text("  %s %s%s%s\n", report->bad[i].path, report->bad[i].problem,
					  report->bad[i].tables[0] != '\0' ? "; tables: " : "", report->bad[i].tables);
	}
	if (result->name->owner.kind == BACKUP_OF_CLUSTER && run->wal == WAL_ELSEWHERE)
		show_text("  its WAL is not here: recovery needs that from another repository\n");
	if (again > 0)
		show_text("  %s named above\n", pretty_number_of(again, "bad file"));
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
result_json(const Run *run, const VerifiedBackup *result)
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
						json_string(found_damaged(result) ? "failed"
									: result->unreadable  ? "unreadable"
														  : "ok"));
	json_object_set_new(value, "inside", json_boolean(result->inside));
	json_object_set_new(value, "objects_read", json_count(result->read_objects));
	json_object_set_new(value, "bytes_read", json_count(result->read_bytes));
	json_object_set_new(value, "objects", json_count(report->objects));
	json_object_set_new(value, "stored_bytes", json_count(report->bytes));
	json_object_set_new(value, "raw_bytes", json_count(report->raw_bytes));
	json_object_set_new(value, "rows", json_count(report->rows));
	json_object_set_new(value, "unknown_sql", unknown_json(&result->unknown));
	json_object_set_new(value, "bad", bad);
	if (result->name->owner.kind == BACKUP_OF_CLUSTER)
		json_object_set_new(value, "wal_is_elsewhere", json_boolean(run->wal == WAL_ELSEWHERE));
	return value;
}

/* What the catalog is told of any verification. */
static json_t *
payload_of(const VerifiedBackup *result)
{
	return catalogue_payload(result->home, &result->name->owner, result->name->id, result->started);
}

/* Remember the result in the catalog, too. */
static void
record_proved(const Run *run, const VerifiedBackup *result)
{
	json_t *payload = payload_of(result);
	json_t *bad = json_array();
	bool good = !found_damaged(result);
	int i;

	for (i = 0; i < result->nbad; i++)
		json_array_append_new(bad, json_text(result->bad[i]));
	json_object_set_new(payload, "result", json_string(good ? "ok" : "failed"));
	json_object_set_new(payload, "bad", bad);
	json_object_set_new(payload, "inside", json_boolean(result->inside || result->damage_stays));

	/* State and error are this backup's, not those of another one in the same run. */
	json_object_set_new(payload, "state", json_string(good ? "succeeded" : "failed"));
	json_object_set_new(payload, "exit_code", json_integer(good ? EXIT_DONE : EXIT_INTEGRITY));
	if (good)
		json_object_set_new(payload, "error", json_null());
	/* Who verifies all of them has listed them all. */
	if (run->nbackups == 1 && run->settings->general->narguments == 0 &&
		!repository_has_others(run->repository))
		catalogue_add_present(run->settings, payload, run->repository);
	catalogue_record(run->settings, EVENT_VERIFY, &result->name->owner, payload);
}

/* Tell the catalog of a verification that was not done to the end; it proves nothing. */
static void
record_unfinished(const Run *run, const VerifiedBackup *result)
{
	catalogue_record(run->settings, EVENT_VERIFY, &result->name->owner, payload_of(result));
}

/* The files of a base backup are nothing without the WAL of its time. */
static void
look_at_wal(Repository *home, const Manifest *manifest, VerifyReport *report, void *argument)
{
	Run *run = argument;

	run->wal = WAL_HERE;
	if (manifest->kind == BACKUP_OF_CLUSTER)
		run->wal = wal_needed_check(
			home, manifest, run->level == VERIFY_LEVEL_FULL || run->level == VERIFY_LEVEL_STORED,
			report);
}

/* Show what was found out, and tell the catalog. */
static void
show_result(const VerifiedBackup *result, void *argument)
{
	Run *run = argument;

	run->nbackups++;
	if (result->complete && run->results != NULL)
		json_array_append_new(run->results, result_json(run, result));
	else if (result->complete)
	{
		progress_bar_stop();
		print_result(run, result);
		progress_bar_start(run->settings);
	}
	/* What was true at an earlier time says nothing of the present. */
	if (run->repository->storage->past)
		return;
	if (result->proved)
		record_proved(run, result);
	else
		record_unfinished(run, result);
}

/* Could all of each place be looked at?  False (reported) if not. */
static bool
all_is_clear(Repository *repository)
{
	const Repository *place;
	bool clear = true;
	int n;

	for (n = 0; (place = repository_place(repository, 0, n)) != NULL; n++)
		clear = unclear_report(place) && clear;
	return clear;
}

/* Verify the backups and show the sum.  False if anything is wrong. */
static bool
verify_all(Run *run, const BackupName *names, int count)
{
	const VerifyRequest request = {.settings = run->settings,
								   .repository = run->repository,
								   .level = run->level,
								   .percent = run->percent,
								   .named = run->settings->general->narguments > 0,
								   .besides = look_at_wal,
								   .verified = show_result,
								   .argument = run};
	bool header = repository_check_header(run->repository);
	bool servers = server_records_check(run->repository, names, count);
	bool good;

	progress_bar_start(run->settings);
	good = verify_run(&request, names, count);
	progress_bar_stop();
	if (run->results != NULL)
		output_json(json_pack("{s:o, s:b, s:b, s:s, s:i, s:o}", "repository",
							  repository_json(run->repository), "frame_ok", header, "servers_ok",
							  servers, "level", verify_level_name(run->level), "percent",
							  run->percent, "backups", run->results));
	else if (count == 0)
		show_text("no backups in repository \"%s\"\n", run->repository->storage->location);
	return all_is_clear(run->repository) && good && header && servers;
}

static bool
run_verify(const Settings *settings)
{
	Run run = {.settings = settings, .repository = open_repository_places(settings, true)};
	BackupName *names = NULL;
	int count = 0;
	bool good;

	if (run.repository == NULL)
		return false;
	verify_level_parse(settings->command->level, &run.level, &run.percent);
	good = repository_lock_shared(run.repository);
	/* What reads no object asks for little else; nothing is removed meanwhile. */
	if (good && run.level == VERIFY_LEVEL_PRESENT && run.repository->shared_lock != NULL &&
		!repository_has_others(run.repository))
		repository_look_begin(run.repository, false);
	if (good && settings->general->narguments > 0)
	{
		names = xcalloc(1, sizeof(BackupName));
		count = 1;
		good =
			settings->command->clusters
				? repository_resolve_cluster(run.repository, settings->general->arguments[0], names)
				: repository_resolve(run.repository, settings->general->arguments[0], names);
	}
	else if (good && settings->command->clusters)
		good = repository_list_clusters(run.repository, NULL, &names, &count);
	else if (good)
		good = repository_check_server(run.repository) &&
			   repository_list_server(run.repository, settings->general->server, &names, &count);
	if (good)
	{
		run.results = settings->general->json ? json_array() : NULL;
		good = verify_all(&run, names, count);
		if (good)
			interrupt_too_late();
	}
	free(names);
	repository_look_end(run.repository);
	repository_close(run.repository);
	return good;
}

const Command command_verify = {
	.name = "verify",
	.summary = "prove that backups are complete and undamaged",
	.arguments = "[DB[/ID]]",
	.min_arguments = 0,
	.max_arguments = 1,
	.options = "level jobs allow-unknown-sql as-of",
	.per_call = "level allow-unknown-sql as-of",
	.run = run_verify,
	.opens_backups = true,
	.is_run = true,
	.several_places = true,
};
