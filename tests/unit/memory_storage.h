/*-------------------------------------------------------------------------
 *
 * memory_storage.h
 *	  A Storage in memory, which fails where a test wants it to, and forgets
 *	  in a crash what it has not promised to keep.
 *
 * recording_storage.h shows what the repository asks a directory for.  This
 * one shows what is left: any call can fail with any code, before or after it
 * was done, and a whole run takes no time, so that all of them can be tried.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MEMORY_STORAGE_H
#define NEX_MEMORY_STORAGE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "storage_use.h"

#define MEMORY_FILES 64

/* One path: what is there, and what would be after a crash; NULL: nothing. */
typedef struct MemoryFile
{
	char *path;
	char *now;
	size_t length;
	char *kept;
	size_t kept_length;
	unsigned version;
} MemoryFile;

struct StoreLock
{
	char path[200];
	LockMode mode;
	struct StoreLock *next;
};

typedef struct MemoryStorage
{
	Storage base;
	pthread_mutex_t mutex; /* one operation at a time */
	MemoryFile files[MEMORY_FILES];
	int count;
	StoreLock *locks;
	bool locks_lost;

	int calls;       /* so many operations were asked for */
	int failing;     /* the number of the first one that fails; 0: none */
	int times;       /* so many fail */
	StoreCode code;  /* with this */
	bool afterwards; /* and are done all the same */
} MemoryStorage;

static inline MemoryStorage *
memory_of(Storage *storage)
{
	return (MemoryStorage *) storage;
}

/* Count a call; does it fail? */
static inline bool
memory_fails(MemoryStorage *memory)
{
	memory->calls++;
	return memory->failing > 0 && memory->calls >= memory->failing &&
		   memory->calls < memory->failing + memory->times;
}

static inline StoreResult
memory_failure(const MemoryStorage *memory)
{
	return store_failure(memory->code, NULL, "as the test wants it");
}

static inline MemoryFile *
memory_find(MemoryStorage *memory, const char *path)
{
	int i;

	for (i = 0; i < memory->count; i++)
	{
		if (strcmp(memory->files[i].path, path) == 0)
			return &memory->files[i];
	}
	return NULL;
}

static inline char *
memory_copy(const void *content, size_t length)
{
	char *copy = xmalloc(length + 1);

	if (length > 0)
		memcpy(copy, content, length);
	copy[length] = '\0';
	return copy;
}

/* What is there now would be there after a crash, too. */
static inline void
memory_keep(MemoryFile *file)
{
	free(file->kept);
	file->kept = file->now != NULL ? memory_copy(file->now, file->length) : NULL;
	file->kept_length = file->length;
}

/* Lose what was not made durable. */
static inline void
memory_crash(Storage *storage)
{
	MemoryStorage *memory = memory_of(storage);
	int i;

	for (i = 0; i < memory->count; i++)
	{
		MemoryFile *file = &memory->files[i];

		free(file->now);
		file->now = file->kept != NULL ? memory_copy(file->kept, file->kept_length) : NULL;
		file->length = file->kept_length;
	}
	memory->failing = 0;
}

typedef struct MemoryReader
{
	StoreReader base;
	MemoryStorage *memory;
	char *content;
	size_t left;
	size_t at;
} MemoryReader;

static StoreResult
memory_read(StoreReader *base, char *into, size_t length)
{
	MemoryReader *reader = (MemoryReader *) base;
	bool fails;

	pthread_mutex_lock(&reader->memory->mutex);
	fails = memory_fails(reader->memory);
	pthread_mutex_unlock(&reader->memory->mutex);
	if (fails)
		return memory_failure(reader->memory);
	if (length > reader->left)
		return store_failure(STORE_DAMAGED, NULL, "it is shorter");
	memcpy(into, reader->content + reader->at, length);
	reader->at += length;
	reader->left -= length;
	return store_ok();
}

static void
memory_read_close(StoreReader *base)
{
	free(((MemoryReader *) base)->content);
	free(base);
}

static StoreResult
memory_head_here(MemoryStorage *memory, const char *path, StoreInfo *info)
{
	const MemoryFile *file = memory_find(memory, path);

	memset(info, 0, sizeof(*info));
	if (file == NULL || file->now == NULL)
		return store_failure(STORE_ABSENT, NULL, "there is none");
	info->bytes = file->length;
	snprintf(info->version, sizeof(info->version), "%u", file->version);
	return store_ok();
}

static StoreResult
memory_head(Storage *storage, const char *path, StoreInfo *info)
{
	MemoryStorage *memory = memory_of(storage);
	StoreResult result;

	pthread_mutex_lock(&memory->mutex);
	result = memory_fails(memory) ? memory_failure(memory) : memory_head_here(memory, path, info);
	pthread_mutex_unlock(&memory->mutex);
	return result;
}

