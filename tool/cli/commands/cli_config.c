/*-------------------------------------------------------------------------
 *
 * cli_config.c
 *	  nex_backup config: backups of configuration files.
 *
 * Files belong to no database, so they come in separate sets; what
 * "list", "verify" and so on do for databases has the same names here.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "backup_settings.h"
#include "backup_list.h"
#include "backups.h"
#include "catalogue.h"
#include "choose.h"
#include "command.h"
#include "command_settings.h"
#include "configuration_backup.h"
#include "configuration_restore.h"
#include "configuration_sources.h"
#include "file_settings.h"
#include "find_verb.h"
#include "general_settings.h"
#include "interrupt.h"
#include "keyring.h"
#include "log.h"
#include "masked_diff.h"
#include "memory.h"
#include "output.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "resolve.h"
#include "restore_settings.h"
#include "settings.h"
#include "text_list.h"
#include "unclear.h"
#include "subprocess.h"
#include "utc_time.h"
#include "verification.h"

/* What the words after "config VERB" are. */
typedef struct Verb
{
	const char *name;
	int max_arguments;
	/* NULL: a separate command, which needs no repository */
	bool (*run)(const Settings *settings, Repository *repository, char **arguments, int narguments);
} Verb;

/*
 * Which backup is meant: nothing (the latest of --set), an id of --set, SET
 * (its latest), or SET/ID.
 */
static bool
resolve(const Settings *settings, Repository *repository, const char *text, BackupName *name)
{
	const char *slash = text != NULL ? strchr(text, '/') : NULL;
	const char *set = settings->files->set;
	const char *id = NULL;
	char *copy = NULL;
	bool found;

	if (slash != NULL)
	{
		copy = xstrdup(text);
		copy[slash - text] = '\0';
		set = copy;
		id = slash + 1;
	}
	else if (text != NULL && backup_id_valid(text))
		id = text;
	else if (text != NULL)
		set = text;
	found = repository_resolve_set(repository, set, id, name);
	free(copy);
	return found;
}

static json_t *
file_json(const ManifestFile *file)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", (unsigned) file->mode);
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "path", json_text(file->path),
					 "mode", mode, "owner", file->owner != NULL ? file->owner : "", "bytes",
					 json_count(file->bytes), "modified", json_integer(file->modified), "secrets",
					 json_count(file->secrets), "reason", json_text(file->reason), "form",
					 file->form);
}

