/*-------------------------------------------------------------------------
 *
 * unclear_look.c
 *	  Looking for what is unclear in a repository.
 *
 * Apart from unclear.c: it lists backups, and listing them notes what is unclear.
 *
 *-------------------------------------------------------------------------
 */
#include "unclear.h"

#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "file_names.h"
#include "held_directories.h"
#include "interrupted.h"
#include "memory.h"

static const char *const trees[] = {"backups", "globals", "config", "servers", "base", "objects"};

#define TREES (sizeof(trees) / sizeof(trees[0]))

/*
 * Directories of this program that hold no backups.  Looking for moved ones there would cost some
 * requests for each directory of leases, of every command.
 */
static const char *const own[] = {"lock/", "damaged/"};

/* How far below a renamed tree manifests may lie: servers/LABEL/backups/DATABASE/ID.json. */
#define DEEPEST_MANIFEST 4

/* A directory of another name, in which manifests are looked for. */
typedef struct Search
{
	Repository *repository;
	const char *path;
	int depth;
	bool found;
} Search;

static bool holds_manifests(Repository *repository, const char *path, int depth);

static bool
visit_searched(const char *name, void *argument)
{
	Search *search = argument;
	size_t length = strlen(name);
	char id[BACKUP_ID_SIZE];
	char *path;

	if (name[length - 1] != '/')
		search->found = manifest_name_id(name, id);
	else if (search->depth < DEEPEST_MANIFEST)
	{
		path = xasprintf("%s/%.*s", search->path, (int) length - 1, name);
		search->found = holds_manifests(search->repository, path, search->depth + 1);
		free(path);
	}
	return !search->found && !interrupted();
}

/*
 * A repository in the directory is one by itself: a copy, or a snapshot that the
 * file system shows.  What cannot be read was not renamed only.
 */
static bool
holds_manifests(Repository *repository, const char *path, int depth)
{
	Storage *storage = repository->storage;
	Search search = {repository, path, depth, false};
	char *description = xasprintf("%s/" FRAME_FILE, path);
	char nothing[1];
	StoreResult result = storage_read_range(storage, description, 0, 0, nothing);

	free(description);
	if (result.code == STORE_ABSENT)
		(void) storage->list(storage, path, visit_searched, &search);
	return search.found;
}

/* Does it look like a tree of ours by its name: "backups.old"?  "base" is too short for that. */
static bool
is_named_like_tree(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < TREES; i++)
	{
		size_t stem = strlen(trees[i]);

		if (strcmp(trees[i], "objects") != 0 && strcmp(trees[i], "base") != 0 &&
			strncmp(name, trees[i], stem) == 0 && length > stem)
			return true;
	}
	return false;
}

/* Is it one of the trees, where others look? */
static bool
is_tree(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < TREES; i++)
	{
		if (strlen(trees[i]) == length && strncmp(name, trees[i], length) == 0)
			return true;
	}
	return false;
}

static bool
is_own(const char *name)
{
	return strcmp(name, own[0]) == 0 || strcmp(name, own[1]) == 0;
}

/* The directory that is looked at. */
typedef struct Place
{
	Repository *repository;
	const char *path;
} Place;

/* Is it a directory of the WAL archive: of a server, or of a timeline or the histories? */
static bool
is_of_wal(const char *tree, const char *name, size_t length)
{
	if (strcmp(tree, "wal") == 0)
		return length == 16 && strspn(name, "0123456789abcdef") == 16;
	return (length == 8 && strspn(name, "0123456789ABCDEF") == 8) || strcmp(name, "history/") == 0;
}

/* Anything else there may be what was moved. */
static bool
visit_wal(const char *name, void *argument)
{
	const Place *tree = argument;
	size_t length = strcspn(name, "/");
	bool is_ours = is_of_wal(tree->path, name, length);
	char *path = xasprintf("%s/%.*s", tree->path, (int) length, name);
	Place below = {tree->repository, path};

	if (name[length] == '/' && !is_ours && holds_manifests(tree->repository, path, 1))
		unclear_name(tree->repository, tree->path, name);
	else if (name[length] == '/' && is_ours && strcmp(tree->path, "wal") == 0)
		(void) tree->repository->storage->list(tree->repository->storage, path, visit_wal, &below);
	free(path);
	return !interrupted();
}

/* WAL itself is not searched: there may be a hundred thousand files, and no expire removes any. */
static void
look_at_wal(Repository *repository)
{
	Place tree = {repository, "wal"};

	(void) repository->storage->list(repository->storage, tree.path, visit_wal, &tree);
}

/* A tree under another name, or a part of one. */
static bool
visit_top(const char *name, void *argument)
{
	Repository *repository = argument;
	size_t length = strcspn(name, "/");
	bool is_directory = name[length] == '/';
	char *path;

	if (is_named_like_tree(name, length))
	{
		if (is_directory || unclear_probe(repository, name).code == STORE_UNSUPPORTED)
			unclear_name(repository, ".", name);
	}
	else if (is_directory && strcmp(name, "wal/") == 0)
		look_at_wal(repository);
	else if (is_directory && !is_tree(name, length) && !is_own(name))
	{
		path = xasprintf("%.*s", (int) length, name);
		if (holds_manifests(repository, path, 1))
			unclear_name(repository, ".", name);
		free(path);
	}
	return !interrupted();
}

