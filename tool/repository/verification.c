/*-------------------------------------------------------------------------
 *
 * verification.c
 *	  Remembering when a backup was last verified, in a sealed file beside
 *	  its manifest (docs/format.md, section 8).
 *
 *-------------------------------------------------------------------------
 */
#include "repository.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json_bounds.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "seal.h"
#include "seal_append.h"
#include "unclear.h"
#include "utc_time.h"
#include "verification.h"

/* As the server reads it; the list of damaged files is cut to fit. */
#define MAX_RECORD_BYTES (64 * 1024)
#define MAX_RECORD_VALUES 1000
#define MAX_BAD_BYTES (48 * 1024)
#define MAX_BAD_FILES 400
#define RECORD_HINT "Run \"nex_backup verify\" for this backup; it writes the record again."

/* The members that hold SQL of unknown form; the key is missing where nobody looked. */
static void
parse_unknown_sql(const json_t *members, Verification *result)
{
	size_t i;

	result->looked = json_is_array(members);
	for (i = 0; i < json_array_size(members); i++)
	{
		const char *name = json_string_value(json_array_get(members, i));
		MemberKind kind;

		for (kind = 0; name != NULL && kind < MEMBER_KINDS; kind++)
			result->unknown_sql[kind] |= strcmp(name, member_kind_name(kind)) == 0;
	}
}

bool
verification_has_unknown_sql(const Verification *verification)
{
	int i;

	for (i = 0; i < MEMBER_KINDS; i++)
	{
		if (verification->unknown_sql[i])
			return true;
	}
	return false;
}

/* What is known of the inside, of which manifest: lines of JSON, which may be none.  Caller frees.
 */
static char *
findings_json(const Verification *verification)
{
	Buffer json;
	int listed = 0;
	int i;

	buffer_init(&json);
	buffer_append_string(&json, "");
	if (verification->manifest[0] != '\0')
		buffer_printf(&json, "\"manifest\": \"%s\",\n", verification->manifest);
	if (verification->opened[0] != '\0')
		buffer_printf(&json, "\"opened\": \"%s\",\n", verification->opened);
	if (!verification->looked)
		return buffer_detach(&json);
	buffer_append_string(&json, "\"unknown_sql\": [");
	for (i = 0; i < MEMBER_KINDS; i++)
	{
		if (verification->unknown_sql[i])
			buffer_printf(&json, "%s\"%s\"", listed++ > 0 ? "," : "", member_kind_name(i));
	}
	buffer_append_string(&json, "],\n");
	return buffer_detach(&json);
}

/* What the record says; returns NULL or what is wrong with it. */
static const char *
parse_record(const Buffer *file, const BackupName *name, Verification *result)
{
	static const JsonBounds bounds = {MAX_RECORD_BYTES, 32, MAX_RECORD_VALUES};
	const char *problem = seal_check(file->data != NULL ? file->data : "", file->length);
	const char *backup;
	const char *time;
	const char *verdict;
	const char *manifest;
	const char *opened;
	double seconds;
	json_t *root;

	if (problem == NULL)
		problem = json_beyond(file->data, file->length, &bounds);
	if (problem != NULL)
		return problem;
	root = json_loadb(file->data, file->length, JSON_REJECT_DUPLICATES, NULL);
	backup = json_string_value(json_object_get(root, "backup"));
	time = json_string_value(json_object_get(root, "verified"));
	verdict = json_string_value(json_object_get(root, "result"));
	manifest = json_string_value(json_object_get(root, "manifest"));
	opened = json_string_value(json_object_get(root, "opened"));
	if (backup == NULL || strcmp(backup, name->id) != 0 || time == NULL ||
		strlen(time) >= sizeof(result->time) || !utc_time_parse(time, &seconds) ||
		verdict == NULL || json_integer_value(json_object_get(root, "format")) != 1 ||
		(strcmp(verdict, "ok") != 0 && strcmp(verdict, "failed") != 0))
		problem = "is not a verification record of this backup";
	else
	{
		result->known = true;
		result->ok = strcmp(verdict, "ok") == 0;
		result->inside = json_array_size(json_object_get(root, "checked")) > 2;
		parse_unknown_sql(json_object_get(root, "unknown_sql"), result);
		if (manifest != NULL && digest_hex_valid(manifest))
			memcpy(result->manifest, manifest, sizeof(result->manifest));
		if (opened != NULL && strlen(opened) < sizeof(result->opened) &&
			utc_time_parse(opened, &seconds))
			memcpy(result->opened, opened, strlen(opened) + 1);
		memcpy(result->time, time, strlen(time) + 1);
	}
	json_decref(root);
	return problem;
}