static json_t *
backup_json(const Manifest *manifest)
{
	json_t *files = json_array();
	uint32_t i;

	for (i = 0; i < manifest->nfiles; i++)
		json_array_append_new(files, file_json(&manifest->files[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "set", manifest->database.name, "backup",
					 manifest->id, "started", manifest->started, "stored_bytes",
					 json_count(manifest->totals.stored_bytes), "files", files);
}

/* How a file is kept, in words. */
static char *
form_text(const ManifestFile *file)
{
	if (strcmp(file->form, "whole") != 0)
		return xasprintf("%s encrypted in place", pretty_number_of(file->secrets, "secret"));
	if (file->reason != NULL)
		return xasprintf("encrypted as a whole: %s", file->reason);
	return xstrdup("encrypted as a whole");
}

static void
print_files(const Manifest *manifest)
{
	static const char *const headings[] = {"file", "mode", "owner", "bytes", "kept"};
	TextTable *table = text_table_create(5, headings, "lllrl");
	uint32_t i;

	for (i = 0; i < manifest->nfiles; i++)
	{
		const ManifestFile *file = &manifest->files[i];
		char *kept = form_text(file);
		char mode[8];
		const char *cells[] = {file->path, mode, file->owner != NULL ? file->owner : "",
							   pretty_count(file->bytes), kept};

		snprintf(mode, sizeof(mode), "%04o", (unsigned) file->mode);
		text_table_row(table, cells);
		free(kept);
	}
	text_table_print(table);
}

/*
 * The warnings that a restore would give, while the cause can still be found.
 * The backup is stored: that others cannot be listed is a warning, too.
 */
static void
warn_of_clocks(Repository *repository, const Manifest *manifest)
{
	Owner owner = manifest_owner(manifest);
	BackupName *names;
	int count;

	if (!repository_list_readable(repository, &owner, &names, &count))
		return;
	repository_choose(repository, names, count, NULL);
	free(names);
}

/* Tell the catalog how it went; without a manifest, it did not. */
static void
record_backup(const Settings *settings, Repository *repository, const Manifest *manifest,
			  const char *started)
{
	Owner owner = owner_of_files(settings->files->set);
	json_t *payload =
		catalogue_payload(repository, &owner, manifest != NULL ? manifest->id : NULL, started);

	json_object_set_new(payload, "type", json_string(settings->backup->type));
	if (manifest != NULL)
	{
		/* An interrupt that came too late to prevent it does not undo it. */
		json_object_set_new(payload, "state", json_string("succeeded"));
		catalogue_add_manifest(payload, manifest);
		catalogue_add_present(settings, payload, repository);
	}
	catalogue_record(settings, EVENT_BACKUP, &owner, payload);
}

static void
print_backup(const Settings *settings, const Manifest *manifest)
{
	if (settings->general->json)
		output_json(backup_json(manifest));
	else
	{
		show_text("backup %s/%s: %s, %s stored\n", manifest->database.name, manifest->id,
				  pretty_number_of(manifest->nfiles, "file"),
				  pretty_bytes(manifest->totals.stored_bytes));
		print_files(manifest);
	}
}

static bool
config_backup(const Settings *settings, Repository *repository, char **arguments, int narguments)
{
	AgeRecipients recipients;
	Manifest *manifest = NULL;
	char started[UTC_EXACT_SIZE];
	char **paths = NULL;
	int npaths = 0;
	ServerFiles server;
	bool good;

	utc_now_exact(started);
	memset(&recipients, 0, sizeof(recipients));
	good = configuration_sources(settings, arguments, narguments, &paths, &npaths, &server) &&
		   configuration_recipients(settings, repository, &recipients);
	if (good)
	{
		progress_bar_start(settings);
		manifest = configuration_backup(settings, repository, settings->files->set, paths, npaths,
										&server, &recipients);
		progress_bar_stop();
	}
	if (manifest != NULL)
	{
		interrupt_too_late();
		output_done("Backup %s/%s is complete.", manifest->database.name, manifest->id);
	}
	if (good)
		record_backup(settings, repository, manifest, started);
	if (manifest != NULL)
	{
		warn_of_clocks(repository, manifest);
		print_backup(settings, manifest);
	}
	good = manifest != NULL;
	manifest_free(manifest);
	age_recipients_free(&recipients);
	configuration_sources_free(paths, npaths);
	return good;
}

/* One backup with its files. */
static bool
show_backup(const Settings *settings, Repository *repository, const BackupName *name)
{
	Manifest *manifest = repository_manifest_inside(repository, name);

	if (manifest == NULL)
		return false;
	if (settings->general->json)
		output_json(backup_json(manifest));
	else
		print_files(manifest);
	manifest_free(manifest);
	return true;
}

static void
add_list_line(TextTable *table, const BackupSummary *summary, uint32_t nfiles)
{
	char verified[64];
	const char *cells[] = {summary->name.owner.name,
						   summary->name.id,
						   summary->damage != NULL ? "damaged" : summary->type,
						   summary->damage != NULL ? "" : pretty_count(nfiles),
						   summary->damage != NULL ? ""
												   : pretty_bytes(summary->totals.stored_bytes),
						   verified};

	verification_text(summary, verified, sizeof(verified));
	text_table_row(table, cells);
}

/* All backups of a set, or of all sets. */
static bool
list_sets(const Settings *settings, Repository *repository, const char *set)
{
	static const char *const headings[] = {"set", "backup", "type", "files", "stored", "verified"};
	TextTable *table = text_table_create(6, headings, "lllrrl");
	json_t *list = json_array();
	BackupName *names = NULL;
	bool good = true;
	int count = 0;
	int i;

	if (!repository_list_sets(repository, set, &names, &count))
		return false;
	repository_sort(repository, names, count);
	for (i = 0; i < count; i++)
	{
		BackupSummary summary;

		summary_load(repository, &names[i], &summary);
		if (!summary.removed)
		{
			json_array_append_new(list, summary_json(&summary));
			add_list_line(table, &summary, summary.nfiles);
		}
		if (!summary.removed && summary.damage != NULL)
			good = report_damaged(&summary);
		summary_free(&summary);
	}
	if (settings->general->json)
		output_json(
			json_pack("{s:o, s:O}", "repository", repository_json(repository), "backups", list));
	else if (count == 0)
		show_text(
			"no backups of configuration files in repository \"%s\"; make one with: nex_backup "
			"config backup FILE\n",
			repository->storage->location);
	else
		text_table_print(table);
	json_decref(list);
	free(names);
	return unclear_report(repository) && good;
}

static bool
config_list(const Settings *settings, Repository *repository, char **arguments, int narguments)
{
	const char *text = narguments > 0 ? arguments[0] : NULL;
	BackupName name;

	if (text == NULL || (strchr(text, '/') == NULL && !backup_id_valid(text)))
		return list_sets(settings, repository, text);
	return resolve(settings, repository, text, &name) && show_backup(settings, repository, &name);
}

/* Tell the catalog what was found; nothing if it could not be read. */
static void
record_verification(const Settings *settings, Repository *repository, const BackupName *name,
					const char *started, bool good, bool decrypted)
{
	json_t *payload;

	if (repository->storage->past)
		return;
	payload = catalogue_payload(repository, &name->owner, name->id, started);
	/* State and error are this backup's, not those of another one in the same run. */
	if (good || !repository->unreadable)
	{
		json_object_set_new(payload, "result", json_string(good ? "ok" : "failed"));
		json_object_set_new(payload, "inside", json_boolean(decrypted));
		json_object_set_new(payload, "state", json_string(good ? "succeeded" : "failed"));
	}
	if (good)
	{
		json_object_set_new(payload, "exit_code", json_integer(EXIT_DONE));
		json_object_set_new(payload, "error", json_null());
	}
	catalogue_record(settings, EVENT_VERIFY, &name->owner, payload);
}

/* Open every file of one backup; digests are checked on the way. */
static bool
verify_one(const Settings *settings, Repository *repository, const BackupName *name,
		   json_t *results)
{
	Manifest *manifest = repository_manifest(repository, name);
	bool good = manifest != NULL;
	bool decrypted = false;
	bool stays = false; /* the damage that an earlier one has found */
	char started[UTC_EXACT_SIZE];

	utc_now_exact(started);
	if (good)
	{
		good = configuration_verify(repository, manifest, &keyring()->identities, &decrypted);
		/* What could not be read proves nothing. */
		if (good || !repository->unreadable)
			repository_record_verification(repository, name, manifest->seal, good, decrypted, NULL,
										   NULL, 0);
		stays = good && repository_damage_stays(repository, name, manifest->seal, true, decrypted);
		good = good && !stays;
	}
	if (results != NULL)
		json_array_append_new(results,
							  json_pack("{s:s, s:s, s:b, s:b}", "set", name->owner.name, "backup",
										name->id, "ok", good, "decrypted", decrypted));
	else if (good)
		show_text("%s/%s: ok (%s%s)\n", name->owner.name, name->id,
				  pretty_number_of(manifest->nfiles, "file"),
				  decrypted                         ? ", decrypted"
				  : keyring()->identities.count > 0 ? ", digests only: no given identity opens it"
													: ", digests only: no identity was given");
	if (!stop_requested())
		record_verification(settings, repository, name, started, good, decrypted || stays);
	manifest_free(manifest);
	return good;
}

static bool
config_verify(const Settings *settings, Repository *repository, char **arguments, int narguments)
{
	json_t *results = settings->general->json ? json_array() : NULL;
	const char *text = narguments > 0 ? arguments[0] : NULL;
	BackupName *names = NULL;
	bool good = true;
	int count = 0;
	int i;

	if (text != NULL && (strchr(text, '/') != NULL || backup_id_valid(text)))
	{
		names = xcalloc(1, sizeof(BackupName));
		count = 1;
		good = resolve(settings, repository, text, &names[0]);
		count = good ? 1 : 0;
	}
	else
		good = repository_list_sets(repository, text, &names, &count);
	for (i = 0; i < count && !stop_requested(); i++)
		good &= verify_one(settings, repository, &names[i], results);
	if (good && count == 0 && results == NULL)
		show_text("no backups of configuration files in repository \"%s\"\n",
				  repository->storage->location);
	if (results != NULL)
		output_json(json_pack("{s:o}", "backups", results));
	free(names);
	return good && unclear_report(repository);
}

static const char *
state_text(FileState state)
{
	return state == FILE_SAME ? "same" : state == FILE_DIFFERS ? "differs" : "missing";
}

/* Say of each file whether it is the same, and show what differs. */
static bool
show_differences(const Settings *settings, const OpenedFiles *opened)
{
	char *directory = temporary_directory_create();
	const TextList *words = &settings->files->sensitive_key;
	bool good = directory != NULL;
	uint32_t i;

	for (i = 0; i < opened->count && good; i++)
	{
		const OpenedFile *file = &opened->files[i];
		char *other;
		Buffer text;

		if (file->state != FILE_DIFFERS)
		{
			show_text("%s: %s\n", file->target.path, state_text(file->state));
			continue;
		}
		buffer_init(&text);
		good = masked_diff(file->target.path, &file->target.current, &file->content,
						   words->count > 0 ? (const char *const *) words->items : NULL,
						   words->count, directory, &text);
		if (good)
			show_text("%.*s", (int) text.length, text.data);
		other = file_target_other_facts(&file->target, file->facts);
		if (other != NULL)
			show_text("%s: %s\n", file->target.path, other);
		free(other);
		buffer_free(&text);
	}
	fflush(stdout);
	temporary_directory_remove(directory);
	return good;
}

static json_t *
opened_json(const OpenedFiles *opened)
{
	json_t *files = json_array();
	uint32_t i;

	for (i = 0; i < opened->count; i++)
	{
		const OpenedFile *file = &opened->files[i];

		json_array_append_new(files, json_pack("{s:o, s:o, s:s, s:b, s:o}", "path",
											   json_text(file->facts->path), "target",
											   json_text(file->target.path), "state",
											   state_text(file->state), "written", file->written,
											   "kept_as", json_text(file->target.kept_as)));
	}
	return files;
}

/* How many files would be, or were, written. */
static uint64_t
count_changes(const OpenedFiles *opened)
{
	uint64_t changes = 0;
	uint32_t i;

	for (i = 0; i < opened->count; i++)
		changes += opened->files[i].state != FILE_SAME ? 1 : 0;
	return changes;
}

/* Replacing a file takes a yes. */
static bool
confirm(const Settings *settings, const OpenedFiles *opened)
{
	uint64_t replaced = 0;
	uint32_t i;

	for (i = 0; i < opened->count; i++)
		replaced += opened->files[i].state == FILE_DIFFERS ? 1 : 0;
	if (replaced == 0 || settings->restore->yes)
		return true;
	if (!isatty(STDIN_FILENO))
		return report_error(EXIT_USAGE, NULL,
							"Use --yes to replace them without confirmation, or --restore-dir to "
							"put them elsewhere.",
							"%s would be replaced, and there is no terminal to ask on",
							pretty_number_of(replaced, "file"));
	show_question("Replace %s?  What is there is kept beside it. [y/N] ",
				  pretty_number_of(replaced, "file"));
	if (ask_yes())
		return true;
	return report_error(EXIT_FAILED, NULL, NULL, "nothing was changed");
}

static void
print_written(const OpenedFiles *opened)
{
	uint32_t i;

	for (i = 0; i < opened->count; i++)
	{
		const OpenedFile *file = &opened->files[i];

		if (!file->written)
			continue;
		if (file->target.kept_as != NULL)
			show_text("restored %s; what was there is %s\n", file->target.path,
					  file->target.kept_as);
		else
			show_text("restored %s\n", file->target.path);
	}
	if (count_changes(opened) == 0)
		show_text("all files are as in the backup; nothing was changed\n");
}

/* Open a backup and compare it with what lies on this machine. */
static bool
open_and_compare(const Settings *settings, Repository *repository, const char *text,
				 Manifest **manifest, OpenedFiles *opened)
{
	BackupName name;

	if (!resolve(settings, repository, text, &name))
		return false;
	*manifest = repository_manifest_inside(repository, &name);
	return *manifest != NULL &&
		   configuration_open(repository, *manifest, &keyring()->identities, opened) &&
		   configuration_compare(opened, settings->files->restore_dir);
}

static bool
config_restore(const Settings *settings, Repository *repository, char **arguments, int narguments)
{
	OpenedFiles opened = {NULL, 0};
	Manifest *manifest = NULL;
	bool good = open_and_compare(settings, repository, narguments > 0 ? arguments[0] : NULL,
								 &manifest, &opened);

	if (good && !settings->general->json)
		good = show_differences(settings, &opened);
	if (good && !settings->command->dry_run)
	{
		good = confirm(settings, &opened) && configuration_write(&opened);
		if (good)
		{
			interrupt_too_late();
			output_done("The files of backup %s/%s were restored.", manifest->database.name,
						manifest->id);
		}
		if (!settings->general->json)
			print_written(&opened);
	}
	if (good && settings->general->json)
		output_json(json_pack("{s:s, s:s, s:o}", "set", manifest->database.name, "backup",
							  manifest->id, "files", opened_json(&opened)));
	opened_files_free(&opened);
	manifest_free(manifest);
	return good;
}

static bool
config_diff(const Settings *settings, Repository *repository, char **arguments, int narguments)
{
	CommandSettings command = *settings->command;
	Settings copy = *settings;

	command.dry_run = true;
	copy.command = &command;
	return config_restore(&copy, repository, arguments, narguments);
}

static const Verb verbs[] = {
	{"backup", INT32_MAX, config_backup}, {"list", 1, config_list}, {"verify", 1, config_verify},
	{"restore", 1, config_restore},       {"diff", 1, config_diff}, {"keygen", 0, NULL},
};

static bool
run_config(const Settings *settings)
{
	char **arguments = settings->general->arguments + 1;
	int narguments = settings->general->narguments - 1;
	Repository *repository;
	const Verb *verb = FIND_VERB("config", settings->general->arguments[0], verbs);
	bool good;

	if (verb == NULL)
		return false;
	if (narguments > verb->max_arguments)
		return report_error(EXIT_USAGE, NULL, "\"nex_backup help config\" shows the usage.",
							"too many arguments for \"config %s\"", verb->name);
	if (verb->run == NULL)
		return command_keygen.run(settings);
	keyring_use_for_files();
	repository = open_repository(settings);
	if (repository == NULL)
		return false;
	good = repository_lock_shared(repository) &&
		   verb->run(settings, repository, arguments, narguments);
	repository_close(repository);
	return good;
}

const Command command_config = {
	.name = "config",
	.summary = "back up and restore configuration files, secrets encrypted",
	.arguments = "backup FILE…|list [SET]|verify|diff|restore [ID]|keygen",
	.min_arguments = 1,
	.max_arguments = INT32_MAX,
	.options = "set postgres restore-dir yes dry-run recipient recipients-file sensitive-key type "
			   "compress dbname host port username no-password password output as-of",
	.per_call = "yes dry-run",
	.per_call_words = "restore",
	.always_per_call = "as-of",
	.run_words = "backup",
	.run = run_config,
	.opens_backups = true,
	.no_repository_words = "keygen",
};
