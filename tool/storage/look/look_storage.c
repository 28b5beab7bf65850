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

#include "at_once.h"
#include "directory_lists.h"
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

/* A file that was read, where nothing tells one version of it from another. */
typedef struct LookContent
{
	struct LookContent *next;
	char *path;
	Buffer content;
	StoreInfo info;
} LookContent;

typedef struct LookStorage
{
	Storage storage; /* first */
	Storage *bucket;
	DirectoryLists *lists; /* of directories that are not listed as trees */
	bool versions;         /* by which files, and trees of them, are known */
	bool parts;            /* are read as such, if that is all that is asked for */
	pthread_mutex_t mutex; /* for what follows */
	FileCache *cache;
	Tree *trees;
	LookContent *contents;
} LookStorage;

/* ---- what is listed ---- */

static bool
stop_at_once(const char *name, void *argument)
{
	(void) name;
	(void) argument;
	return false;
}

/* Is there a directory of this name at the top?  True if that is not known. */
static bool
has_at_top(LookStorage *look, const char *path)
{
	char *first = xasprintf("%.*s", (int) strcspn(path, "/"), path);
	bool known = directory_lists_visit(look->lists, ".", stop_at_once, NULL).code == STORE_OK;
	bool has = !known || !directory_lists_lack(look->lists, first);

	free(first);
	return has;
}

/*
 * How much of a path is the name of a directory that is listed as a whole, with the slash; 0: it is
 * in none.  In servers/LABEL/ there are objects, too.
 */
