/*-------------------------------------------------------------------------
 *
 * bucket_history.c
 *	  A bucket that keeps versions, as it was at an earlier time.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bucket_versions.h"
#include "memory.h"

/* An object at that time, or that there was none any more. */
typedef struct PastObject
{
	char *name;
	char *version;
	uint64_t bytes;
	bool removed;
} PastObject;

/* What one listing has shown. */
typedef struct Shelf
{
	char *prefix;
	bool one_level;
	PastObject *objects; /* ordered by name */
	size_t count;
	char **directories; /* of one level; what is in them may be of another time */
	size_t ndirectories;
} Shelf;

struct BucketHistory
{
	double as_of;
	pthread_mutex_t lock; /* of: */
	bool asked;           /* whether the bucket keeps versions */
	Shelf **shelves;
	size_t count;
};

BucketHistory *
bucket_history_create(double as_of)
{
	BucketHistory *history = xcalloc(1, sizeof(*history));

	history->as_of = as_of;
	pthread_mutex_init(&history->lock, NULL);
	return history;
}

static void
shelf_free(Shelf *shelf)
{
	size_t i;

	for (i = 0; i < shelf->count; i++)
	{
		free(shelf->objects[i].name);
		free(shelf->objects[i].version);
	}
	for (i = 0; i < shelf->ndirectories; i++)
		free(shelf->directories[i]);
	free(shelf->objects);
	free(shelf->directories);
	free(shelf->prefix);
	free(shelf);
}

void
bucket_history_free(BucketHistory *history)
{
	size_t i;

	if (history == NULL)
		return;
	for (i = 0; i < history->count; i++)
		shelf_free(history->shelves[i]);
	free(history->shelves);
	pthread_mutex_destroy(&history->lock);
	free(history);
}

/* ---- listing ---- */

/* A shelf that is being filled. */
typedef struct Filling
{
	double as_of;
	Shelf *shelf;
	bool unordered;
} Filling;

static void
note_directory(Shelf *shelf, const char *name)
{
	size_t n = shelf->ndirectories;

	if ((n & (n - 1)) == 0)
		shelf->directories = xrealloc(shelf->directories, (n == 0 ? 1 : 2 * n) * sizeof(char *));
	shelf->directories[shelf->ndirectories++] = xstrdup(name);
}

/* Of each name the first that is old enough counts: the newest one comes first. */
static bool
note_version(const ListEntry *entry, void *argument)
{
	Filling *filling = argument;
	Shelf *shelf = filling->shelf;
	size_t n = shelf->count;
	int order = n > 0 ? strcmp(shelf->objects[n - 1].name, entry->name) : -1;

	if (entry->version_id == NULL)
		note_directory(shelf, entry->name);
	if (entry->version_id == NULL || order == 0 || entry->modified < 0 ||
		entry->modified > filling->as_of)
		return true;
	filling->unordered |= order > 0;
	if ((n & (n - 1)) == 0)
		shelf->objects = xrealloc(shelf->objects, (n == 0 ? 1 : 2 * n) * sizeof(PastObject));
	shelf->objects[shelf->count++] = (PastObject){.name = xstrdup(entry->name),
												  .version = xstrdup(entry->version_id),
												  .bytes = entry->bytes,
												  .removed = entry->removal};
	return !filling->unordered;
}

/* For was_there(). */
typedef struct Sought
{
	double as_of;
	bool found;
} Sought;

static bool
note_old(const ListEntry *entry, void *argument)
{
	Sought *sought = argument;

	sought->found = entry->version_id != NULL && !entry->removal && entry->modified >= 0 &&
					entry->modified <= sought->as_of;
	return !sought->found;
}

/* Was something in a directory by then?  Mostly its first page tells. */
static StoreResult
was_there(BucketStorage *bucket, const char *prefix, bool *found)
{
	Sought sought = {.as_of = bucket->history->as_of};
	StoreResult result = bucket_each_version(bucket, prefix, false, NULL, note_old, &sought);

	*found = sought.found;
	return result;
}

/* Leave out directories of later times. */
static StoreResult
keep_directories(BucketStorage *bucket, Shelf *shelf)
{
	StoreResult result = store_ok();
	size_t kept = 0;
	size_t i;

	for (i = 0; i < shelf->ndirectories; i++)
	{
		bool found = true;

		if (result.code == STORE_OK)
			result = was_there(bucket, shelf->directories[i], &found);
		if (found)
			shelf->directories[kept++] = shelf->directories[i];
		else
			free(shelf->directories[i]);
	}
	shelf->ndirectories = kept;
	return result;
}

static StoreResult
fill(BucketStorage *bucket, Shelf *shelf)
{
	Filling filling = {.as_of = bucket->history->as_of, .shelf = shelf};
	StoreResult result =
		bucket_each_version(bucket, shelf->prefix, shelf->one_level, NULL, note_version, &filling);

	if (result.code == STORE_OK && filling.unordered)
		result = store_failure(STORE_FAILED, NULL, "the listing of versions is not in order");
	if (result.code == STORE_OK)
		result = keep_directories(bucket, shelf);
	return result;
}

