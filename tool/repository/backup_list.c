/*-------------------------------------------------------------------------
 *
 * backup_list.c
 *	  Which backups a repository holds: every manifest in its place is one.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "file_names.h"
#include "held_directories.h"
#include "log.h"
#include "memory.h"
#include "names.h"
#include "other_places.h"
#include "unclear.h"

typedef struct NameList
{
	BackupName *names;
	int count;
	bool all;              /* what cannot be looked at is named, and the rest goes on */
	bool some;             /* … also if it is one of several places */
	Owner owner;           /* that is being looked at */
	const char *directory; /* that is being read */
	Repository *repository;
	bool failed;
} NameList;

/* A file "<id>.json" is a backup; what else is there must be something of ours. */
static bool
visit_file(const char *file, void *argument)
{
	NameList *list = argument;
	BackupName *name;
	char id[BACKUP_ID_SIZE];

	if (!manifest_name_id(file, id))
	{
		if (!leftover_is_temporary(file) && !leftover_is_companion(file))
			unclear_name(list->repository, list->directory, file);
		return true;
	}
	list->names = xrealloc(list->names, (size_t) (list->count + 1) * sizeof(BackupName));
	name = &list->names[list->count++];
	name->owner = list->owner;
	memcpy(name->id, id, sizeof(name->id));
	return true;
}

/* Read one directory of manifests; false if the list must end. */
static bool
visit_directory(NameList *list, const char *path)
{
	Storage *storage = list->repository->storage;
	int before = list->count;
	StoreResult result;

	list->directory = path;
	result = storage->list(storage, path, visit_file, list);
	place_note_result(list->repository, &result);
	if (result.code == STORE_OK && list->count == before)
		unclear_emptied(list->repository, path);
	if (result.code == STORE_OK || result.code == STORE_ABSENT)
		return true;
	if (list->all)
	{
		unclear_error(list->repository, path, &result, true);
		return true;
	}
	list->failed = true;
	return report_error(EXIT_FAILED, NULL, result.hint,
						"could not list the backups in \"%s/%s\": %s", storage->location, path,
						result.text);
}

/* A name in backups/, config/ or base/ that is no directory of ours. */
static void
visit_other(NameList *list, const char *tree, const char *name)
{
	if (!leftover_is_temporary(name))
		unclear_name(list->repository, tree, name);
}

/* The manifests of the owner that the list has come to. */
static bool
visit_owner(NameList *list)
{
	char *path = owner_directory(&list->owner);
	bool good = path == NULL || visit_directory(list, path);

	free(path);
	return good;
}

/* "label/" without the slash; false if it is none. */
static bool
take_label(const char *directory, char *label)
{
	size_t length = strlen(directory);

	label[0] = '\0';
	if (length < 2 || length > LABEL_SIZE || directory[length - 1] != '/')
		return false;
	memcpy(label, directory, length - 1);
	label[length - 1] = '\0';
	return label_valid(label);
}

static bool
visit_database(const char *directory, void *argument)
{
	NameList *list = argument;
	char name[DATABASE_DIRECTORY_SIZE];
	char database[sizeof(list->owner.name)];
	size_t length = strlen(directory);

	if (length >= 2 && length <= sizeof(name) && directory[length - 1] == '/')
	{
		memcpy(name, directory, length - 1);
		name[length - 1] = '\0';
	}
	else
		name[0] = '\0';
	if (name[0] == '\0' || !database_directory_decode(name, database))
	{
		char *tree = server_path(list->owner.server, "backups");

		visit_other(list, tree, directory);
		free(tree);
		return true;
	}
	list->owner = owner_of(list->owner.server, database);
	return visit_owner(list);
}

/* The backups of the globals. */
static bool
visit_globals(NameList *list)
{
	list->owner = owner_of_globals(list->owner.server);
	return visit_owner(list);
}

/* A directory below config/. */
static bool
visit_set(const char *directory, void *argument)
{
	NameList *list = argument;
	char set[LABEL_SIZE];

	if (!take_label(directory, set))
	{
		visit_other(list, "config", directory);
		return true;
	}
	list->owner = owner_of_files(set);
	return visit_owner(list);
}

