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
#include "held_directories.h"
#include "log.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "names.h"
#include "other_places.h"
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

/* One of the two files, from a place that may be one of several. */
static StoreResult
place_read(Repository *place, const char *path, Buffer *content)
{
	StoreResult result;

	if (!place_is_asked(place))
		return store_failure(STORE_UNREACHABLE, NULL, "its place could not be reached before");
	result = storage_read(place->storage, path, MAX_MANIFEST_BYTES, content);
	place_note_result(place, &result);
	return result;
}

/*
 * The same by its length alone, where each file costs a request.  Nothing is made from a list of
 * digests: it says what its manifest implies, for programs of others.
 */
static char *
listing_length_problem(Repository *place, const char *path, const Buffer *expected)
{
	StoreInfo info;
	StoreResult result = place->storage->head(place->storage, path, &info);

	if (result.code == STORE_ABSENT)
		return xstrdup("is missing");
	if (result.code != STORE_OK)
		return note_unreadable(place, path, &result);
	return info.bytes == expected->length ? NULL : xstrdup("does not match its manifest");
}

/* What is wrong with a list of digests in a place, to be freed; NULL: nothing. */
static char *
listing_problem(Repository *place, const char *path, const Buffer *expected)
{
	char *problem = NULL;
	Buffer found;
	StoreResult result;

	buffer_init(&found);
	place->manifest_unreadable = false;
	if (place->only_looks)
		return listing_length_problem(place, path, expected);
	result = place_read(place, path, &found);
	if (result.code == STORE_ABSENT)
		problem = xstrdup("is missing");
	else if (result.code != STORE_OK)
		problem = note_unreadable(place, path, &result);
	else if (found.length != expected->length ||
			 memcmp(found.data, expected->data, found.length) != 0)
		problem = xstrdup("does not match its manifest");
	buffer_free(&found);
	return problem;
}

/* Where a file of a backup was looked for in vain, and what is wrong with it there. */
typedef struct PassedOver
{
	Repository *place;
	char *problem; /* NULL: nothing was wrong until now */
	bool unreadable;
} PassedOver;

/* Keep what is wrong in the first place; the problem is taken over. */
static void
pass_over(PassedOver *passed, Repository *place, char *problem)
{
	if (passed->problem == NULL)
		*passed = (PassedOver){place, problem, place->manifest_unreadable};
	else
		free(problem);
}

/*
 * The end of a search: it was found in a place, which is said if it should have been in another
 * one; or nowhere (NULL), and *error is what is wrong with it where it should be.
 */
static void
end_search(Repository *repository, PassedOver *passed, const char *path, const Repository *taken,
		   char **error)
{
	if (passed->problem != NULL && taken != NULL)
		place_say_passed_over(repository, passed->place, path, passed->problem, taken);
	else if (taken == NULL)
		*error = xasprintf("file \"%s/%s\" %s",
						   passed->problem != NULL ? passed->place->storage->location
												   : repository->storage->location,
						   path, passed->problem != NULL ? passed->problem : "is missing");
	repository->manifest_unreadable = taken == NULL && passed->unreadable;
	repository->damaged_elsewhere = taken != NULL && passed->problem != NULL && !passed->unreadable;
	free(passed->problem);
}

bool
repository_check_listing(Repository *repository, const BackupName *name, const Manifest *manifest,
						 char **error)
{
	char *path = backup_path(name, ".sha256");
	const Repository *taken = NULL;
	PassedOver passed = {.problem = NULL};
	Repository *place;
	Buffer expected;
	int n;

	*error = NULL;
	buffer_init(&expected);
	manifest_listing(manifest, &expected);
	for (n = 0; taken == NULL && (place = repository_place(repository, manifest->place, n)) != NULL;
		 n++)
	{
		char *problem = listing_problem(place, path, &expected);

		if (problem != NULL)
			pass_over(&passed, place, problem);
		else
			taken = place;
	}
	end_search(repository, &passed, path, taken, error);
	buffer_free(&expected);
	free(path);
	return *error == NULL;
}

