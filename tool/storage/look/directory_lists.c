/*-------------------------------------------------------------------------
 *
 * directory_lists.c
 *	  What directories hold, each listed once.
 *
 *-------------------------------------------------------------------------
 */
#include "directory_lists.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "at_once.h"
#include "memory.h"
#include "storage_use.h"

/* A directory as it was listed: it stays as it is until the end. */
typedef struct DirectoryList
{
	struct DirectoryList *next;
	char *path;
	char **names;
	size_t count;
	StoreResult result;
} DirectoryList;

struct DirectoryLists
{
	Storage *storage;
	pthread_mutex_t mutex; /* for what follows */
	DirectoryList *first;
};

DirectoryLists *
directory_lists_create(Storage *storage)
{
	DirectoryLists *lists = xcalloc(1, sizeof(DirectoryLists));

	lists->storage = storage;
	pthread_mutex_init(&lists->mutex, NULL);
	return lists;
}

void
directory_lists_free(DirectoryLists *lists)
{
	DirectoryList *list;

	while ((list = lists->first) != NULL)
	{
		lists->first = list->next;
		while (list->count > 0)
			free(list->names[--list->count]);
		free(list->names);
		free(list->path);
		free(list);
	}
	pthread_mutex_destroy(&lists->mutex);
	free(lists);
}

/* The length of a path without the slash at its end. */
static size_t
path_length(const char *path)
{
	size_t length = strlen(path);

	return length > 1 && path[length - 1] == '/' ? length - 1 : length;
}

/* NULL: it was not listed. */
static const DirectoryList *
find_list(DirectoryLists *lists, const char *path, size_t length)
{
	const DirectoryList *list;

	pthread_mutex_lock(&lists->mutex);
	for (list = lists->first; list != NULL; list = list->next)
	{
		if (strlen(list->path) == length && strncmp(list->path, path, length) == 0)
			break;
	}
	pthread_mutex_unlock(&lists->mutex);
	return list;
}

static bool
note_name(const char *name, void *argument)
{
	DirectoryList *list = argument;

	if ((list->count & (list->count - 1)) == 0)
		list->names =
			xrealloc(list->names, (list->count == 0 ? 1 : 2 * list->count) * sizeof(char *));
	list->names[list->count++] = xstrdup(name);
	return true;
}

static const DirectoryList *
get_list(DirectoryLists *lists, const char *path)
{
	const DirectoryList *known = find_list(lists, path, path_length(path));
	DirectoryList *list;

	if (known != NULL)
		return known;
	list = xcalloc(1, sizeof(DirectoryList));
	list->path = xasprintf("%.*s", (int) path_length(path), path);
	list->result = lists->storage->list(lists->storage, list->path, note_name, list);
	pthread_mutex_lock(&lists->mutex);
	list->next = lists->first;
	lists->first = list;
	pthread_mutex_unlock(&lists->mutex);
	return list;
}

StoreResult
directory_lists_visit(DirectoryLists *lists, const char *path, StorageVisitor visitor,
					  void *argument)
{
	const DirectoryList *list = get_list(lists, path);
	size_t i;

	for (i = 0; i < list->count; i++)
	{
		if (!visitor(list->names[i], argument))
			break;
	}
	return list->result;
}

/* Does a list show nothing of this name, be it a directory? */
static bool
lacks_name(const DirectoryList *list, const char *name, size_t length)
{
	size_t i;

	if (list->result.code != STORE_OK)
		return list->result.code == STORE_ABSENT;
	for (i = 0; i < list->count; i++)
	{
		if (strncmp(list->names[i], name, length) == 0 &&
			(list->names[i][length] == '\0' || strcmp(list->names[i] + length, "/") == 0))
			return false;
	}
	return true;
}

bool
directory_lists_lack(DirectoryLists *lists, const char *path)
{
	const DirectoryList *list = find_list(lists, ".", 1);
	const char *name = path;
	bool lacks = false;

	/* The outermost directory that is known to lack the next one decides. */
	while (!lacks && *name != '\0')
	{
		size_t length = strcspn(name, "/");

		lacks = list != NULL && lacks_name(list, name, length);
		list = find_list(lists, path, (size_t) (name - path) + length);
		name += length + (name[length] == '/');
	}
	return lacks;
}

/* ---- ahead ---- */

typedef struct Paths
{
	DirectoryLists *lists;
	char **items;
	size_t count;
} Paths;

static void
list_one(size_t item, void *argument)
{
	const Paths *paths = argument;

	(void) get_list(paths->lists, paths->items[item]);
}

/* Note the directories in one that was listed. */
static void
add_directories(Paths *paths, const DirectoryList *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
	{
		if (strchr(list->names[i], '/') == NULL)
			continue;
		paths->items = xrealloc(paths->items, (paths->count + 1) * sizeof(char *));
		paths->items[paths->count++] = xasprintf("%s/%s", list->path, list->names[i]);
	}
}

void
directory_lists_ahead(DirectoryLists *lists, char *const *paths, size_t count)
{
	Paths first = {lists, (char **) paths, count};
	Paths below = {lists, NULL, 0};
	size_t i;

	at_once(count, storage_requests(lists->storage), list_one, &first);
	for (i = 0; i < count; i++)
	{
		if (paths[i][strlen(paths[i]) - 1] == '/')
			add_directories(&below, get_list(lists, paths[i]));
	}
	at_once(below.count, storage_requests(lists->storage), list_one, &below);
	while (below.count > 0)
		free(below.items[--below.count]);
	free(below.items);
}
