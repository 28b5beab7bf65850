/*-------------------------------------------------------------------------
 *
 * configuration_backup.c
 *	  Back up a set of configuration files.
 *
 * Files are read and encrypted one after the other and stored as separate
 * objects: readable forms first, whole files after them, so that the kinds of
 * members are in their order.  Nothing in clear leaves this file.
 *
 *-------------------------------------------------------------------------
 */
#include "configuration_backup.h"

#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "draft.h"
#include "encrypted_file.h"
#include "encryption.h"
#include "file_settings.h"
#include "file_source.h"
#include "interrupt.h"
#include "key_files.h"
#include "key_settings.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "settings.h"
#include "text_list.h"
#include "utc_time.h"

/* Does a list come from the command line or the environment? */
static bool
is_stronger(const TextList *list, const TextList *of_set)
{
	return list->count > 0 && list->source > of_set->source;
}

bool
configuration_recipients(const Settings *settings, const Repository *repository,
						 AgeRecipients *recipients)
{
	const AgeRecipients *own =
		repository->encryption != NULL ? &repository->encryption->recipients : NULL;
	const FileSet *set = configuration_set(settings);
	int i;

	if (set != NULL && set->recipient.count + set->recipients_file.count > 0 &&
		!is_stronger(&settings->keys->recipient, &set->recipient) &&
		!is_stronger(&settings->keys->recipients_file, &set->recipients_file))
		return read_recipients(&set->recipient, &set->recipients_file, recipients);
	if (!read_recipients(&settings->keys->recipient, &settings->keys->recipients_file, recipients))
		return false;
	for (i = 0; recipients->count == 0 && own != NULL && i < own->count; i++)
	{
		char text[AGE_RECIPIENT_SIZE];

		age_recipient_text(own->items[i].public_key, text);
		if (own->items[i].type == AGE_X25519)
			age_recipients_add(recipients, text);
	}
	if (recipients->count > 0)
		return true;
	return report_error(
		EXIT_USAGE, NULL,
		"Make a key pair with \"nex_backup config keygen\", and name the public key: "
		"--recipient=age1…, or \"recipient\" of the set under \"file-sets\" in the settings file.",
		"configuration files are encrypted, and no recipient was given");
}

typedef struct ConfigurationBackup
{
	const Settings *settings;
	BackupDraft *draft;
	Manifest *manifest;       /* of the draft */
	EncryptedFile *encrypted; /* one for each of manifest->files */
	int32_t nmembers;
} ConfigurationBackup;

static bool
begin_draft(ConfigurationBackup *backup, Repository *repository, const char *set)
{
	backup->draft = draft_create(repository, BACKUP_OF_FILES, set, backup->settings->backup);
	if (backup->draft == NULL)
		return false;
	backup->manifest = draft_manifest(backup->draft);
	backup->manifest->snapshot_at = utc_now();
	return draft_begin(backup->draft, NULL, NULL);
}

/* The same file under two names would be restored twice. */
static bool
is_known(const Manifest *manifest, const char *path)
{
	uint32_t i;

	for (i = 0; i < manifest->nfiles; i++)
	{
		if (strcmp(manifest->files[i].path, path) == 0)
			return true;
	}
	return false;
}

/* Read a file, encrypt it, and enter it into the manifest. */
static bool
back_up_file(ConfigurationBackup *backup, const char *path, uid_t reader,
			 const AgeRecipients *recipients)
{
	const TextList *words = &backup->settings->files->sensitive_key;
	EncryptedFile *encrypted = &backup->encrypted[backup->manifest->nfiles];
	ManifestFile file;
	Buffer content;
	bool good;

	buffer_init(&content);
	good = file_source_read(path, reader, &file, &content);
	if (good && is_known(backup->manifest, file.path))
	{
		log_warning("file \"%s\" is named twice", file.path);
		manifest_file_clear(&file);
		file_content_free(&content);
		return true;
	}
	good = good && encrypted_file_make(
					   encrypted, file.path, content.data != NULL ? content.data : "",
					   content.length, recipients,
					   words->count > 0 ? (const char *const *) words->items : NULL, words->count);
	if (good)
	{
		file.form = xstrdup(encrypted_form_name(encrypted->form));
		file.reason = xstrdup(encrypted->reason);
		file.secrets = (uint64_t) encrypted->nsecrets;
		if (encrypted->reason != NULL)
			log_info("file \"%s\" is encrypted as a whole: %s", file.path, encrypted->reason);
		manifest_add_file(backup->manifest, &file);
	}
	else
		manifest_file_clear(&file);
	file_content_free(&content);
	return good;
}

/* Store one form of all files: the readable ones first, which is the order of their kinds. */
static bool
store_forms(ConfigurationBackup *backup, MemberKind kind)
{
	Manifest *manifest = backup->manifest;
	bool good = true;
	uint32_t i;

	for (i = 0; i < manifest->nfiles && good; i++)
	{
		ManifestFile *file = &manifest->files[i];
		const Buffer *text =
			kind == MEMBER_FILE ? &backup->encrypted[i].readable : &backup->encrypted[i].whole;

		if (text->length == 0)
			continue;
		good = draft_put(backup->draft, kind, text->data, text->length);
		if (kind == MEMBER_FILE)
			file->readable = backup->nmembers++;
		else
			file->whole = backup->nmembers++;
	}
	return good;
}

Manifest *
configuration_backup(const Settings *settings, Repository *repository, const char *set,
					 char *const *paths, int npaths, const ServerFiles *server,
					 const AgeRecipients *recipients)
{
	ConfigurationBackup backup = {.settings = settings};
	Manifest *manifest = NULL;
	bool good;
	int i;

	backup.encrypted = xcalloc((size_t) npaths + 1, sizeof(EncryptedFile));
	progress_phase("reading files", "files", (uint64_t) npaths, 0);
	good = begin_draft(&backup, repository, set);
	for (i = 0; i < npaths && good; i++)
	{
		good = !stop_requested() &&
			   back_up_file(&backup, paths[i], i >= server->first ? server->reader : READER_IS_US,
							recipients);
		atomic_fetch_add(&progress.units_done, 1);
	}
	if (good && store_forms(&backup, MEMBER_FILE) && store_forms(&backup, MEMBER_FILE_WHOLE))
		manifest = draft_publish(backup.draft, 1);
	for (i = 0; i < npaths; i++)
		encrypted_file_free(&backup.encrypted[i]);
	free(backup.encrypted);
	draft_end(backup.draft);
	return manifest;
}
