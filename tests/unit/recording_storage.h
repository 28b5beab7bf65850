/*-------------------------------------------------------------------------
 *
 * recording_storage.h
 *	  A Storage that writes down what is asked of it, and fails where a test
 *	  wants it to.
 *
 * What order files are published and removed in, and what is on the disk
 * before what, decides what a crash leaves.  No test of the result can see
 * that: everything is there afterwards in any order.
 *
 * The first letter of an entry is the operation: G open for reading, P read,
 * S look, W durable put, N put that is made durable later, B barrier (one for
 * each path), X remove, L list, T list of files at any depth, O lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECORDING_STORAGE_H
#define NEX_RECORDING_STORAGE_H

#include "scratch.h"

#include <errno.h>

#include "posix_result.h"
#include "repository.h"

#define MAX_CALLS 4096

typedef struct Recording
{
	Storage base;
	Storage *real;
	char *calls[MAX_CALLS];
	int count;

	/* The operation and a part of the path that fail, with this error; NULL: none. */
	const char *operation;
	const char *path;
	int error;       /* an errno value */
	bool afterwards; /* after it was done */
	int times;       /* how often; -1: always */
	bool locks_lost; /* all of them */
} Recording;

static Recording recording;

static inline bool
recording_note(char operation, const char *path)
{
	char entry[600];

	snprintf(entry, sizeof(entry), "%c %s", operation, path);
	assert_true(recording.count < MAX_CALLS);
	recording.calls[recording.count++] = strdup(entry);
	if (recording.operation == NULL || strchr(recording.operation, operation) == NULL ||
		strstr(path, recording.path) == NULL || recording.times == 0)
		return false;
	if (recording.times > 0)
		recording.times--;
	return true;
}

/* What the driver for directories would say of it. */
static inline StoreResult
recording_failure(char operation)
{
	return strchr("GPSLT", operation) != NULL ? posix_read_result(recording.error)
											  : posix_write_result(recording.error);
}

/* Do it, unless it fails before. */
#define RECORDED(operation, path, call)                                                            \
	do                                                                                             \
	{                                                                                              \
		bool fails = recording_note(operation, path);                                              \
		StoreResult result;                                                                        \
                                                                                                   \
		(void) storage;                                                                            \
		if (fails && !recording.afterwards)                                                        \
			return recording_failure(operation);                                                   \
		result = call;                                                                             \
		return fails ? recording_failure(operation) : result;                                      \
	} while (0)

/* A file that is being read. */
typedef struct RecordingReader
{
	StoreReader base;
	StoreReader *real;
	char path[512];
} RecordingReader;

static StoreResult
recording_next(StoreReader *reader, char *into, size_t length)
{
	RecordingReader *record = (RecordingReader *) reader;
	StoreReader *storage = record->real;

	RECORDED('P', record->path, storage->read(storage, into, length));
}

static void
recording_end(StoreReader *reader)
{
	RecordingReader *record = (RecordingReader *) reader;

	record->real->close(record->real);
	free(record);
}

static StoreResult
recording_get_here(const char *path, uint64_t offset, uint64_t length, StoreReader **reader,
				   StoreInfo *info)
{
	RecordingReader *record;
	StoreResult result = recording.real->get(recording.real, path, offset, length, reader, info);

	if (result.code != STORE_OK)
		return result;
	record = calloc(1, sizeof(RecordingReader));
	record->real = *reader;
	record->base.read = recording_next;
	record->base.close = recording_end;
	snprintf(record->path, sizeof(record->path), "%s", path);
	*reader = &record->base;
	return result;
}

static StoreResult
recording_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
			  StoreReader **reader, StoreInfo *info)
{
	RECORDED('G', path, recording_get_here(path, offset, length, reader, info));
}

static StoreResult
recording_head(Storage *storage, const char *path, StoreInfo *info)
{
	RECORDED('S', path, recording.real->head(recording.real, path, info));
}

static StoreResult
recording_put(Storage *storage, const char *path, const void *content, uint64_t length,
			  const PutOptions *options)
{
	RECORDED(options->later ? 'N' : 'W', path,
			 recording.real->put(recording.real, path, content, length, options));
}

static StoreResult
recording_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	size_t i;

	(void) storage;
	for (i = 0; i < count; i++)
	{
		if (!recording_note('B', paths[i]))
			continue;
		*failed = strdup(paths[i]);
		return recording_failure('B');
	}
	return recording.real->barrier(recording.real, paths, count, threads, failed);
}

static bool
recording_removed(size_t position, const StoreResult *result, void *argument)
{
	(void) position;
	*(StoreResult *) argument = *result;
	return true;
}

static void
recording_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
					  void *argument)
{
	size_t i;

	(void) storage;
	for (i = 0; i < count; i++)
	{
		bool fails = recording_note('X', paths[i]);
		StoreResult result = recording_failure('X');

		if (!fails || recording.afterwards)
			recording.real->remove_many(recording.real, paths + i, 1, recording_removed, &result);
		if (fails)
			result = recording_failure('X');
		if (!removed(i, &result, argument))
			return;
	}
}

static StoreResult
recording_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	RECORDED('L', path, recording.real->list(recording.real, path, visitor, argument));
}

static StoreResult
recording_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	RECORDED('T', path, recording.real->list_files(recording.real, path, listing));
}

static StoreResult
recording_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	RECORDED('O', path, recording.real->lock(recording.real, path, mode, lock));
}

static bool
recording_lock_alive(Storage *storage, const StoreLock *lock)
{
	(void) storage;
	return !recording.locks_lost && recording.real->lock_alive(recording.real, lock);
}

static void
recording_unlock(Storage *storage, StoreLock *lock)
{
	(void) storage;
	recording.real->unlock(recording.real, lock);
}

static StoreResult
recording_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	(void) storage;
	return recording.real->examine(recording.real, path, facts);
}

static inline void
recording_clear(void)
{
	while (recording.count > 0)
		free(recording.calls[--recording.count]);
}

static void
recording_close(Storage *storage)
{
	(void) storage;
	recording_clear();
	recording.real->close(recording.real);
}

/* From now on the repository's storage records; one repository at a time. */
static inline void
recording_begin(Repository *repository)
{
	memset(&recording, 0, sizeof(recording));
	recording.real = repository->storage;
	recording.base.location = repository->storage->location;
	recording.base.can = repository->storage->can;
	recording.base.get = recording_get;
	recording.base.head = recording_head;
	recording.base.put = recording_put;
	recording.base.barrier = recording_barrier;
	recording.base.remove_many = recording_remove_many;
	recording.base.list = recording_list;
	recording.base.list_files = recording_list_files;
	recording.base.lock = recording_lock;
	recording.base.lock_alive = recording_lock_alive;
	recording.base.unlock = recording_unlock;
	recording.base.examine = recording_examine;
	recording.base.close = recording_close;
	repository->storage = &recording.base;
}

/* The next call of this kind fails, before or after it is done. */
static inline void
recording_fail(const char *operation, const char *path, int error, bool afterwards)
{
	recording.operation = operation;
	recording.path = path;
	recording.error = error;
	recording.afterwards = afterwards;
	recording.times = 1;
}

/* The position of the first call that begins so, from a position on; fails if there is none. */
static inline int
recorded(int from, const char *begins)
{
	int i;

	for (i = from; i < recording.count; i++)
	{
		if (strncmp(recording.calls[i], begins, strlen(begins)) == 0)
			return i;
	}
	fail_msg("no call \"%s\" from number %d on", begins, from);
	return -1;
}

#endif /* NEX_RECORDING_STORAGE_H */
