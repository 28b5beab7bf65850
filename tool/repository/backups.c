/*-------------------------------------------------------------------------
 *
 * backups.c
 *	  The backups of a repository: reading, publishing, removing.
 *
 *-------------------------------------------------------------------------
 */
#include "repository.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "backups.h"
#include "log.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "names.h"
#include "quote.h"
#include "unclear.h"

#define MANIFEST_HINT                                                                              \
	"\"nex_backup verify\" tells what else is damaged, \"nex_backup list\" which backups there "   \
	"are."

/* Note that a file of a backup could not be read, if that is no damage; gives what to say of it. */
static char *
note_unreadable(Repository *repository, const char *path, const StoreResult *result)
{
	if (store_inaccessible(result))
	{
		repository->manifest_unreadable = true;
		unclear_error(repository, path, result, true);
	}
	return xasprintf("could not be read: %s", result->text);
}

bool
repository_check_listing(Repository *repository, const BackupName *name, const Manifest *manifest,
						 char **error)
{
	char *path = backup_path(name, ".sha256");
	Buffer expected;
	Buffer found;
	StoreResult result;

	*error = NULL;
	buffer_init(&expected);
	buffer_init(&found);
	manifest_listing(manifest, &expected);
	result = storage_read(repository->storage, path, MAX_MANIFEST_BYTES, &found);
	if (result.code == STORE_ABSENT)
		*error = xasprintf("file \"%s/%s\" is missing", repository->storage->location, path);
	else if (result.code != STORE_OK)
	{
		char *problem = note_unreadable(repository, path, &result);

		*error = xasprintf("file \"%s/%s\" %s", repository->storage->location, path, problem);
		free(problem);
	}
	else if (found.length != expected.length ||
			 memcmp(found.data, expected.data, found.length) != 0)
		*error = xasprintf("file \"%s/%s\" does not match its manifest",
						   repository->storage->location, path);
	buffer_free(&expected);
	buffer_free(&found);
	free(path);
	return *error == NULL;
}

static bool
is_named(const Manifest *manifest, const BackupName *name)
{
	Owner owner = manifest_owner(manifest);

	return owner_equal(&owner, &name->owner) && strcmp(manifest->id, name->id) == 0;
}

Manifest *
repository_manifest_stored(Repository *repository, const BackupName *name, Buffer *json,
						   char **error)
{
	char *path = backup_path(name, ".json");
	Manifest *manifest = NULL;
	char *problem = NULL;
	StoreResult result;

	*error = NULL;
	repository->manifest_unreadable = false;
	buffer_reset(json);
	result = storage_read(repository->storage, path, MAX_MANIFEST_BYTES, json);
	if (result.code == STORE_ABSENT)
		problem = xstrdup("is missing");
	else if (result.code != STORE_OK)
		problem = note_unreadable(repository, path, &result);
	else
		manifest =
			manifest_open(repository, json->data != NULL ? json->data : "", json->length, &problem);
	if (manifest != NULL && !is_named(manifest, name))
		problem = xstrdup("is that of another backup");
	if (problem != NULL)
		*error = xasprintf("file \"%s/%s\" %s", repository->storage->location, path, problem);
	free(problem);
	free(path);
	if (*error == NULL)
		return manifest;
	manifest_free(manifest);
	return NULL;
}

Manifest *
repository_manifest_alone(Repository *repository, const BackupName *name, char **error)
{
	Manifest *manifest;
	Buffer json;

	buffer_init(&json);
	manifest = repository_manifest_stored(repository, name, &json, error);
	buffer_free(&json);
	return manifest;
}

Manifest *
repository_manifest_try(Repository *repository, const BackupName *name, char **error)
{
	Manifest *manifest = repository_manifest_alone(repository, name, error);

	if (manifest == NULL || repository_check_listing(repository, name, manifest, error))
		return manifest;
	manifest_free(manifest);
	return NULL;
}

/*
 * expire takes the manifest away first, and always leaves another backup of
 * the same owner.  Where nothing else is left, as behind a mount that was lost,
 * something else has happened.
 */
bool
repository_was_removed(Repository *repository, const BackupName *name)
{
	char *path = backup_path(name, ".json");
	BackupName *others = NULL;
	int count = 0;
	bool removed = storage_look(repository->storage, path).code == STORE_ABSENT &&
				   repository_list_readable(repository, &name->owner, &others, &count) && count > 0;

	free(others);
	free(path);
	return removed;
}

static void
report_removed(const BackupName *name)
{
	char *owner = owner_name(&name->owner);
	char *shown = printable_name(owner);

	report_error(EXIT_FAILED, NULL, "\"nex_backup list\" shows those that are left.",
				 "backup \"%s/%s\" was removed meanwhile, as by \"nex_backup expire\"", shown,
				 name->id);
	free(shown);
	free(owner);
}