static bool
is_named(const Manifest *manifest, const BackupName *name)
{
	Owner owner = manifest_owner(manifest);

	return owner_equal(&owner, &name->owner) && strcmp(manifest->id, name->id) == 0;
}

/* A manifest in a place; NULL and *problem, which is NULL, too, if there is none. */
static Manifest *
manifest_at(Repository *place, const char *path, const BackupName *name, Buffer *json,
			char **problem)
{
	Manifest *manifest = NULL;
	StoreResult result;

	*problem = NULL;
	place->manifest_unreadable = false;
	buffer_reset(json);
	result = place_read(place, path, json);
	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		*problem = note_unreadable(place, path, &result);
	else if (result.code == STORE_OK)
		manifest =
			manifest_open(place, json->data != NULL ? json->data : "", json->length, problem);
	if (manifest != NULL && !is_named(manifest, name))
		*problem = xstrdup("is that of another backup");
	if (*problem == NULL)
		return manifest;
	manifest_free(manifest);
	return NULL;
}

/*
 * The first that is good.  One that is not there is no reason to speak of it: each place has its
 * own retention.
 */
Manifest *
repository_manifest_stored(Repository *repository, const BackupName *name, Buffer *json,
						   char **error)
{
	char *path = backup_path(name, ".json");
	Manifest *manifest = NULL;
	PassedOver passed = {.problem = NULL};
	Repository *place;
	int n;

	*error = NULL;
	for (n = 0; manifest == NULL && (place = repository_place(repository, 0, n)) != NULL; n++)
	{
		char *problem;

		manifest = manifest_at(place, path, name, json, &problem);
		if (manifest != NULL)
			manifest->place = n;
		else if (problem != NULL)
			pass_over(&passed, place, problem);
	}
	end_search(repository, &passed, path,
			   manifest != NULL ? repository_place(repository, manifest->place, 0) : NULL, error);
	free(path);
	return manifest;
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
	bool removed = true;
	Repository *place;
	int count = 0;
	int n;

	for (n = 0; removed && (place = repository_place(repository, 0, n)) != NULL; n++)
		removed = place_is_asked(place) && storage_look(place->storage, path).code == STORE_ABSENT;
	removed =
		removed && repository_list_readable(repository, &name->owner, &others, &count) && count > 0;
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

/* As far as the place can tell. */
static bool
holds_manifest(const Repository *place, const BackupName *name)
{
	char *path = backup_path(name, ".json");
	bool holds = storage_look(place->storage, path).code == STORE_OK;

	free(path);
	return holds;
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
	int n;

	*exists = false;
	for (n = 1; repository_place(repository, 0, n) != NULL && !*exists; n++)
		*exists = holds_manifest(repository_place(repository, 0, n), name);
	return *exists || has_file(repository, name, ".json", exists);
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
	const PutOptions create = {.mode = PUT_CREATE, .locked_until = repository->removal_lock.until};
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
repository_note_published(const Repository *repository, const Owner *owner)
{
	char *objects = server_path(owner->server, "objects");
	char *directory = owner_directory(owner);

	held_note(repository->storage, objects);
	if (directory != NULL)
		held_note(repository->storage, directory);
	free(directory);
	free(objects);
	return true;
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
	return good && repository_note_published(repository, &name.owner);
}

/*
 * Remove one of a backup's own files; one that is gone already is good.  The
 * manifest must be gone for good before anything that it needs may go.  What
 * belongs to it, and is locked for a moment longer, a later expire removes.
 */
static bool
remove_file(Repository *repository, const BackupName *name, const char *suffix)
{
	Storage *storage = repository->storage;
	char *path = backup_path(name, suffix);
	bool manifest = strcmp(suffix, ".json") == 0;
	StoreResult result = storage_remove(storage, path, manifest);
	bool good = result.code == STORE_OK || result.code == STORE_ABSENT ||
				(result.code == STORE_LOCKED && !manifest);

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