static size_t
tree_length(const char *path)
{
	static const char *const trees[] = {"backups", "globals", "config", "base", "damaged"};
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

/* List a directory whose name is the beginning of a path, and all that is below it. */
static Tree *
list_tree(LookStorage *look, const char *path, size_t length)
{
	Tree *tree = xcalloc(1, sizeof(Tree));
	const FileListing listing = {.wanted = storage_wants_all, .visit = note_file, .argument = tree};

	tree->path = xasprintf("%.*s/", (int) length, path);
	tree->result = look->bucket->list_files(look->bucket, tree->path, &listing);
	if (tree->count > 0)
		qsort(tree->files, tree->count, sizeof(LookFile), compare_files);
	return tree;
}

/* The mutex is held. */
static void
keep_tree(LookStorage *look, Tree *tree)
{
	tree->next = look->trees;
	look->trees = tree;
}

/* The tree that a path is in, or is; NULL: none. */
static const Tree *
tree_of(LookStorage *look, const char *path)
{
	size_t length = look->versions ? tree_length(path) : 0;
	Tree *tree;

	if (length == 0)
		return NULL;
	pthread_mutex_lock(&look->mutex);
	for (tree = look->trees; tree != NULL; tree = tree->next)
	{
		if (strlen(tree->path) == length + 1 && strncmp(tree->path, path, length) == 0)
			break;
	}
	if (tree == NULL && has_at_top(look, path))
		keep_tree(look, tree = list_tree(look, path, length));
	else if (tree == NULL)
	{
		tree = xcalloc(1, sizeof(Tree));
		tree->path = xasprintf("%.*s/", (int) length, path);
		tree->result = store_failure(STORE_ABSENT, NULL, "nothing is there");
		keep_tree(look, tree);
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

	if (tree != NULL)
		return tree->result.code == STORE_OK ? visit_directory(tree, path, visitor, argument)
											 : tree->result;
	if (strcmp(path, ".") != 0 && !has_at_top(look, path))
		return store_failure(STORE_ABSENT, NULL, "nothing is there");
	return directory_lists_visit(look->lists, path, visitor, argument);
}

typedef struct Ahead
{
	LookStorage *look;
	char *const *directories;
} Ahead;

static void
list_ahead(size_t item, void *argument)
{
	const Ahead *ahead = argument;
	LookStorage *look = ahead->look;
	const char *path = ahead->directories[item];
	size_t length = tree_length(path);
	Tree *tree;

	if (length == 0)
	{
		directory_lists_ahead(look->lists, &ahead->directories[item], 1);
		return;
	}
	tree = list_tree(look, path, length);
	pthread_mutex_lock(&look->mutex);
	keep_tree(look, tree);
	pthread_mutex_unlock(&look->mutex);
}

void
look_storage_ahead(Storage *storage, char *const *directories, size_t count)
{
	LookStorage *look = (LookStorage *) storage;
	Ahead ahead = {look, directories};

	if (look->versions)
		at_once(count, storage_requests(look->bucket), list_ahead, &ahead);
	else
		directory_lists_ahead(look->lists, directories, count);
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
	{
		pthread_mutex_lock(&look->mutex);
		file_cache_put(look->cache, file, content->data);
		pthread_mutex_unlock(&look->mutex);
	}
	return result;
}

/* A reader of a file that is in memory; it takes the content over. */
static StoreResult
open_content(Buffer *content, uint64_t offset, uint64_t length, StoreReader **reader)
{
	LookReader *made;

	if (content->length < offset || (length != STORE_TO_END && content->length - offset < length))
	{
		buffer_free(content);
		return store_failure(STORE_DAMAGED, NULL, "it is too short");
	}
	made = xcalloc(1, sizeof(LookReader));
	made->reader = (StoreReader){.read = read_on, .close = close_reader};
	made->content = *content;
	made->taken = offset;
	made->end = length == STORE_TO_END ? content->length : offset + length;
	*reader = &made->reader;
	return store_ok();
}

/* What was read of a path before; NULL: nothing.  It stays until the end. */
static const LookContent *
find_content(LookStorage *look, const char *path)
{
	const LookContent *known;

	pthread_mutex_lock(&look->mutex);
	for (known = look->contents; known != NULL && strcmp(known->path, path) != 0;)
		known = known->next;
	pthread_mutex_unlock(&look->mutex);
	return known;
}

/* Read a file, and keep it, unless it is large: then it is read as ever. */
static StoreResult
read_content(LookStorage *look, const char *path, StoreReader **reader, StoreInfo *info,
			 const LookContent **kept)
{
	StoreResult result = look->bucket->get(look->bucket, path, 0, STORE_TO_END, reader, info);
	LookContent *made;

	*kept = NULL;
	if (result.code != STORE_OK || info->bytes > WHOLE_BYTES)
		return result;
	made = xcalloc(1, sizeof(LookContent));
	buffer_reserve(&made->content, info->bytes);
	result = (*reader)->read(*reader, made->content.data, info->bytes);
	(*reader)->close(*reader);
	if (result.code != STORE_OK)
	{
		buffer_free(&made->content);
		free(made);
		return result;
	}
	made->content.length = info->bytes;
	made->info = *info;
	made->path = xstrdup(path);
	pthread_mutex_lock(&look->mutex);
	made->next = look->contents;
	look->contents = made;
	pthread_mutex_unlock(&look->mutex);
	*kept = made;
	return result;
}

/* What has no version is read whole once, as long as nobody asks for a part of it. */
static StoreResult
get_unlisted(LookStorage *look, const char *path, uint64_t offset, uint64_t length,
			 StoreReader **reader, StoreInfo *info)
{
	const LookContent *known = find_content(look, path);
	StoreResult result = store_ok();
	Buffer copy;

	if (directory_lists_lack(look->lists, path))
		return store_failure(STORE_ABSENT, NULL, "it is not there");
	if (known == NULL && (look->versions || offset > 0 || length != STORE_TO_END))
		return look->bucket->get(look->bucket, path, offset, length, reader, info);
	if (known == NULL)
		result = read_content(look, path, reader, info, &known);
	if (known == NULL)
		return result;
	*info = known->info;
	buffer_init(&copy);
	buffer_append(&copy, known->content.data, known->content.length);
	return open_content(&copy, offset, length, reader);
}

/* A listed file, as it was read before, or is now; *part: it was not, and a part will do. */
static StoreResult
get_listed(LookStorage *look, const LookFile *listed, Buffer *content, bool *part)
{
	const Storage *storage = &look->storage;
	const CachedFile file = {.place = storage->place != NULL ? storage->place : storage->location,
							 .path = listed->path,
							 .version = listed->version,
							 .bytes = listed->bytes};
	bool cached;

	pthread_mutex_lock(&look->mutex);
	cached = file_cache_get(look->cache, &file, content);
	pthread_mutex_unlock(&look->mutex);
	*part = *part && !cached;
	return cached || *part ? store_ok() : read_and_keep(look, &file, content);
}

static StoreResult
look_get(Storage *storage, const char *path, uint64_t offset, uint64_t length, StoreReader **reader,
		 StoreInfo *info)
{
	LookStorage *look = (LookStorage *) storage;
	const Tree *tree = tree_of(look, path);
	const LookFile *listed = tree != NULL ? find_file(tree, path) : NULL;
	bool part = look->parts && length != STORE_TO_END;
	StoreResult result;
	Buffer content;

	if (tree == NULL)
		return get_unlisted(look, path, offset, length, reader, info);
	if (tree->result.code == STORE_OK && listed == NULL)
		return store_failure(STORE_ABSENT, NULL, "it is not there");
	if (tree->result.code == STORE_ABSENT)
		return tree->result;
	if (listed == NULL || listed->version[0] == '\0' || listed->bytes > WHOLE_BYTES ||
		listed->bytes == 0)
		return look->bucket->get(look->bucket, path, offset, length, reader, info);
	buffer_init(&content);
	result = get_listed(look, listed, &content, &part);
	if (part)
		return look->bucket->get(look->bucket, path, offset, length, reader, info);
	if (result.code != STORE_OK)
	{
		buffer_free(&content);
		return result;
	}
	*info = (StoreInfo){.bytes = content.length, .age = listed->age};
	snprintf(info->version, sizeof(info->version), "%s", listed->version);
	return open_content(&content, offset, length, reader);
}

static StoreResult
look_head(Storage *storage, const char *path, StoreInfo *info)
{
	LookStorage *look = (LookStorage *) storage;
	const Tree *tree = tree_of(look, path);
	const LookFile *listed = tree != NULL ? find_file(tree, path) : NULL;

	if (tree == NULL && directory_lists_lack(look->lists, path))
		return store_failure(STORE_ABSENT, NULL, "it is not there");
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
free_trees(LookStorage *look)
{
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
}

Storage *
look_storage_end(Storage *storage)
{
	LookStorage *look = (LookStorage *) storage;
	Storage *bucket = look->bucket;
	LookContent *content;

	free_trees(look);
	while ((content = look->contents) != NULL)
	{
		look->contents = content->next;
		buffer_free(&content->content);
		free(content->path);
		free(content);
	}
	directory_lists_free(look->lists);
	file_cache_close(look->cache);
	pthread_mutex_destroy(&look->mutex);
	free(look);
	return bucket;
}

static void
look_close(Storage *storage)
{
	Storage *bucket = look_storage_end(storage);

	bucket->close(bucket);
}

Storage *
look_storage(Storage *storage, const char *state_directory, bool parts)
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
	look->lists = directory_lists_create(storage);
	look->versions = storage->can.replace_if;
	look->parts = parts;
	look->cache = file_cache_open(state_directory);
	pthread_mutex_init(&look->mutex, NULL);
	return &look->storage;
}