/* A directory below base/. */
static bool
visit_system(const char *directory, void *argument)
{
	NameList *list = argument;
	char system[LABEL_SIZE];

	if (!take_label(directory, system) || !system_name_valid(system))
	{
		visit_other(list, "base", directory);
		return true;
	}
	list->owner = owner_of_cluster(system);
	return visit_owner(list);
}

/* All directories below backups/, config/, base/ or servers/. */
static void
visit_tree(NameList *list, const char *tree, StorageVisitor visitor)
{
	Storage *storage = list->repository->storage;
	int before = list->count;
	StoreResult result = storage->list(storage, tree, visitor, list);

	place_note_result(list->repository, &result);
	if (result.code == STORE_OK && list->count == before)
		unclear_emptied(list->repository, tree);
	else if (result.code != STORE_OK && result.code != STORE_ABSENT)
		unclear_error(list->repository, tree, &result, true);
}

/* What lies in servers/LABEL that is not ours. */
static bool
visit_server_file(const char *name, void *argument)
{
	NameList *list = argument;
	char *path;

	if (strcmp(name, "backups/") == 0 || strcmp(name, "globals/") == 0 ||
		strcmp(name, "objects/") == 0 || strcmp(name, SERVER_FILE) == 0)
		return true;
	path = xasprintf("servers/%s", owner_server(&list->owner));
	visit_other(list, path, name);
	free(path);
	return true;
}

/* A directory below servers/. */
static bool
visit_server(const char *directory, void *argument)
{
	NameList *list = argument;
	char label[LABEL_SIZE];
	char *path;

	if (!take_label(directory, label))
	{
		visit_other(list, "servers", directory);
		return true;
	}
	list->owner = owner_of_globals(label);
	path = xasprintf("servers/%s", label);
	visit_tree(list, path, visit_server_file);
	free(path);

	/* That of main holds no backups: they lie where they did before there were labels. */
	if (list->owner.server[0] == '\0')
		return true;
	visit_globals(list);
	path = server_path(list->owner.server, "backups");
	visit_tree(list, path, visit_database);
	free(path);
	return true;
}

/* What belongs to servers comes first; then sets of files, then clusters. */
static int
group_of(const BackupName *name)
{
	return owner_has_server(&name->owner) ? 0 : (int) name->owner.kind;
}

static int
compare_names(const void *a, const void *b)
{
	const BackupName *x = a;
	const BackupName *y = b;
	int by_server = strcmp(x->owner.server, y->owner.server);
	int by_database = strcmp(x->owner.name, y->owner.name);

	if (group_of(x) != group_of(y))
		return group_of(x) < group_of(y) ? -1 : 1;
	if (by_server != 0)
		return by_server;
	return by_database != 0 ? by_database : backup_id_compare(x->id, y->id);
}

/* What several places have is one backup. */
static void
drop_doubles(NameList *list)
{
	int kept = 0;
	int i;

	for (i = 0; i < list->count; i++)
	{
		if (kept == 0 || compare_names(&list->names[kept - 1], &list->names[i]) != 0)
			list->names[kept++] = list->names[i];
	}
	list->count = kept;
}

/* An empty directory is where a disk belongs that is not mounted: the first backup makes it. */
static bool
holds_nothing(Repository *place, const char *server)
{
	char *path = server_path(server, "backups");
	bool empty = directory_is_empty(place->storage, path);

	free(path);
	return empty;
}

/*
 * What is the latest backup, only all places together can say; an older one must not be taken
 * for it, because the place that has it is away.
 */
static bool
report_unseen(const char *location)
{
	return report_error(
		EXIT_FAILED, NULL,
		"Name the backup: DB/ID; \"nex_backup list\" shows those of each place.  Or "
		"leave out the place.",
		"not all backups are known, as \"%s\" could not be looked at", location);
}