/* Read the record; NULL, also where there is none, or what is wrong with it. */
static const char *
read_record(Repository *repository, const char *path, const BackupName *name, Verification *result)
{
	const char *problem = NULL;
	StoreResult reading;
	Buffer file;

	memset(result, 0, sizeof(*result));
	buffer_init(&file);
	reading = storage_read(repository->storage, path, MAX_RECORD_BYTES, &file);
	if (reading.code == STORE_OK)
		problem = parse_record(&file, name, result);
	else if (store_inaccessible(&reading))
		unclear_error(repository, path, &reading, false);
	else if (reading.code != STORE_ABSENT)
		problem = "is not a regular file, or larger than it can be";
	buffer_free(&file);
	return problem;
}

bool
repository_verification(Repository *repository, const BackupName *name, Verification *result)
{
	char *path = backup_path(name, ".verified");
	const char *problem = read_record(repository, path, name, result);

	if (problem != NULL)
		repository_damaged(repository, path, problem, RECORD_HINT);
	free(path);
	return problem == NULL;
}

void
repository_warn_verification(Repository *repository, const BackupName *name)
{
	char *path = backup_path(name, ".verified");
	Verification verification;
	const char *problem = read_record(repository, path, name, &verification);

	if (problem != NULL)
		log_warning_hint(RECORD_HINT, "file \"%s/%s\" %s", repository->storage->location, path,
						 problem);
	free(path);
}

bool
repository_verification_failed(Repository *repository, const BackupName *name)
{
	char *path = backup_path(name, ".verified");
	Verification verification;
	bool failed = read_record(repository, path, name, &verification) == NULL &&
				  verification.known && !verification.ok;

	free(path);
	return failed;
}

void
repository_verified_manifest(Repository *repository, const BackupName *name, DigestHex seal)
{
	char *path = backup_path(name, ".verified");
	Verification verification;

	seal[0] = '\0';
	if (read_record(repository, path, name, &verification) == NULL)
		memcpy(seal, verification.manifest, sizeof(verification.manifest));
	free(path);
}

/* The damaged files as JSON, as many as the record has room for; caller frees. */
static char *
bad_files_json(const char *const *bad, int nbad)
{
	json_t *files = json_array();
	size_t bytes = 0;
	char *list;
	int i;

	for (i = 0; i < nbad && i < MAX_BAD_FILES; i++)
	{
		char *one;

		json_array_append_new(files, json_text(bad[i]));
		one = json_dumps(json_array_get(files, (size_t) i), JSON_ENCODE_ANY);
		bytes += one != NULL ? strlen(one) + 1 : 0;
		free(one);
		if (bytes > MAX_BAD_BYTES)
		{
			json_array_remove(files, (size_t) i);
			break;
		}
	}
	list = json_dumps(files, JSON_COMPACT);
	json_decref(files);
	return list;
}

/*
 * Without a key, or in a damaged backup, nobody can look inside.  What an
 * earlier verification has found there is still true, as long as the manifest
 * is the same one; where it cannot be read, nothing says that it is not.
 */
