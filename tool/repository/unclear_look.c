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
#include "interrupted.h"
#include "memory.h"

static const char *const trees[] = {"backups", "globals", "config", "servers", "objects"};

#define TREES (sizeof(trees) / sizeof(trees[0]))

/* "backups.old" and the like. */
static bool
visit_top(const char *name, void *argument)
{
	Repository *repository = argument;
	size_t length = strcspn(name, "/");
	bool is_directory = name[length] == '/';
	size_t i;

	for (i = 0; i < TREES; i++)
	{
		size_t stem = strlen(trees[i]);

		if (strcmp(trees[i], "objects") != 0 && strncmp(name, trees[i], stem) == 0 &&
			length > stem &&
			(is_directory || unclear_probe(repository, name).code == STORE_UNSUPPORTED))
			unclear_name(repository, ".", name);
	}
	return true;
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
	StoreResult result = repository->storage->read_range(repository->storage, path, 0, 0, nothing);

	if (store_inaccessible(&result))
		unclear_error(repository, path, &result, true);
	free(path);
}

/* The directory of objects that is looked at. */
typedef struct ObjectsTree
{
	Repository *repository;
	const char *path;
} ObjectsTree;

/* A directory objects/ab: a link, or one that cannot be read? */
static bool
visit_objects(const char *name, void *argument)
{
	const ObjectsTree *tree = argument;
	size_t length = strspn(name, "0123456789abcdef");
	StoreResult result;
	char *path;

	if (length != 2 || (name[2] != '\0' && name[2] != '/'))
		return true;
	path = xasprintf("%s/%.2s", tree->path, name);
	result = unclear_probe(tree->repository, path);
	if (result.code != STORE_OK)
		unclear_error(tree->repository, path, &result, true);
	free(path);
	return !interrupted();
}

static void
look_at_objects(Repository *repository, const char *path)
{
	ObjectsTree tree = {repository, path};
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
		StoreResult changing = store_ok();

		/* A link that is followed for reading only says so here. */
		if (result.code == STORE_OK)
			changing = storage->sync_directory(storage, trees[i]);
		if (changing.code == STORE_UNSUPPORTED)
			result = changing;
		if (result.code != STORE_OK)
			unclear_error(repository, trees[i], &result, true);
	}
	look_at_objects(repository, "objects");
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