/*
 * Look through all places of the repository, and sort what was found.  If one of several cannot be
 * looked at, that is an error, unless a part will do (`list->some`).  After an error, which was
 * reported, there is nothing to be freed.
 */
static bool
find_backups(Repository *repository, NameList *list, void (*visit)(NameList *list),
			 BackupName **names, int *count)
{
	int n;

	*names = NULL;
	*count = 0;
	list->all |= repository_has_others(repository);
	for (n = 0; (list->repository = repository_place(repository, 0, n)) != NULL; n++)
	{
		Repository *place = list->repository;

		if (place_is_asked(place))
			visit(list);
		if (!list->some && repository_has_others(repository) &&
			(!place_is_asked(place) || place->unclear.unknown > 0 ||
			 holds_nothing(place, repository->server)))
			list->failed = !report_unseen(place->storage->location);
	}
	if (!list->some && repository->left_out != NULL)
		list->failed = !report_unseen(repository->left_out);
	if (list->failed)
	{
		free(list->names);
		return false;
	}
	if (list->count > 0)
		qsort(list->names, (size_t) list->count, sizeof(BackupName), compare_names);
	drop_doubles(list);
	*names = list->names;
	*count = list->count;
	return true;
}

/* What is not there may be in a tree, "backups", whose disk is missing. */
static void
visit_one_owner(NameList *list)
{
	int before = list->count;
	char *path = owner_directory(&list->owner);
	char *slash;

	visit_owner(list);
	while (list->count == before && path != NULL && (slash = strrchr(path, '/')) != NULL)
	{
		*slash = '\0';
		unclear_emptied(list->repository, path);
	}
	free(path);
}

static void
visit_sets(NameList *list)
{
	visit_tree(list, "config", visit_set);
}

static void
visit_clusters(NameList *list)
{
	visit_tree(list, "base", visit_system);
}

static void
visit_all(NameList *list)
{
	unclear_top_level(list->repository);
	memset(&list->owner, 0, sizeof(list->owner));
	visit_globals(list);
	visit_tree(list, "backups", visit_database);
	visit_tree(list, "servers", visit_server);
	memset(&list->owner, 0, sizeof(list->owner));
	visit_sets(list);
	visit_clusters(list);
}

bool
repository_list(Repository *repository, const Owner *owner, BackupName **names, int *count)
{
	NameList list = {.all = owner == NULL};

	if (owner != NULL)
		list.owner = *owner;
	return find_backups(repository, &list, owner != NULL ? visit_one_owner : visit_all, names,
						count);
}

bool
repository_list_readable(Repository *repository, const Owner *owner, BackupName **names, int *count)
{
	NameList list = {.all = true, .some = true, .owner = *owner};

	return find_backups(repository, &list, visit_one_owner, names, count);
}

bool
repository_list_server(Repository *repository, const char *server, BackupName **names, int *count)
{
	NameList list = {.all = true, .some = true};
	int kept = 0;
	int i;

	if (!find_backups(repository, &list, visit_all, names, count))
		return false;
	for (i = 0; i < *count && server != NULL; i++)
	{
		const BackupName *name = &(*names)[i];

		if (owner_has_server(&name->owner) && strcmp(name->owner.server, label_stored(server)) == 0)
			(*names)[kept++] = *name;
	}
	if (server != NULL)
		*count = kept;
	return true;
}

bool
repository_list_clusters(Repository *repository, const char *system, BackupName **names, int *count)
{
	NameList list = {.all = system == NULL};

	if (system == NULL)
		return find_backups(repository, &list, visit_clusters, names, count);
	list.owner = owner_of_cluster(system);
	return find_backups(repository, &list, visit_one_owner, names, count);
}

bool
repository_list_sets(Repository *repository, const char *set, BackupName **names, int *count)
{
	NameList list = {.all = set == NULL};

	*names = NULL;
	*count = 0;
	if (set == NULL)
		return find_backups(repository, &list, visit_sets, names, count);
	if (!file_set_name_valid(set))
		return true;
	list.owner = owner_of_files(set);
	return find_backups(repository, &list, visit_one_owner, names, count);
}
