/*-------------------------------------------------------------------------
 *
 * look_storage.c
 *	  A bucket for a command that looks at it once, and ends.
 *
 *-------------------------------------------------------------------------
 */
#include "look_storage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_cache.h"
#include "memory.h"
#include "storage_use.h"

/* What is read whole for a part of it, so that it is read once. */
#define WHOLE_BYTES ((uint64_t) 8 * 1024 * 1024)

/* A file that was listed. */
typedef struct LookFile
{
	char *path;
	uint64_t bytes;
	double age;
	char *version;
} LookFile;

/* A directory that was listed with all that is below it. */
typedef struct Tree
{
	struct Tree *next;
	char *path; /* "backups/" */
	LookFile *files;
	size_t count;
	StoreResult result;
} Tree;

typedef struct LookStorage
{
	Storage storage; /* first */
	Storage *bucket;
	FileCache *cache;
	pthread_mutex_t mutex; /* for what follows */
	Tree *trees;
	char **top; /* names at the top; NULL: not known yet */
	size_t top_count;
	StoreResult top_result;
} LookStorage;

/* ---- what is listed ---- */

static bool
note_top(const char *name, void *argument)
{
	LookStorage *look = argument;

	look->top = xrealloc(look->top, (look->top_count + 2) * sizeof(char *));
	look->top[look->top_count++] = xstrdup(name);
	return true;
}

/* The mutex is held. */
static const StoreResult *
list_top(LookStorage *look)
{
	if (look->top == NULL)
	{
		look->top = xcalloc(1, sizeof(char *));
		look->top_result = look->bucket->list(look->bucket, ".", note_top, look);
	}
	return &look->top_result;
}

/* Is there a directory of this name at the top?  True if that is not known. */
static bool
has_at_top(LookStorage *look, const char *path)
{
	size_t length = strcspn(path, "/");
	size_t i;

	if (list_top(look)->code != STORE_OK)
		return true;
	for (i = 0; i < look->top_count; i++)
	{
		if (strncmp(look->top[i], path, length) == 0 && look->top[i][length] == '/')
			return true;
	}
	return false;
}

/*
 * How much of a path is the name of a directory that is listed as a whole, with the slash; 0: it is
 * in none.  In servers/LABEL/ there are objects, too.
 */
static size_t
tree_length(const char *path)
{
	static const char *const trees[] = {"backups", "globals", "config", "damaged"};
	const char *rest = path;
	size_t i;

	if (strncmp(path, "servers/", 8) == 0 && strchr(path + 8, '/') != NULL)
		rest = strchr(path + 8, '/') + 1;
	for (i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
	{
		size_t length = strlen(trees[i]);

		if (strncmp(rest, trees[i], length) == 0 && (rest[length] == '/' || rest[length] == '\0'))
			return (size_t) (rest - path) + length;
	}
	return 0;
}

static void
note_file(const StoreEntry *entry, void *argument)
{
	Tree *tree = argument;
	LookFile *file;

	if ((tree->count & (tree->count - 1)) == 0)
		tree->files =
			xrealloc(tree->files, (tree->count == 0 ? 1 : 2 * tree->count) * sizeof(LookFile));
	file = &tree->files[tree->count++];
	file->path = xasprintf("%s%s", tree->path, entry->name);
	file->bytes = entry->bytes;
	file->age = entry->age;
	file->version = xstrdup(entry->version != NULL ? entry->version : "");
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const LookFile *) a)->path, ((const LookFile *) b)->path);
}

/* The tree that a path is in, or is; NULL: none. */
static const Tree *
tree_of(LookStorage *look, const char *path)
{
	const FileListing listing = {.wanted = storage_wants_all, .visit = note_file};
	size_t length = tree_length(path);
	Tree *tree;

	if (length == 0)
		return NULL;
	pthread_mutex_lock(&look->mutex);
	for (tree = look->trees; tree != NULL; tree = tree->next)
	{
		if (strlen(tree->path) == length + 1 && strncmp(tree->path, path, length) == 0)
			break;
	}
	if (tree == NULL)
	{
		FileListing mine = listing;

		tree = xcalloc(1, sizeof(Tree));
		tree->path = xasprintf("%.*s/", (int) length, path);
		mine.argument = tree;
		if (has_at_top(look, path))
			tree->result = look->bucket->list_files(look->bucket, tree->path, &mine);
		else
			tree->result = store_failure(STORE_ABSENT, NULL, "nothing is there");
		if (tree->count > 0)
			qsort(tree->files, tree->count, sizeof(LookFile), compare_files);
		tree->next = look->trees;
		look->trees = tree;
	}
	pthread_mutex_unlock(&look->mutex);
	return tree;
}