static StoreResult
memory_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
		   StoreReader **opened, StoreInfo *info)
{
	MemoryStorage *memory = memory_of(storage);
	StoreResult result;
	MemoryReader *reader;

	pthread_mutex_lock(&memory->mutex);
	result = memory_fails(memory) ? memory_failure(memory) : memory_head_here(memory, path, info);
	if (result.code == STORE_OK &&
		(offset > info->bytes || (length != STORE_TO_END && length > info->bytes - offset)))
		result = store_failure(STORE_DAMAGED, NULL, "it is shorter");
	if (result.code == STORE_OK)
	{
		reader = xcalloc(1, sizeof(MemoryReader));
		reader->base.read = memory_read;
		reader->base.close = memory_read_close;
		reader->memory = memory;
		reader->left = info->bytes - offset;
		reader->content = memory_copy(memory_find(memory, path)->now + offset, reader->left);
		*opened = &reader->base;
	}
	pthread_mutex_unlock(&memory->mutex);
	return result;
}

static StoreResult
memory_put_here(MemoryStorage *memory, const char *path, const void *content, uint64_t length,
				const PutOptions *options)
{
	MemoryFile *file = memory_find(memory, path);
	char version[16];

	if (options->mode == PUT_CREATE && file != NULL && file->now != NULL)
		return store_failure(STORE_EXISTS, NULL, "it is there");
	if (options->mode == PUT_REPLACE_IF)
	{
		snprintf(version, sizeof(version), "%u", file != NULL ? file->version : 0);
		if (file == NULL || file->now == NULL || strcmp(version, options->version) != 0)
			return store_failure(STORE_CHANGED, NULL, "it is another one");
	}
	if (file == NULL)
	{
		if (memory->count == MEMORY_FILES)
			return store_failure(STORE_FULL, NULL, "too many files");
		file = &memory->files[memory->count++];
		file->path = xstrdup(path);
	}
	free(file->now);
	file->now = memory_copy(content, length);
	file->length = length;
	file->version++;
	if (!options->later || !memory->base.can.barrier_needed)
		memory_keep(file);
	return store_ok();
}

static StoreResult
memory_put(Storage *storage, const char *path, const void *content, uint64_t length,
		   const PutOptions *options)
{
	MemoryStorage *memory = memory_of(storage);
	StoreResult result = store_ok();
	bool fails;

	pthread_mutex_lock(&memory->mutex);
	fails = memory_fails(memory);
	if (!fails || memory->afterwards)
		result = memory_put_here(memory, path, content, length, options);
	if (fails)
		result = memory_failure(memory);
	pthread_mutex_unlock(&memory->mutex);
	return result;
}

/* A failed barrier has lost what it was for: it is there, but a crash takes it. */
static StoreResult
memory_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	MemoryStorage *memory = memory_of(storage);
	StoreResult result = store_ok();
	size_t i;
	int j;

	(void) threads;
	*failed = NULL;
	pthread_mutex_lock(&memory->mutex);
	if (memory_fails(memory))
	{
		result = memory_failure(memory);
		*failed = xstrdup(count > 0 ? paths[0] : ".");
	}
	for (i = 0; i < count && result.code == STORE_OK; i++)
	{
		size_t length = strlen(paths[i]);

		for (j = 0; j < memory->count; j++)
		{
			MemoryFile *file = &memory->files[j];

			if (strcmp(file->path, paths[i]) == 0 ||
				(paths[i][length - 1] == '/' && strncmp(file->path, paths[i], length) == 0 &&
				 file->now == NULL))
				memory_keep(file);
		}
	}
	pthread_mutex_unlock(&memory->mutex);
	return result;
}

static void
memory_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
				   void *argument)
{
	MemoryStorage *memory = memory_of(storage);
	size_t i;

	for (i = 0; i < count; i++)
	{
		StoreResult result = store_ok();
		MemoryFile *file;
		bool fails;

		pthread_mutex_lock(&memory->mutex);
		file = memory_find(memory, paths[i]);
		fails = memory_fails(memory);
		if (file == NULL || file->now == NULL)
			result = store_failure(STORE_ABSENT, NULL, "there is none");
		else if (!fails || memory->afterwards)
		{
			free(file->now);
			file->now = NULL;
			if (!memory->base.can.barrier_needed)
				memory_keep(file);
		}
		if (fails)
			result = memory_failure(memory);
		pthread_mutex_unlock(&memory->mutex);
		if (!removed(i, &result, argument))
			return;
	}
}

/* The part of a path below a directory; NULL if it does not lie there. */
static inline const char *
memory_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (strcmp(directory, ".") == 0)
		return path;
	while (length > 0 && directory[length - 1] == '/')
		length--;
	return strncmp(path, directory, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

static StoreResult
memory_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	MemoryStorage *memory = memory_of(storage);
	char seen[MEMORY_FILES][200];
	int nseen = 0;
	int i;
	int j;

	pthread_mutex_lock(&memory->mutex);
	if (memory_fails(memory))
	{
		pthread_mutex_unlock(&memory->mutex);
		return memory_failure(memory);
	}
	for (i = 0; i < memory->count; i++)
	{
		const char *rest = memory_below(memory->files[i].path, path);

		if (rest == NULL || memory->files[i].now == NULL)
			continue;
		snprintf(seen[nseen], sizeof(seen[0]), "%.*s",
				 (int) strcspn(rest, "/") + (strchr(rest, '/') != NULL), rest);
		for (j = 0; j < nseen && strcmp(seen[j], seen[nseen]) != 0; j++)
			;
		nseen += j == nseen;
	}
	pthread_mutex_unlock(&memory->mutex);
	for (i = 0; i < nseen; i++)
	{
		if (!visitor(seen[i], argument))
			break;
	}
	return nseen > 0 || strcmp(path, ".") == 0 ? store_ok()
											   : store_failure(STORE_ABSENT, NULL, "there is none");
}

