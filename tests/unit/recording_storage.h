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
 * The first letter of an entry is the operation: R read, P read a part, S
 * size, W durable write, N write of a new file, F fsync of a file, D fsync of
 * a directory, X remove, L list, T list of
 * files at any depth.
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
	return strchr("RPSLT", operation) != NULL ? posix_read_result(recording.error)
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

static StoreResult
recording_read(Storage *storage, const char *path, uint64_t limit, Buffer *content)
{
	RECORDED('R', path, recording.real->read(recording.real, path, limit, content));
}

static StoreResult
recording_read_range(Storage *storage, const char *path, uint64_t offset, uint64_t length,
					 char *into)
{
	RECORDED('P', path, recording.real->read_range(recording.real, path, offset, length, into));
}

static StoreResult
recording_size(Storage *storage, const char *path, uint64_t *bytes)
{
	RECORDED('S', path, recording.real->size(recording.real, path, bytes));
}

static StoreResult
recording_write(Storage *storage, const char *path, const void *content, uint64_t length,
				StorageWrite how)
{
	RECORDED(how == WRITE_DURABLE ? 'W' : 'N', path,
			 recording.real->write(recording.real, path, content, length, how));
}

static StoreResult
recording_sync(Storage *storage, const char *path)
{
	RECORDED('F', path, recording.real->sync(recording.real, path));
}

static StoreResult
recording_sync_directory(Storage *storage, const char *path)
{
	RECORDED('D', path, recording.real->sync_directory(recording.real, path));
}

static StoreResult
recording_remove(Storage *storage, const char *path)
{
	RECORDED('X', path, recording.real->remove(recording.real, path));
}

static StoreResult
recording_remove_directory(Storage *storage, const char *path)
{
	(void) storage;
	return recording.real->remove_directory(recording.real, path);
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
recording_lock(Storage *storage, const char *path, LockMode mode, int *handle)
{
	(void) storage;
	return recording.real->lock(recording.real, path, mode, handle);
}

static void
recording_unlock(Storage *storage, int handle)
{
	(void) storage;
	recording.real->unlock(recording.real, handle);
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
	recording.base.read = recording_read;
	recording.base.read_range = recording_read_range;
	recording.base.size = recording_size;
	recording.base.write = recording_write;
	recording.base.sync = recording_sync;
	recording.base.sync_directory = recording_sync_directory;
	recording.base.remove = recording_remove;
	recording.base.remove_directory = recording_remove_directory;
	recording.base.list = recording_list;
	recording.base.list_files = recording_list_files;
	recording.base.lock = recording_lock;
	recording.base.unlock = recording_unlock;
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
