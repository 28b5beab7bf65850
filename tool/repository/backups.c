/*-------------------------------------------------------------------------
 *
 * backups.c
 *	  The backups of a repository: finding, reading, publishing, removing.
 *
 *-------------------------------------------------------------------------
 */
#include "repository.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "choose.h"
#include "leftovers.h"
#include "log.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "quote.h"
#include "read_error.h"
#include "unclear.h"

#define MAX_MANIFEST_BYTES (1024UL * 1024 * 1024)
#define MANIFEST_HINT                                                                              \
	"\"nex_backup verify\" tells what else is damaged, \"nex_backup list\" which backups there "   \
	"are."

typedef struct NameList
{
	BackupName *names;
	int count;
	bool of_files;
	bool all; /* what cannot be looked at is named, and the rest goes on */
	char database[64];
	const char *directory; /* that is being read */
	Repository *repository;
	int error;
} NameList;

bool
backup_is_of_globals(const BackupName *name)
{
	return !name->of_files && strcmp(name->database, GLOBALS_DATABASE) == 0;
}

bool
backup_same_owner(const BackupName *a, const BackupName *b)
{
	return a->of_files == b->of_files && strcmp(a->database, b->database) == 0;
}

bool
file_set_name_valid(const char *set)
{
	size_t length = strlen(set);

	return length > 0 && length <= 32 &&
		   strspn(set, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
			   length;
}

char *
backup_path(const BackupName *name, const char *suffix)
{
	char directory[DATABASE_DIRECTORY_SIZE];

	if (name->of_files)
		return xasprintf("config/%s/%s%s", name->database, name->id, suffix);
	if (backup_is_of_globals(name))
		return xasprintf("globals/%s%s", name->id, suffix);
	database_directory_encode(name->database, directory);
	return xasprintf("backups/%s/%s%s", directory, name->id, suffix);
}

/* A file "<id>.json" is a backup; what else is there must be something of ours. */
static bool
visit_file(const char *file, void *argument)
{
	NameList *list = argument;
	size_t length = strlen(file);
	BackupName *name;
	char id[BACKUP_ID_SIZE];

	if (length > 5 && length - 5 < sizeof(id) && strcmp(file + length - 5, ".json") == 0)
	{
		memcpy(id, file, length - 5);
		id[length - 5] = '\0';
	}
	else
		id[0] = '\0';
	if (!backup_id_valid(id))
	{
		if (!leftover_is_temporary(file) && !leftover_is_companion(file))
			unclear_name(list->repository, list->directory, file);
		return true;
	}
	list->names = xrealloc(list->names, (size_t) (list->count + 1) * sizeof(BackupName));
	name = &list->names[list->count++];
	name->of_files = list->of_files;
	memcpy(name->database, list->database, sizeof(name->database));
	memcpy(name->id, id, sizeof(name->id));
	return true;
}

/* Read one directory of manifests; false if the list must end. */
static bool
visit_directory(NameList *list, const char *path)
{
	Storage *storage = list->repository->storage;
	int error;

	list->directory = path;
	error = storage->list(storage, path, visit_file, list);
	if (error == 0 || error == ENOENT)
		return true;
	if (list->all)
	{
		unclear_error(list->repository, path, error, true);
		return true;
	}
	list->error = error;
	report_error(EXIT_FAILED, NULL, storage_error_hint(error),
				 "could not list the backups in \"%s/%s\": %s", storage->location, path,
				 strerror(error));
	return false;
}

/* A name in backups/ or config/ that is no directory of ours. */
static void
visit_other(NameList *list, const char *tree, const char *name)
{
	if (!leftover_is_temporary(name))
		unclear_name(list->repository, tree, name);
}

static bool
visit_database(const char *directory, void *argument)
{
	NameList *list = argument;
	char name[DATABASE_DIRECTORY_SIZE];
	size_t length = strlen(directory);
	char *path;
	bool good;

	if (length >= 2 && length <= sizeof(name) && directory[length - 1] == '/')
	{
		memcpy(name, directory, length - 1);
		name[length - 1] = '\0';
	}
	else
		name[0] = '\0';
	if (name[0] == '\0' || !database_directory_decode(name, list->database))
	{
		visit_other(list, "backups", directory);
		return true;
	}
	path = xasprintf("backups/%s", name);
	good = visit_directory(list, path);
	free(path);
	return good;
}

/* The backups of the globals. */
static bool
visit_globals(NameList *list)
{
	memcpy(list->database, GLOBALS_DATABASE, sizeof(GLOBALS_DATABASE));
	return visit_directory(list, "globals");
}

/* A directory below config/. */
static bool
visit_set(const char *directory, void *argument)
{
	NameList *list = argument;
	size_t length = strlen(directory);
	char *path;
	bool good;

	list->database[0] = '\0';
	if (length >= 2 && length <= sizeof(list->database) && directory[length - 1] == '/')
	{
		memcpy(list->database, directory, length - 1);
		list->database[length - 1] = '\0';
	}
	if (!file_set_name_valid(list->database))
	{
		visit_other(list, "config", directory);
		return true;
	}
	list->of_files = true;
	path = xasprintf("config/%s", list->database);
	good = visit_directory(list, path);
	free(path);
	return good;
}

/* All directories below backups/ or config/. */
static void
visit_tree(NameList *list, const char *tree, StorageVisitor visitor)
{
	Storage *storage = list->repository->storage;
	int error = storage->list(storage, tree, visitor, list);

	if (error != 0 && error != ENOENT)
		unclear_error(list->repository, tree, error, true);
}

static int
compare_names(const void *a, const void *b)
{
	const BackupName *x = a;
	const BackupName *y = b;
	int by_database = strcmp(x->database, y->database);

	if (x->of_files != y->of_files)
		return x->of_files ? 1 : -1;
	return by_database != 0 ? by_database : backup_id_compare(x->id, y->id);
}

/* Sort what was found; after an error, which was reported, free it. */
static bool
finish_list(NameList *list, BackupName **names, int *count)
{
	if (list->error != 0)
	{
		free(list->names);
		return false;
	}
	if (list->count > 0)
		qsort(list->names, (size_t) list->count, sizeof(BackupName), compare_names);
	*names = list->names;
	*count = list->count;
	return true;
}

/* The backups of one database. */
static bool
list_database(NameList *list, const char *database)
{
	char directory[DATABASE_DIRECTORY_SIZE + 1];
	size_t length;

	if (strcmp(database, GLOBALS_DATABASE) == 0)
		return visit_globals(list);
	if (!database_directory_encode(database, directory))
		return true;
	length = strlen(directory);
	directory[length] = '/';
	directory[length + 1] = '\0';
	return visit_database(directory, list);
}

bool
repository_list(Repository *repository, const char *database, BackupName **names, int *count)
{
	NameList list = {.repository = repository, .all = database == NULL};

	*names = NULL;
	*count = 0;
	if (database == NULL)
	{
		unclear_top_level(repository);
		visit_globals(&list);
		visit_tree(&list, "backups", visit_database);
		visit_tree(&list, "config", visit_set);
	}
	else
		list_database(&list, database);
	return finish_list(&list, names, count);
}

bool
repository_list_sets(Repository *repository, const char *set, BackupName **names, int *count)
{
	NameList list = {.repository = repository, .all = set == NULL};

	*names = NULL;
	*count = 0;
	if (set == NULL)
		visit_tree(&list, "config", visit_set);
	else if (file_set_name_valid(set))
	{
		char *directory = xasprintf("%s/", set);

		visit_set(directory, &list);
		free(directory);
	}
	return finish_list(&list, names, count);
}

/*
 * The latest with *found apart, so that an error is not taken for "none"; warns
 * of clocks.  A false result is reported, unless `goes_on`: then it is a warning.
 */
static bool
find_latest(Repository *repository, const char *database, bool goes_on, BackupName *name,
			bool *found)
{
	NameList list = {.repository = repository, .all = goes_on};
	const BackupName *chosen;
	BackupName *names;
	int count;

	*found = false;
	list_database(&list, database);
	if (!finish_list(&list, &names, &count))
		return false;
	chosen = repository_choose(repository, names, count, NULL);
	*found = chosen != NULL;
	if (*found)
		*name = *chosen;
	free(names);
	return count == 0 || *found;
}

bool
repository_latest(Repository *repository, const char *database, BackupName *name)
{
	bool found;

	return find_latest(repository, database, true, name, &found) && found;
}

/* DB/ID, where DB may hold slashes itself. */
static bool
split_name(const char *text, BackupName *name)
{
	const char *slash = strrchr(text, '/');
	size_t length = slash != NULL ? (size_t) (slash - text) : 0;

	if (slash == NULL || length >= sizeof(name->database) || !backup_id_valid(slash + 1))
		return false;
	name->of_files = false;
	memcpy(name->database, text, length);
	name->database[length] = '\0';
	memcpy(name->id, slash + 1, strlen(slash + 1) + 1);
	return true;
}

/* False (reported) if that cannot be found out. */
static bool
manifest_exists(Repository *repository, const BackupName *name, bool *exists)
{
	char *path = backup_path(name, ".json");
	uint64_t bytes;
	int error = repository->storage->size(repository->storage, path, &bytes);

	*exists = error == 0;
	if (error != 0 && error != ENOENT)
		report_error(EXIT_FAILED, NULL, NULL, "could not examine file \"%s/%s\": %s",
					 repository->storage->location, path, strerror(error));
	free(path);
	return error == 0 || error == ENOENT;
}

/* The text names a backup of the globals: "", or "/ID". */
static bool
report_no_globals(Repository *repository, const char *text)
{
	return report_error(EXIT_FAILED, NULL,
						"\"nex_backup globals list\" shows those that there are, \"nex_backup "
						"globals backup\" makes one.",
						"there is no backup%s%s of the globals in \"%s\"",
						text[0] != '\0' ? " " : "", text[0] != '\0' ? text + 1 : "",
						repository->storage->location);
}

/* Say what there is instead of what was asked for. */
static bool
report_no_backup(Repository *repository, const char *text)
{
	char *shown = printable_name(text);
	BackupName latest;
	BackupName split;
	char *hint;

	if (split_name(text, &split) && repository_latest(repository, split.database, &latest))
		hint = xasprintf("The latest backup of that database is %s; \"nex_backup list\" shows all.",
						 latest.id);
	else
		hint = xstrdup("\"nex_backup list\" shows all backups of the repository.");
	report_error(EXIT_FAILED, NULL, hint, "there is no backup \"%s\" in \"%s\"", shown,
				 repository->storage->location);
	free(hint);
	free(shown);
	return false;
}

/*
 * What has the form of DB/ID is that backup, or none: a database may be
 * called so, and its owner must not have it restored in place of another's.
 */
static bool
resolve_full_name(Repository *repository, const char *text, BackupName *name)
{
	BackupName other;
	char *shown;
	char *hint;
	bool found;

	if (!manifest_exists(repository, name, &found))
		return false;
	if (found)
		return true;
	if (!find_latest(repository, text, false, &other, &found))
		return false;
	if (!found)
		return report_no_backup(repository, text);
	shown = printable_name(text);
	hint = xasprintf("A backup of the database that is called so is named in full, as in "
					 "\"%s/%s\".",
					 shown, other.id);
	report_error(EXIT_USAGE, NULL, hint,
				 "\"%s\" is ambiguous: a database is called so, and no backup of another one",
				 shown);
	free(hint);
	free(shown);
	return false;
}

bool
repository_resolve(Repository *repository, const char *text, BackupName *name)
{
	bool found;

	if (text[0] == '/' && backup_id_valid(text + 1) && split_name(text, name))
		return manifest_exists(repository, name, &found) &&
			   (found || report_no_globals(repository, text));
	if (split_name(text, name))
		return resolve_full_name(repository, text, name);
	if (!find_latest(repository, text, false, name, &found))
		return false;
	if (found)
		return true;
	if (text[0] == '\0')
		return report_no_globals(repository, text);
	return report_no_backup(repository, text);
}

bool
repository_resolve_set(Repository *repository, const char *set, const char *id, BackupName *name)
{
	const BackupName *chosen = NULL;
	BackupName *names;
	bool found;
	int count;

	if (!file_set_name_valid(set) || (id != NULL && !backup_id_valid(id)))
		return report_error(EXIT_USAGE, NULL,
							"Say SET, SET/ID or ID; \"nex_backup config list\" "
							"shows what there is.",
							"\"%s%s%s\" is not the name of a backup of files", set,
							id != NULL ? "/" : "", id != NULL ? id : "");
	if (!repository_list_sets(repository, set, &names, &count))
		return false;
	if (id == NULL)
		chosen = repository_choose(repository, names, count, NULL);
	while (id != NULL && chosen == NULL && count > 0)
	{
		if (strcmp(names[--count].id, id) == 0)
			chosen = &names[count];
	}
	found = chosen != NULL;
	if (found)
		*name = *chosen;
	free(names);
	if (found)
		return true;
	return report_error(EXIT_FAILED, NULL, "\"nex_backup config list\" shows what there is.",
						"there is no backup%s%s of the files of set \"%s\" in \"%s\"",
						id != NULL ? " " : "", id != NULL ? id : "", set,
						repository->storage->location);
}

/* Note that a file of a backup could not be read, if that is no damage; gives what to say of it. */
static char *
note_unreadable(Repository *repository, const char *path, int error)
{
	if (error_of_access(error))
	{
		repository->manifest_unreadable = true;
		unclear_error(repository, path, error, true);
	}
	return xasprintf("could not be read: %s", read_error_text(error));
}

bool
repository_check_listing(Repository *repository, const BackupName *name, const Manifest *manifest,
						 char **error)
{
	char *path = backup_path(name, ".sha256");
	Buffer expected;
	Buffer found;
	int failure;

	*error = NULL;
	buffer_init(&expected);
	buffer_init(&found);
	manifest_listing(manifest, &expected);
	failure = repository->storage->read(repository->storage, path, MAX_MANIFEST_BYTES, &found);
	if (failure == ENOENT)
		*error = xasprintf("file \"%s/%s\" is missing", repository->storage->location, path);
	else if (failure != 0)
	{
		char *problem = note_unreadable(repository, path, failure);

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

Manifest *
repository_manifest_alone(Repository *repository, const BackupName *name, char **error)
{
	char *path = backup_path(name, ".json");
	Manifest *manifest = NULL;
	char *problem = NULL;
	Buffer file;
	int failure;

	*error = NULL;
	repository->manifest_unreadable = false;
	buffer_init(&file);
	failure = repository->storage->read(repository->storage, path, MAX_MANIFEST_BYTES, &file);
	if (failure == ENOENT)
		problem = xstrdup("is missing");
	else if (failure != 0)
		problem = note_unreadable(repository, path, failure);
	else
		manifest =
			manifest_open(repository, file.data != NULL ? file.data : "", file.length, &problem);
	buffer_free(&file);
	if (manifest != NULL && ((manifest->kind == BACKUP_OF_FILES) != name->of_files ||
							 strcmp(manifest->id, name->id) != 0 ||
							 strcmp(manifest->database.name, name->database) != 0))
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
repository_manifest_try(Repository *repository, const BackupName *name, char **error)
{
	Manifest *manifest = repository_manifest_alone(repository, name, error);

	if (manifest == NULL || repository_check_listing(repository, name, manifest, error))
		return manifest;
	manifest_free(manifest);
	return NULL;
}

Manifest *
repository_manifest(Repository *repository, const BackupName *name)
{
	char *error;
	Manifest *manifest = repository_manifest_try(repository, name, &error);

	if (manifest == NULL && repository->manifest_unreadable)
		report_error(EXIT_FAILED, NULL, NULL, "%s", error);
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

static bool
new_id(Repository *repository, bool of_files, const char *owner, char id[BACKUP_ID_SIZE])
{
	time_t now = time(NULL);
	unsigned attempt = 1;
	BackupName name;
	bool taken;

	memset(&name, 0, sizeof(name));
	name.of_files = of_files;
	memcpy(name.database, owner, strnlen(owner, sizeof(name.database) - 1));
	do
	{
		backup_id_format(now, attempt++, name.id);
		if (!manifest_exists(repository, &name, &taken))
			return false;
	} while (taken);
	memcpy(id, name.id, BACKUP_ID_SIZE);
	return true;
}

bool
repository_new_id(Repository *repository, const char *database, char id[BACKUP_ID_SIZE])
{
	return new_id(repository, false, database, id);
}

bool
repository_new_set_id(Repository *repository, const char *set, char id[BACKUP_ID_SIZE])
{
	return new_id(repository, true, set, id);
}

/* Write one of a backup's own files. */
static bool
write_file(Repository *repository, const BackupName *name, const char *suffix,
		   const Buffer *content)
{
	char *path = backup_path(name, suffix);
	int error = repository->storage->write(repository->storage, path, content->data,
										   content->length, WRITE_DURABLE);

	if (error != 0)
		report_error(EXIT_FAILED, NULL, storage_error_hint(error),
					 "could not write file \"%s/%s\": %s", repository->storage->location, path,
					 strerror(error));
	free(path);
	return error == 0;
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
	int error = storage->remove(storage, manifest);

	if (error != 0 && error != ENOENT)
		report_error(EXIT_FAILED, NULL,
					 "It is complete, but may be gone after a crash of this machine.  Run another "
					 "backup.",
					 "could not remove file \"%s/%s\" again: %s", storage->location, manifest,
					 strerror(error));
	else
		(void) storage->remove(storage, listing);
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
	name.of_files = manifest->kind == BACKUP_OF_FILES;
	memcpy(name.database, manifest->database.name,
		   strnlen(manifest->database.name, sizeof(name.database) - 1));
	memcpy(name.id, manifest->id, sizeof(name.id));
	buffer_init(&listing);
	buffer_init(&json);
	manifest_listing(manifest, &listing);
	good = manifest_close(repository, manifest, &json) &&
		   write_file(repository, &name, ".sha256", &listing);
	if (good && !write_file(repository, &name, ".json", &json))
	{
		take_back(repository, &name);
		good = false;
	}
	buffer_free(&listing);
	buffer_free(&json);
	return good;
}

/* Make the entries of the directory of a file durable; a directory that is gone needs none. */
static bool
sync_directory_of(Repository *repository, const char *path)
{
	Storage *storage = repository->storage;
	char *directory = xstrdup(path);
	int error;

	*strrchr(directory, '/') = '\0';
	error = storage->sync_directory(storage, directory);
	if (error == ENOENT)
		error = 0;
	if (error != 0)
		report_error(EXIT_FAILED, NULL, storage_error_hint(error),
					 "could not fsync directory \"%s/%s\": %s", storage->location, directory,
					 strerror(error));
	free(directory);
	return error == 0;
}

/* Remove one of a backup's own files; one that is gone already is good. */
static bool
remove_file(Repository *repository, const BackupName *name, const char *suffix)
{
	Storage *storage = repository->storage;
	char *path = backup_path(name, suffix);
	int error = storage->remove(storage, path);
	bool good = error == 0 || error == ENOENT;

	if (!good)
		report_error(EXIT_FAILED, NULL, storage_error_hint(error),
					 "could not remove file \"%s/%s\": %s", storage->location, path,
					 strerror(error));
	/* The manifest must be gone for good before anything that it needs may go. */
	else if (strcmp(suffix, ".json") == 0)
		good = sync_directory_of(repository, path);
	free(path);
	return good;
}

bool
repository_remove_backup(Repository *repository, const BackupName *name)
{
	return remove_file(repository, name, ".json") && remove_file(repository, name, ".sha256") &&
		   remove_file(repository, name, ".verified");
}
