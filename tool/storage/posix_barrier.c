/*-------------------------------------------------------------------------
 *
 * posix_barrier.c
 *	  Making durable what lies in a directory.
 *
 * Each file by name and not the whole file system, because only fsync says
 * which file is lost.  It says so once: from then on the pages look clean and
 * intact in memory, and the next fsync succeeds.
 *
 *-------------------------------------------------------------------------
 */
#include "posix_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "memory.h"
#include "posix_barrier.h"
#include "posix_result.h"

/* fsync something by name. */
static int
sync_path(Storage *storage, const char *path, int flags)
{
	int fd = posix_open_path(storage, path, TO_CHANGE, O_RDONLY | flags);
	int error;

	if (fd < 0)
		return errno;
	error = fsync(fd) != 0 ? errno : 0;
	close(fd);
	return error;
}

/* fsync a directory and those above it, from the inside; *at is the one that failed. */
static int
sync_upward(Storage *storage, char at[POSIX_PATH_SIZE])
{
	char above[POSIX_PATH_SIZE];
	int error;

	for (;;)
	{
		error = sync_path(storage, at, O_DIRECTORY);
		if (error != 0 || strcmp(at, ".") == 0)
			return error;
		error = posix_parent_of(at, above);
		if (error != 0)
			return error;
		memcpy(at, above, sizeof(above));
	}
}

int
posix_sync_parents(Storage *storage, const char *path)
{
	char parent[POSIX_PATH_SIZE];
	int error = posix_parent_of(path, parent);

	return error != 0 ? error : sync_upward(storage, parent);
}

/* What the threads of a barrier share. */
typedef struct Barrier
{
	Storage *storage;
	char *const *paths;
	size_t count;
	_Atomic size_t next;
	_Atomic bool ended;
	pthread_mutex_t mutex; /* for what follows */
	StoreResult result;
	char *failed;
} Barrier;

/* Keep the first failure. */
static void
note_failure(Barrier *barrier, const char *path, int error)
{
	pthread_mutex_lock(&barrier->mutex);
	if (barrier->failed == NULL)
	{
		barrier->result = posix_sync_result(error);
		barrier->failed = xstrdup(path);
	}
	pthread_mutex_unlock(&barrier->mutex);
	barrier->ended = true;
}

static bool
is_directory(const char *path)
{
	return path[strlen(path) - 1] == '/';
}

static void *
sync_files(void *argument)
{
	Barrier *barrier = argument;
	size_t i;

	while (!barrier->ended && !stop_requested() &&
		   (i = atomic_fetch_add(&barrier->next, 1)) < barrier->count)
	{
		const char *path = barrier->paths[i];
		int error = is_directory(path) ? 0 : sync_path(barrier->storage, path, O_NONBLOCK);

		if (error != 0)
			note_failure(barrier, path, error);
	}
	return NULL;
}

/* Directories, each once, in the order of their names. */
typedef struct Directories
{
	char **names;
	size_t count;
} Directories;

/* Add the first bytes of a path, if they are not there; says whether they were not. */
static bool
add_directory(Directories *list, const char *path, size_t length)
{
	size_t low = 0;
	size_t high = list->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		const char *known = list->names[middle];
		int order = strncmp(path, known, length);

		if (order == 0 && known[length] == '\0')
			return false;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	list->names = xrealloc(list->names, (list->count + 1) * sizeof(char *));
	memmove(list->names + low + 1, list->names + low, (list->count - low) * sizeof(char *));
	list->names[low] = xasprintf("%.*s", (int) length, path);
	list->count++;
	return true;
}

/*
 * fsync the directories of all paths and those above them, the inner ones
 * first.  One that is gone was removed with its last file, which becomes
 * durable by the one above it.
 */
static void
sync_directories(Barrier *barrier)
{
	Directories list = {NULL, 0};
	int error = 0;
	size_t i;

	for (i = 0; i < barrier->count; i++)
	{
		const char *path = barrier->paths[i];
		const char *slash = strrchr(path, '/');

		while (slash != NULL && add_directory(&list, path, (size_t) (slash - path)))
			slash = memrchr(path, '/', (size_t) (slash - path));
	}
	for (i = list.count; i > 0; i--)
	{
		if (!barrier->ended)
			error = sync_path(barrier->storage, list.names[i - 1], O_DIRECTORY);
		if (!barrier->ended && error != 0 && error != ENOENT)
			note_failure(barrier, list.names[i - 1], error);
		free(list.names[i - 1]);
	}
	free(list.names);
	error = barrier->ended ? 0 : sync_path(barrier->storage, ".", O_DIRECTORY);
	if (error != 0)
		note_failure(barrier, ".", error);
}

/* Run sync_files() in threads, of which this is one. */
static void
run_threads(Barrier *barrier, int threads)
{
	pthread_t *extra = xcalloc((size_t) threads, sizeof(pthread_t));
	int started = 0;
	int i;

	for (i = 0; i + 1 < threads; i++)
	{
		if (pthread_create(&extra[i], NULL, sync_files, barrier) != 0)
			break;
		started++;
	}
	sync_files(barrier);
	for (i = 0; i < started; i++)
		pthread_join(extra[i], NULL);
	free(extra);
}

StoreResult
posix_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	Barrier barrier = {.storage = storage, .paths = paths, .count = count, .result = store_ok()};

	*failed = NULL;
	if (count == 0)
		return store_ok();
	pthread_mutex_init(&barrier.mutex, NULL);
	run_threads(&barrier, threads);
	if (!barrier.ended && stop_requested())
		note_failure(&barrier, ".", ECANCELED);
	if (!barrier.ended)
		sync_directories(&barrier);
	pthread_mutex_destroy(&barrier.mutex);
	*failed = barrier.failed;
	return barrier.result;
}
