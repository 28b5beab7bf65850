/*-------------------------------------------------------------------------
 *
 * configuration_restore.c
 *	  Open a backup of configuration files, compare, put the files back.
 *
 * Nothing is written before every file was opened and every place was looked
 * at.  A set of files cannot be replaced in one step; each single file is,
 * and what lay there stays beside it, so that a restore that stops midway can
 * be run again or taken back.
 *
 *-------------------------------------------------------------------------
 */
#include "configuration_restore.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encrypted_file.h"
#include "file_source.h"
#include "interrupt.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "verify.h"

/* Copy a member's text; nothing for -1. */
static bool
read_form(MemberReader *reader, int32_t member, Buffer *text)
{
	if (member < 0)
		return true;
	if (!member_reader_read(reader, &reader->manifest->members[member]))
		return false;
	buffer_append(text, reader->raw.data, reader->raw.length);
	return true;
}

/* *no_identity: none of these keys opens it, which is for the caller to report. */
static bool
open_file(MemberReader *reader, const AgeIdentities *identities, OpenedFile *file,
		  bool *no_identity)
{
	const char *problem = NULL;
	EncryptedForm form = ENCRYPTED_WHOLE;
	Buffer readable;
	Buffer whole;
	bool good;

	*no_identity = false;
	buffer_init(&readable);
	buffer_init(&whole);
	good = read_form(reader, file->facts->readable, &readable) &&
		   read_form(reader, file->facts->whole, &whole);
	if (good && !encrypted_form_by_name(file->facts->form, &form))
		problem = "is encrypted in a form that is unknown to this version of nex_backup";
	else if (good)
		problem =
			encrypted_file_open(form, &readable, &whole, identities, &file->content, no_identity);
	if (problem != NULL && !*no_identity)
		report_error(EXIT_INTEGRITY, NULL, NULL, "could not open file \"%s\" of the backup: %s",
					 file->facts->path, problem);
	buffer_free(&readable);
	buffer_free(&whole);
	return good && problem == NULL;
}

/* Check the digests of all objects alone: what can be done without a key. */
static bool
configuration_check(Repository *repository, const Manifest *manifest)
{
	VerifyReport report;
	bool good = verify_objects(repository, manifest, VERIFY_DIGESTS, 1, &report);

	good = good && report.nbad == 0;
	verify_report_free(&report);
	return good && !stop_requested();
}

/* Check the digests, and open all files for which there is a key; `locked` is one that has none. */
static bool
open_files(Repository *repository, const Manifest *manifest, const AgeIdentities *identities,
		   OpenedFiles *opened, const OpenedFile **locked)
{
	MemberReader reader;
	bool good;
	uint32_t i;

	*locked = NULL;
	memset(&reader, 0, sizeof(reader));
	opened->files = xcalloc((size_t) manifest->nfiles + 1, sizeof(OpenedFile));
	opened->count = manifest->nfiles;
	for (i = 0; i < opened->count; i++)
	{
		opened->files[i].facts = &manifest->files[i];
		opened->files[i].target.parent = -1;
	}
	good = configuration_check(repository, manifest) &&
		   (identities->count == 0 || member_reader_open(&reader, repository, manifest));
	for (i = 0; i < opened->count && good && identities->count > 0; i++)
	{
		bool no_identity;

		good = open_file(&reader, identities, &opened->files[i], &no_identity) || no_identity;
		if (no_identity)
			*locked = &opened->files[i];
	}
	member_reader_close(&reader);
	return good;
}

bool
configuration_open(Repository *repository, const Manifest *manifest,
				   const AgeIdentities *identities, OpenedFiles *opened)
{
	const OpenedFile *locked;

	if (identities->count == 0)
		return report_error(EXIT_USAGE, NULL, "Name the file with the secret key: --identity=FILE.",
							"configuration files are encrypted, and no identity was given");
	if (!open_files(repository, manifest, identities, opened, &locked))
		return false;
	return locked == NULL ||
		   report_error(
			   EXIT_FAILED, NULL,
			   "It is encrypted for other recipients. Name the file with the secret key of "
			   "one of them: --identity=FILE.",
			   "could not open file \"%s\" of the backup: none of the given identities "
			   "opens it",
			   locked->facts->path);
}

bool
configuration_verify(Repository *repository, const Manifest *manifest,
					 const AgeIdentities *identities, bool *decrypted)
{
	OpenedFiles opened = {NULL, 0};
	const OpenedFile *locked;
	bool good = open_files(repository, manifest, identities, &opened, &locked);

	*decrypted = identities->count > 0 && locked == NULL;
	opened_files_free(&opened);
	return good;
}

bool
configuration_compare(OpenedFiles *opened, const char *directory)
{
	uint32_t i;

	for (i = 0; i < opened->count; i++)
	{
		OpenedFile *file = &opened->files[i];
		char *other;

		if (!file_target_open(&file->target, file->facts, directory))
			return false;
		other = file_target_other_facts(&file->target, file->facts);
		if (!file->target.exists)
			file->state = FILE_MISSING;
		else if (other == NULL && file->target.current.length == file->content.length &&
				 memcmp(file->target.current.data, file->content.data, file->content.length) == 0)
			file->state = FILE_SAME;
		else
			file->state = FILE_DIFFERS;
		free(other);
	}
	return true;
}

bool
configuration_write(OpenedFiles *opened)
{
	time_t now = time(NULL);
	char suffix[32];
	struct tm tm;
	uint32_t i;

	gmtime_r(&now, &tm);
	strftime(suffix, sizeof(suffix), "%Y%m%dT%H%M%SZ", &tm);
	for (i = 0; i < opened->count; i++)
	{
		OpenedFile *file = &opened->files[i];

		if (file->state == FILE_SAME)
			continue;
		if (stop_requested() ||
			!file_target_write(&file->target, file->facts, &file->content, suffix))
			return false;
		file->written = true;
	}
	return true;
}

void
opened_files_free(OpenedFiles *opened)
{
	uint32_t i;

	for (i = 0; i < opened->count; i++)
	{
		file_content_free(&opened->files[i].content);
		file_target_free(&opened->files[i].target);
	}
	free(opened->files);
	memset(opened, 0, sizeof(*opened));
}