static const LookFile *
find_file(const Tree *tree, const char *path)
{
	const LookFile wanted = {.path = (char *) path};

	return tree->count > 0
			   ? bsearch(&wanted, tree->files, tree->count, sizeof(LookFile), compare_files)
			   : NULL;
}

/* Names in a directory of a tree, each once. */
static StoreResult
visit_directory(const Tree *tree, const char *path, StorageVisitor visitor, void *argument)
{
	size_t length = strlen(path);
	const char *before = "";
	size_t before_length = 0;
	bool found = false;
	size_t i;

	for (; length > 0 && path[length - 1] == '/'; length--)
		;
	for (i = 0; i < tree->count; i++)
	{
		const char *rest = tree->files[i].path + length + 1;
		size_t here;
		char *name;
		bool go_on;

		if (strncmp(tree->files[i].path, path, length) != 0 || tree->files[i].path[length] != '/')
			continue;
		found = true;
		here = strcspn(rest, "/");
		here += rest[here] == '/';
		/* They are sorted, so those of one directory follow each other. */
		if (here == before_length && strncmp(rest, before, here) == 0)
			continue;
		before = rest;
		before_length = here;
		name = xasprintf("%.*s", (int) here, rest);
		go_on = visitor(name, argument);
		free(name);
		if (!go_on)
			break;
	}
	return found ? store_ok() : store_failure(STORE_ABSENT, NULL, "nothing is there");
}

static StoreResult
look_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	LookStorage *look = (LookStorage *) storage;
	const Tree *tree = tree_of(look, path);
	StoreResult result;
	size_t i;

	if (tree != NULL)
		return tree->result.code == STORE_OK ? visit_directory(tree, path, visitor, argument)
											 : tree->result;
	if (strcmp(path, ".") != 0)
	{
		bool there;

		pthread_mutex_lock(&look->mutex);
		there = has_at_top(look, path);
		pthread_mutex_unlock(&look->mutex);
		return there ? look->bucket->list(look->bucket, path, visitor, argument)
					 : store_failure(STORE_ABSENT, NULL, "nothing is there");
	}
	pthread_mutex_lock(&look->mutex);
	result = *list_top(look);
	pthread_mutex_unlock(&look->mutex);
	for (i = 0; i < look->top_count; i++)
	{
		if (!visitor(look->top[i], argument))
			break;
	}
	return result;
}

/* ---- reading ---- */

/* A file that is in memory. */
typedef struct LookReader
{
	StoreReader reader; /* first */
	Buffer content;
	size_t taken;
	size_t end;
} LookReader;

static StoreResult
read_on(StoreReader *of, char *into, size_t length)
{
	LookReader *reader = (LookReader *) of;

	if (reader->end - reader->taken < length)
		return store_failure(STORE_DAMAGED, NULL, "it is too short");
	if (length > 0)
		memcpy(into, reader->content.data + reader->taken, length);
	reader->taken += length;
	return store_ok();
}

static void
close_reader(StoreReader *of)
{
	LookReader *reader = (LookReader *) of;

	buffer_free(&reader->content);
	free(reader);
}

/* A listing and an answer may write the tag with quotes or without. */
static bool
same_version(const char *a, const char *b)
{
	size_t length;

	a += *a == '"';
	b += *b == '"';
	length = strcspn(a, "\"");
	return length > 0 && strncmp(a, b, length) == 0 && (b[length] == '"' || b[length] == '\0');
}

/* Read a listed file from the bucket, and keep it if it is the one that was listed. */
static StoreResult
read_and_keep(LookStorage *look, const CachedFile *file, Buffer *content)
{
	StoreReader *reader;
	StoreInfo info;
	StoreResult result =
		look->bucket->get(look->bucket, file->path, 0, STORE_TO_END, &reader, &info);

	if (result.code != STORE_OK)
		return result;
	/* It may have been replaced since it was listed, but not by what no such file has. */
	if (info.bytes > WHOLE_BYTES)
		result = store_failure(STORE_DAMAGED, NULL, "it is larger than it was listed");
	else
	{
		buffer_reserve(content, info.bytes);
		result = reader->read(reader, content->data, info.bytes);
	}
	reader->close(reader);
	if (result.code != STORE_OK)
		return result;
	content->length = info.bytes;
	if (info.bytes == file->bytes && same_version(info.version, file->version))
		file_cache_put(look->cache, file, content->data);
	return result;
}