static StoreResult
memory_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	MemoryStorage *memory = memory_of(storage);
	bool found = false;
	bool fails;
	int i;

	pthread_mutex_lock(&memory->mutex);
	fails = memory_fails(memory);
	for (i = 0; i < memory->count; i++)
	{
		const char *rest = memory_below(memory->files[i].path, path);
		char version[16];
		StoreEntry entry = {.name = rest,
							.bytes = memory->files[i].length,
							.age = -1,
							.readable = true,
							.version = version};

		if (rest == NULL || memory->files[i].now == NULL || (fails && !memory->afterwards))
			continue;
		found = true;
		snprintf(version, sizeof(version), "%u", memory->files[i].version);
		if (listing->wanted(rest, listing->argument))
			listing->visit(&entry, listing->argument);
	}
	pthread_mutex_unlock(&memory->mutex);
	if (fails)
		return memory_failure(memory);
	return found ? store_ok() : store_failure(STORE_ABSENT, NULL, "there is none");
}

static StoreResult
memory_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	MemoryStorage *memory = memory_of(storage);
	StoreResult result = store_ok();
	const StoreLock *other;

	pthread_mutex_lock(&memory->mutex);
	if (memory_fails(memory))
		result = memory_failure(memory);
	for (other = memory->locks; other != NULL; other = other->next)
	{
		if (strcmp(other->path, path) == 0 && (mode != LOCK_SHARED || other->mode != LOCK_SHARED))
			result = store_failure(STORE_BUSY, NULL, "somebody has it");
	}
	if (result.code == STORE_OK)
	{
		*lock = xcalloc(1, sizeof(StoreLock));
		snprintf((*lock)->path, sizeof((*lock)->path), "%s", path);
		(*lock)->mode = mode;
		(*lock)->next = memory->locks;
		memory->locks = *lock;
	}
	pthread_mutex_unlock(&memory->mutex);
	return result;
}

static bool
memory_lock_alive(Storage *storage, const StoreLock *lock)
{
	(void) lock;
	return !memory_of(storage)->locks_lost;
}

static void
memory_unlock(Storage *storage, StoreLock *lock)
{
	StoreLock **link = &memory_of(storage)->locks;

	while (*link != lock)
		link = &(*link)->next;
	*link = lock->next;
	free(lock);
}

static StoreResult
memory_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	(void) path;
	memset(facts, 0, sizeof(*facts));
	return memory_fails(memory_of(storage)) ? memory_failure(memory_of(storage)) : store_ok();
}

static void
memory_close(Storage *storage)
{
	MemoryStorage *memory = memory_of(storage);

	while (memory->locks != NULL)
		memory_unlock(storage, memory->locks);
	while (memory->count > 0)
	{
		MemoryFile *file = &memory->files[--memory->count];

		free(file->path);
		free(file->now);
		free(file->kept);
	}
	pthread_mutex_destroy(&memory->mutex);
	free(memory);
}

/* barrier_needed: as a directory; else as a bucket. */
static inline Storage *
memory_storage(bool barrier_needed)
{
	MemoryStorage *memory = xcalloc(1, sizeof(MemoryStorage));

	pthread_mutex_init(&memory->mutex, NULL);
	memory->base.location = "memory";
	memory->base.can.create_only = memory->base.can.replace_if = true;
	memory->base.can.barrier_needed = barrier_needed;
	memory->base.can.uploads = barrier_needed ? 1 : 4;
	memory->base.get = memory_get;
	memory->base.head = memory_head;
	memory->base.put = memory_put;
	memory->base.barrier = memory_barrier;
	memory->base.remove_many = memory_remove_many;
	memory->base.list = memory_list;
	memory->base.list_files = memory_list_files;
	memory->base.lock = memory_lock;
	memory->base.lock_alive = memory_lock_alive;
	memory->base.unlock = memory_unlock;
	memory->base.examine = memory_examine;
	memory->base.close = memory_close;
	return &memory->base;
}

/* From now on the calls of these numbers fail. */
static inline void
memory_fail(Storage *storage, int first, int times, StoreCode code, bool afterwards)
{
	MemoryStorage *memory = memory_of(storage);

	memory->calls = 0;
	memory->failing = first;
	memory->times = times;
	memory->code = code;
	memory->afterwards = afterwards;
}

#endif /* NEX_MEMORY_STORAGE_H */