static void
keep_deeper_findings(const Verification *before, const char *manifest, bool ok, bool inside,
					 Verification *now)
{
	if (manifest[0] != '\0' && before->manifest[0] != '\0' &&
		strcmp(manifest, before->manifest) != 0)
		return;
	if (now->manifest[0] == '\0')
		memcpy(now->manifest, before->manifest, sizeof(now->manifest));
	if (!now->looked)
	{
		now->looked = before->looked;
		memcpy(now->unknown_sql, before->unknown_sql, sizeof(now->unknown_sql));
	}
	if (ok && !inside)
		memcpy(now->opened, before->opened, sizeof(now->opened));
}

/* What is known of the inside by now; the record itself is still that of the last time. */
static void
sum_up_findings(Repository *repository, const char *path, const BackupName *name,
				const char *manifest, bool ok, bool inside, const UnknownMembers *unknown,
				Verification *now)
{
	Verification before;
	int i;

	memset(now, 0, sizeof(*now));
	memcpy(now->manifest, manifest, strlen(manifest) + 1);
	now->looked = unknown != NULL && unknown->looked;
	for (i = 0; now->looked && i < MEMBER_KINDS; i++)
		now->unknown_sql[i] = unknown->of[i].count > 0;
	if (read_record(repository, path, name, &before) == NULL && before.known)
		keep_deeper_findings(&before, manifest, ok, inside, now);
}

/*
 * A look at the stored bytes says nothing of what was found wrong in what they
 * hold, and one at some of the bytes nothing of what was found wrong at all.
 */
static bool
damage_stays(Repository *repository, const char *path, const BackupName *name, const char *manifest,
			 bool proves, bool inside)
{
	Verification before;

	if (read_record(repository, path, name, &before) != NULL || !before.known || before.ok ||
		(proves && (inside || !before.inside)))
		return false;
	return manifest[0] == '\0' || before.manifest[0] == '\0' ||
		   strcmp(manifest, before.manifest) == 0;
}

bool
repository_damage_stays(Repository *repository, const BackupName *name, const char *manifest,
						bool proves, bool inside)
{
	char *path = backup_path(name, ".verified");
	bool stays = damage_stays(repository, path, name, manifest, proves, inside);
	char *owner;

	if (stays)
	{
		owner = owner_name(&name->owner);
		report_error(EXIT_INTEGRITY,
					 "An earlier verification looked deeper than this one, and found it damaged.",
					 "Verify it at level \"full\", with the key if it is encrypted.",
					 "backup \"%s/%s\" is still known to be damaged", owner, name->id);
		free(owner);
	}
	free(path);
	return stays;
}

void
repository_record_verification(Repository *repository, const BackupName *name, const char *manifest,
							   bool ok, bool inside, const UnknownMembers *unknown,
							   const char *const *bad, int nbad)
{
	char *path = backup_path(name, ".verified");
	Verification findings;
	time_t now = time(NULL);
	char text[32];
	Buffer json;
	char *list = bad_files_json(bad, nbad);
	char *found;
	struct tm tm;
	StoreResult not_lasting;
	StoreResult result;

	if (repository->storage->past || damage_stays(repository, path, name, manifest, true, inside))
	{
		free(list);
		free(path);
		return;
	}
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	sum_up_findings(repository, path, name, manifest, ok, inside, unknown, &findings);
	if (ok && inside)
		memcpy(findings.opened, text, sizeof(text));
	found = findings_json(&findings);
	buffer_init(&json);
	buffer_printf(
		&json,
		"{\n\"format\": 1,\n\"backup\": \"%s\",\n\"verified\": \"%s\",\n\"result\": \"%s\",\n"
		"\"checked\": [\"stored\", \"hashed\"%s],\n%s\"bad\": %s",
		name->id, text, ok ? "ok" : "failed", inside ? ", \"decompressed\", \"counted\"" : "",
		found, list);
	free(found);
	free(list);
	result =
		seal_append(&json)
			? storage_write_lasting(repository->storage, path, json.data, json.length, &not_lasting)
			: store_failure(STORE_FAILED, NULL, "its digest could not be computed");
	buffer_free(&json);
	if (result.code != STORE_OK)
		log_warning("could not record the verification in \"%s/%s\": %s",
					repository->storage->location, path, result.text);
	free(path);
}