static StoreResult
look_get(Storage *storage, const char *path, uint64_t offset, uint64_t length, StoreReader **reader,
		 StoreInfo *info)
{
	LookStorage *look = (LookStorage *) storage;
	const Tree *tree = tree_of(look, path);
	const LookFile *listed = tree != NULL ? find_file(tree, path) : NULL;
	CachedFile file = {.path = path};
	StoreResult result = store_ok();
	LookReader *made;

	if (tree != NULL && tree->result.code == STORE_OK && listed == NULL)
		return store_failure(STORE_ABSENT, NULL, "it is not there");
	if (tree != NULL && tree->result.code == STORE_ABSENT)
		return tree->result;
	if (listed == NULL || listed->version[0] == '\0' || listed->bytes > WHOLE_BYTES ||
		listed->bytes == 0)
		return look->bucket->get(look->bucket, path, offset, length, reader, info);
	file.place = look->storage.place != NULL ? look->storage.place : look->storage.location;
	file.version = listed->version;
	file.bytes = listed->bytes;
	made = xcalloc(1, sizeof(LookReader));
	made->reader = (StoreReader){.read = read_on, .close = close_reader};
	if (!file_cache_get(look->cache, &file, &made->content))
		result = read_and_keep(look, &file, &made->content);
	if (result.code == STORE_OK &&
		(made->content.length < offset ||
		 (length != STORE_TO_END && made->content.length - offset < length)))
		result = store_failure(STORE_DAMAGED, NULL, "it is too short");
	if (result.code != STORE_OK)
	{
		close_reader(&made->reader);
		return result;
	}
	made->taken = offset;
	made->end = length == STORE_TO_END ? made->content.length : offset + length;
	*info = (StoreInfo){.bytes = made->content.length, .age = listed->age};
	snprintf(info->version, sizeof(info->version), "%s", listed->version);
	*reader = &made->reader;
	return store_ok();
}

static StoreResult
look_head(Storage *storage, const char *path, StoreInfo *info)
{
	LookStorage *look = (LookStorage *) storage;
	const Tree *tree = tree_of(look, path);
	const LookFile *listed = tree != NULL ? find_file(tree, path) : NULL;

	if (tree == NULL || (tree->result.code != STORE_OK && tree->result.code != STORE_ABSENT))
		return look->bucket->head(look->bucket, path, info);
	if (listed == NULL)
		return store_failure(STORE_ABSENT, NULL, "it is not there");
	*info = (StoreInfo){.bytes = listed->bytes, .age = listed->age};
	snprintf(info->version, sizeof(info->version), "%s", listed->version);
	return store_ok();
}

/* ---- what is as ever ---- */

static Storage *
bucket_of(Storage *storage)
{
	return ((LookStorage *) storage)->bucket;
}

static StoreResult
look_put(Storage *storage, const char *path, const void *content, uint64_t length,
		 const PutOptions *options)
{
	return bucket_of(storage)->put(bucket_of(storage), path, content, length, options);
}

static StoreResult
look_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	return bucket_of(storage)->barrier(bucket_of(storage), paths, count, threads, failed);
}

static void
look_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
				 void *argument)
{
	bucket_of(storage)->remove_many(bucket_of(storage), paths, count, removed, argument);
}

static StoreResult
look_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	return bucket_of(storage)->list_files(bucket_of(storage), path, listing);
}

static StoreResult
look_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	return bucket_of(storage)->lock(bucket_of(storage), path, mode, lock);
}

static bool
look_lock_alive(Storage *storage, const StoreLock *lock)
{
	return bucket_of(storage)->lock_alive(bucket_of(storage), lock);
}

static void
look_unlock(Storage *storage, StoreLock *lock)
{
	bucket_of(storage)->unlock(bucket_of(storage), lock);
}

static StoreResult
look_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	return bucket_of(storage)->examine(bucket_of(storage), path, facts);
}

static void
look_close(Storage *storage)
{
	LookStorage *look = (LookStorage *) storage;
	Tree *tree;
	size_t i;

	while ((tree = look->trees) != NULL)
	{
		look->trees = tree->next;
		for (i = 0; i < tree->count; i++)
		{
			free(tree->files[i].path);
			free(tree->files[i].version);
		}
		free(tree->files);
		free(tree->path);
		free(tree);
	}
	for (i = 0; i < look->top_count; i++)
		free(look->top[i]);
	free(look->top);
	file_cache_close(look->cache);
	pthread_mutex_destroy(&look->mutex);
	look->bucket->close(look->bucket);
	free(look);
}

Storage *
look_storage(Storage *storage, const char *state_directory)
{
	LookStorage *look = xcalloc(1, sizeof(LookStorage));

	look->storage = (Storage){.location = storage->location,
							  .place = storage->place,
							  .can = storage->can,
							  .past = storage->past,
							  .get = look_get,
							  .head = look_head,
							  .put = look_put,
							  .barrier = look_barrier,
							  .remove_many = look_remove_many,
							  .list = look_list,
							  .list_files = look_list_files,
							  .lock = look_lock,
							  .lock_alive = look_lock_alive,
							  .unlock = look_unlock,
							  .examine = look_examine,
							  .close = look_close};
	look->bucket = storage;
	look->cache = file_cache_open(state_directory);
	pthread_mutex_init(&look->mutex, NULL);
	return &look->storage;
}