/* The shelf of a prefix, which is listed if that was not done yet; the lock is held. */
static StoreResult
find_shelf(BucketStorage *bucket, const char *prefix, bool one_level, const Shelf **found)
{
	BucketHistory *history = bucket->history;
	StoreResult result = store_ok();
	StoreAnswer keeps = ANSWER_UNKNOWN;
	Shelf *shelf;
	size_t i;

	for (i = 0; i < history->count; i++)
	{
		*found = history->shelves[i];
		if ((*found)->one_level == one_level && strcmp((*found)->prefix, prefix) == 0)
			return result;
	}
	if (!history->asked)
		result = bucket_ask_versions(bucket, &keeps);
	if (result.code != STORE_OK)
		return result;
	/* Whoever may not ask finds what there is. */
	if (keeps == ANSWER_NO)
		return store_failure(STORE_UNSUPPORTED, "Switch versioning on for the next time.",
							 "the bucket does not keep versions");
	history->asked = true;
	shelf = xcalloc(1, sizeof(*shelf));
	shelf->prefix = xstrdup(prefix);
	shelf->one_level = one_level;
	result = fill(bucket, shelf);
	if (result.code != STORE_OK)
	{
		shelf_free(shelf);
		return result;
	}
	history->shelves = xrealloc(history->shelves, (history->count + 1) * sizeof(Shelf *));
	history->shelves[history->count++] = shelf;
	*found = shelf;
	return result;
}

/*
 * The one that has all that begins with a key: a directory at the top of the repository, or the
 * top itself.  Of WAL there is much, and one file is asked for at a time.
 */
static StoreResult
shelf_of(BucketStorage *bucket, const char *key, bool one_level, const Shelf **shelf)
{
	const char *path = key + strlen(bucket->prefix);
	const char *slash = strncmp(path, "wal/", 4) == 0 ? strrchr(path, '/') : strchr(path, '/');
	char *prefix =
		slash != NULL ? xasprintf("%.*s", (int) (slash + 1 - key), key) : xstrdup(bucket->prefix);
	StoreResult result;

	pthread_mutex_lock(&bucket->history->lock);
	result = find_shelf(bucket, prefix, slash == NULL && one_level, shelf);
	pthread_mutex_unlock(&bucket->history->lock);
	free(prefix);
	return result;
}

/* ---- reading ---- */

static int
compare_objects(const void *a, const void *b)
{
	return strcmp(((const PastObject *) a)->name, ((const PastObject *) b)->name);
}

StoreResult
bucket_history_find(BucketStorage *bucket, const char *path, const char **version)
{
	char *key = bucket_key(bucket, path);
	PastObject wanted = {.name = key};
	const PastObject *object = NULL;
	const Shelf *shelf;
	StoreResult result = shelf_of(bucket, key, true, &shelf);

	if (result.code == STORE_OK && shelf->count > 0)
		object =
			bsearch(&wanted, shelf->objects, shelf->count, sizeof(PastObject), compare_objects);
	free(key);
	if (result.code != STORE_OK)
		return result;
	if (object == NULL || object->removed)
		return store_failure(STORE_ABSENT, NULL, "%s: there was no such object at that time", path);
	*version = object->version;
	return result;
}

/* The entry of one object, or of the directory at this level that it is in, once. */
static bool
visit_object(const PastObject *object, size_t skip, bool one_level, char **last,
			 EntryVisitor visitor, void *argument, size_t *count)
{
	const ListEntry entry = {.bytes = object->bytes, .age = -1, .modified = -1};
	const char *name = object->name + skip;
	const char *slash = one_level ? strchr(name, '/') : NULL;
	char *directory;

	if (name[0] == '\0')
		return true;
	if (slash == NULL)
	{
		(*count)++;
		return visitor(name, &entry, argument);
	}
	directory = xasprintf("%.*s", (int) (slash + 1 - name), name);
	if (*last != NULL && strcmp(*last, directory) == 0)
	{
		free(directory);
		return true;
	}
	free(*last);
	*last = directory;
	(*count)++;
	return visitor(directory, &entry, argument);
}

StoreResult
bucket_history_visit(BucketStorage *bucket, const char *prefix, bool one_level,
					 EntryVisitor visitor, void *argument, size_t *count)
{
	static const ListEntry directory = {.age = -1, .modified = -1};
	size_t skip = strlen(prefix);
	const Shelf *shelf;
	StoreResult result = shelf_of(bucket, prefix, one_level, &shelf);
	bool go_on = true;
	char *last = NULL;
	size_t i;

	*count = 0;
	if (result.code != STORE_OK)
		return result;
	for (i = 0; i < shelf->count && go_on; i++)
	{
		if (strncmp(shelf->objects[i].name, prefix, skip) == 0 && !shelf->objects[i].removed)
			go_on =
				visit_object(&shelf->objects[i], skip, one_level, &last, visitor, argument, count);
	}
	free(last);
	for (i = 0; i < shelf->ndirectories && go_on && strcmp(shelf->prefix, prefix) == 0; i++)
	{
		(*count)++;
		go_on = visitor(shelf->directories[i] + skip, &directory, argument);
	}
	return result;
}

/* ---- what cannot be done ---- */

static StoreResult
refuse(void)
{
	return store_failure(STORE_DENIED, "Leave out --as-of.",
						 "the repository is read as it was at an earlier time");
}

StoreResult
bucket_history_put(Storage *storage, const char *path, const void *content, uint64_t length,
				   const PutOptions *options)
{
	(void) storage;
	(void) path;
	(void) content;
	(void) length;
	(void) options;
	return refuse();
}

void
bucket_history_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
						   void *argument)
{
	StoreResult result = refuse();
	size_t i;

	(void) storage;
	(void) paths;
	for (i = 0; i < count && removed(i, &result, argument); i++)
		;
}

StoreResult
bucket_history_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	(void) storage;
	(void) path;
	(void) mode;
	(void) lock;
	return refuse();
}