Manifest *
repository_manifest(Repository *repository, const BackupName *name)
{
	char *error;
	Manifest *manifest = repository_manifest_try(repository, name, &error);

	if (manifest == NULL && repository->manifest_unreadable)
		report_error(EXIT_FAILED, NULL, NULL, "%s", error);
	else if (manifest == NULL && repository_was_removed(repository, name))
		report_removed(name);
	else if (manifest == NULL)
		report_error(EXIT_INTEGRITY, NULL, MANIFEST_HINT, "%s", error);
	free(error);
	return manifest;
}

Manifest *
repository_manifest_inside(Repository *repository, const BackupName *name)
{
	Manifest *manifest = repository_manifest(repository, name);

	if (manifest == NULL || manifest_require_open(repository, manifest))
		return manifest;
	manifest_free(manifest);
	return NULL;
}

/* Is there this file of a backup?  False (reported) if that cannot be found out. */
static bool
has_file(Repository *repository, const BackupName *name, const char *suffix, bool *exists)
{
	char *path = backup_path(name, suffix);
	StoreResult result = storage_look(repository->storage, path);
	bool known = result.code == STORE_OK || result.code == STORE_ABSENT;

	*exists = result.code == STORE_OK;
	if (!known)
		report_error(EXIT_FAILED, NULL, result.hint, "could not examine file \"%s/%s\": %s",
					 repository->storage->location, path, result.text);
	free(path);
	return known;
}

bool
repository_has_backup(Repository *repository, const BackupName *name, bool *exists)
{
	return has_file(repository, name, ".json", exists);
}

bool
repository_new_id(Repository *repository, const Owner *owner, char id[BACKUP_ID_SIZE])
{
	time_t now = time(NULL);
	unsigned attempt = 1;
	BackupName name;
	bool taken;

	memset(&name, 0, sizeof(name));
	name.owner = *owner;
	do
	{
		backup_id_format(now, attempt++, name.id);
		if (!has_file(repository, &name, ".json", &taken) ||
			(!taken && !has_file(repository, &name, ".sha256", &taken)))
			return false;
	} while (taken);
	memcpy(id, name.id, BACKUP_ID_SIZE);
	return true;
}

/* Write one of a backup's own files; what another one has written is never replaced. */
static StoreCode
write_file(Repository *repository, const BackupName *name, const char *suffix,
		   const Buffer *content)
{
	char *path = backup_path(name, suffix);
	static const PutOptions create = {.mode = PUT_CREATE};
	Storage *storage = repository->storage;
	StoreResult result = storage->put(storage, path, content->data, content->length, &create);

	if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
					 storage->location, path, result.text);
	free(path);
	return result.code;
}

/*
 * A manifest whose write has failed may be there all the same, for instance if
 * only its directory could not be made durable.  What is reported as failed
 * must not be found as a backup later.
 */
static void
take_back(Repository *repository, const BackupName *name)
{
	Storage *storage = repository->storage;
	char *manifest = backup_path(name, ".json");
	char *listing = backup_path(name, ".sha256");
	StoreResult result = storage_remove(storage, manifest, true);

	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		report_error(EXIT_FAILED, NULL,
					 "It is complete, but may be gone after a crash of this machine.  Run another "
					 "backup.",
					 "could not remove file \"%s/%s\" again: %s", storage->location, manifest,
					 result.text);
	else
		(void) storage_remove(storage, listing, false);
	free(manifest);
	free(listing);
}

bool
repository_publish(Repository *repository, const Manifest *manifest)
{
	BackupName name;
	Buffer listing;
	Buffer json;
	bool good;

	memset(&name, 0, sizeof(name));
	name.owner = manifest_owner(manifest);
	memcpy(name.id, manifest->id, sizeof(name.id));
	buffer_init(&listing);
	buffer_init(&json);
	manifest_listing(manifest, &listing);
	good = manifest_close(repository, manifest, &json) &&
		   write_file(repository, &name, ".sha256", &listing) == STORE_OK;
	if (good)
	{
		StoreCode code = write_file(repository, &name, ".json", &json);

		good = code == STORE_OK;
		if (!good && code != STORE_EXISTS)
			take_back(repository, &name);
	}
	buffer_free(&listing);
	buffer_free(&json);
	return good;
}

/*
 * Remove one of a backup's own files; one that is gone already is good.  The
 * manifest must be gone for good before anything that it needs may go.
 */
static bool
remove_file(Repository *repository, const BackupName *name, const char *suffix)
{
	Storage *storage = repository->storage;
	char *path = backup_path(name, suffix);
	StoreResult result = storage_remove(storage, path, strcmp(suffix, ".json") == 0);
	bool good = result.code == STORE_OK || result.code == STORE_ABSENT;

	if (!good)
		report_error(EXIT_FAILED, NULL, result.hint, "could not remove file \"%s/%s\": %s",
					 storage->location, path, result.text);
	free(path);
	return good;
}

bool
repository_remove_backup(Repository *repository, const BackupName *name)
{
	return remove_file(repository, name, ".json") && remove_file(repository, name, ".sha256") &&
		   remove_file(repository, name, ".verified");
}