void
unclear_top_level(Repository *repository)
{
	StoreResult result = repository->storage->list(repository->storage, ".", visit_top, repository);

	if (result.code != STORE_OK)
		unclear_error(repository, ".", &result, true);
}

/* Name a file of a backup that cannot be opened. */
static void
probe_file(Repository *repository, const BackupName *name, const char *suffix)
{
	char *path = backup_path(name, suffix);
	char nothing[1];
	StoreResult result = storage_read_range(repository->storage, path, 0, 0, nothing);

	if (store_inaccessible(&result))
		unclear_error(repository, path, &result, true);
	free(path);
}

/* A directory objects/ab: a link, or one that cannot be read?  Another one: was it moved here? */
static bool
visit_objects(const char *name, void *argument)
{
	const Place *tree = argument;
	size_t length = strcspn(name, "/");
	bool is_ours = length == 2 && strspn(name, "0123456789abcdef") == 2;
	StoreResult result;
	char *path;

	if (!is_ours && name[length] != '/')
		return true;
	path = xasprintf("%s/%.*s", tree->path, (int) length, name);
	result = unclear_probe(tree->repository, path);
	if (is_ours && result.code != STORE_OK)
		unclear_error(tree->repository, path, &result, true);
	else if (!is_ours && holds_manifests(tree->repository, path, 1))
		unclear_name(tree->repository, tree->path, name);
	free(path);
	return !interrupted();
}

static void
look_at_objects(Repository *repository, const char *path)
{
	Place tree = {repository, path};
	StoreResult result = repository->storage->list(repository->storage, path, visit_objects, &tree);

	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		unclear_error(repository, path, &result, true);
}

/* A directory servers/LABEL. */
static bool
visit_server(const char *name, void *argument)
{
	size_t length = strlen(name);
	char *path;

	if (length > 1 && name[length - 1] == '/')
	{
		path = xasprintf("servers/%sobjects", name);
		look_at_objects(argument, path);
		free(path);
	}
	return !interrupted();
}

static void
look_for_content(Repository *repository, const char *path)
{
	if (directory_is_empty(repository->storage, path))
		unclear_empty(repository, path);
}

static void look_in_tree(Repository *repository, const char *path);

/* Whose directory below a tree it is. */
static bool
visit_branch(const char *name, void *argument)
{
	const Place *tree = argument;
	size_t length = strlen(name);
	char *path = xasprintf("%s/%.*s", tree->path, (int) length - 1, name);

	if (name[length - 1] == '/' && strcmp(name, LOST_AND_FOUND) != 0)
	{
		look_for_content(tree->repository, path);
		/* That of a server has trees itself. */
		if (strcmp(tree->path, "servers") == 0)
		{
			char *backups = xasprintf("%s/backups", path);
			char *globals = xasprintf("%s/globals", path);

			look_in_tree(tree->repository, backups);
			look_for_content(tree->repository, globals);
			free(globals);
			free(backups);
		}
	}
	free(path);
	return !interrupted();
}

static void
look_in_tree(Repository *repository, const char *path)
{
	Place tree = {repository, path};

	look_for_content(repository, path);
	(void) repository->storage->list(repository->storage, path, visit_branch, &tree);
}

/*
 * Nothing of ours leaves a directory of manifests empty, but a disk that is not
 * mounted does, and what is on it needs its objects.
 */
static void
look_for_mount_points(Repository *repository)
{
	size_t i;

	for (i = 0; i < TREES; i++)
	{
		if (strcmp(trees[i], "objects") != 0)
			look_in_tree(repository, trees[i]);
	}
}

void
unclear_look_at_all(Repository *repository)
{
	Storage *storage = repository->storage;
	BackupName *names = NULL;
	int count = 0;
	size_t i;

	for (i = 0; i < TREES; i++)
	{
		StoreResult result = unclear_probe(repository, trees[i]);
		StoreFacts facts;

		if (result.code == STORE_OK)
			result = storage->examine(storage, trees[i], &facts);
		if (result.code != STORE_OK && result.code != STORE_ABSENT)
			unclear_error(repository, trees[i], &result, true);
	}
	look_at_objects(repository, "objects");
	look_for_mount_points(repository);
	(void) storage->list(storage, "servers", visit_server, repository);
	if (!repository_list(repository, NULL, &names, &count))
		return;
	for (i = 0; i < (size_t) count && !interrupted(); i++)
	{
		probe_file(repository, &names[i], ".json");
		probe_file(repository, &names[i], ".sha256");

		/* Whether it was verified decides what expire keeps. */
		probe_file(repository, &names[i], ".verified");
	}
	free(names);
}

void
unclear_warn(Repository *repository)
{
	BackupName *names;
	int count;

	if (repository_list(repository, NULL, &names, &count))
		free(names);
}
