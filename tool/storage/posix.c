/*-------------------------------------------------------------------------
 *
 * posix.c
 *	  A repository in a directory.
 *
 * All paths are opened below one directory descriptor, and no part of them is
 * followed as a symbolic link (beneath.c): who may write into a repository
 * must not lead a backup, or what expire removes, to another place.  The
 * exceptions are links at the top level that were looked at when the
 * repository was opened (top_links.c).  A write goes to a temporary name in
 * the same directory (O_EXCL) and is renamed; its pages are sent on their way to the disk at
 * once, so that the fsync of the barrier finds little left to wait for.  A
 * failed fsync is never repeated: the kernel has dropped the pages by then,
 * and the second call would only say that all is well.
 *
 *-------------------------------------------------------------------------
 */
#include "posix_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "beneath.h"
#include "directories.h"
#include "memory.h"
#include "posix_barrier.h"
#include "posix_examine.h"
#include "posix_list.h"
#include "posix_locks.h"
#include "posix_result.h"

#define DIRECTORY_MODE 0700
#define FILE_MODE 0600

int
posix_parent_of(const char *path, char parent[POSIX_PATH_SIZE])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash != NULL ? (size_t) (slash - path) : 0;

	if (length >= POSIX_PATH_SIZE)
		return ENAMETOOLONG;
	memcpy(parent, path, length);
	parent[length] = '\0';
	if (length == 0)
		memcpy(parent, ".", 2);
	return 0;
}

/*
 * Where to begin with a path, and what is left of it: the repository's own
 * directory, or the target of a link at its top level.
 */
static int
starting_point(Storage *storage, const char *path, Purpose purpose, int *start, const char **rest)
{
	const PosixStorage *posix = (const PosixStorage *) storage;
	const TopLink *link = top_links_find(&posix->links, path, rest);

	*start = link != NULL ? link->directory : posix->root;
	if (link == NULL)
		*rest = path;
	return link == NULL || purpose == TO_READ || link->trusted ? 0 : ELOOP;
}

int
posix_changing(Storage *storage, const char *path)
{
	const char *rest;
	int start;

	return starting_point(storage, path, TO_CHANGE, &start, &rest);
}

int
posix_open_path(Storage *storage, const char *path, Purpose purpose, int flags)
{
	const char *rest;
	int start;
	int error = starting_point(storage, path, purpose, &start, &rest);

	if (error != 0)
	{
		errno = error;
		return -1;
	}
	return open_beneath(start, rest, flags, FILE_MODE);
}

int
posix_open_parent(Storage *storage, const char *path, Purpose purpose, const char **name)
{
	char parent[POSIX_PATH_SIZE];
	int error = posix_parent_of(path, parent);

	*name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	if (error != 0)
	{
		errno = error;
		return -1;
	}
	return posix_open_path(storage, parent, purpose, O_PATH | O_DIRECTORY);
}

void
posix_give_to_owner(Storage *storage, int fd)
{
	const PosixStorage *posix = (const PosixStorage *) storage;

	if (geteuid() == 0 && posix->owner != 0 && fchown(fd, posix->owner, posix->group) != 0)
		return;
}

/* The same for a new directory, by a descriptor: its name may lead to another thing by now. */
static void
give_directory(Storage *storage, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	posix_give_to_owner(storage, fd);
	close(fd);
}

/* Remember a directory that was made here. */
static void
note_made(Storage *storage, const char *path)
{
	PosixStorage *posix = (PosixStorage *) storage;

	pthread_mutex_lock(&posix->made_mutex);
	posix->made = xrealloc(posix->made, (posix->nmade + 1) * sizeof(char *));
	posix->made[posix->nmade++] = xstrdup(path);
	pthread_mutex_unlock(&posix->made_mutex);
}

/* An empty one that was there before may be where a disk is to be mounted. */
static bool
was_made_here(Storage *storage, const char *path)
{
	PosixStorage *posix = (PosixStorage *) storage;
	bool made = false;
	size_t i;

	pthread_mutex_lock(&posix->made_mutex);
	for (i = 0; i < posix->nmade && !made; i++)
		made = strcmp(posix->made[i], path) == 0;
	pthread_mutex_unlock(&posix->made_mutex);
	return made;
}

/* Create one directory below the repository; one that is there is good. */
static int
make_one(Storage *storage, const char *path)
{
	const char *name;
	int parent = posix_open_parent(storage, path, TO_CHANGE, &name);
	int error;

	if (parent < 0)
		return errno;
	error = mkdirat(parent, name, DIRECTORY_MODE) != 0 ? errno : 0;
	if (error == 0)
	{
		give_directory(storage, parent, name);
		note_made(storage, path);
	}
	else if (error == EEXIST)
		error = 0;
	close(parent);
	return error;
}

int
posix_make_parents(Storage *storage, const char *path)
{
	char parent[POSIX_PATH_SIZE];
	int error = 0;
	char *slash;

	if (strlen(path) >= POSIX_PATH_SIZE)
		return ENAMETOOLONG;
	memcpy(parent, path, strlen(path) + 1);
	for (slash = strchr(parent, '/'); slash != NULL && error == 0; slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		error = make_one(storage, parent);
		*slash = '/';
	}
	return error;
}

static int
open_for_reading(Storage *storage, const char *path, int *fd, uint64_t *bytes)
{
	struct stat status;
	int error;

	/* Not to wait for the other end if somebody put a FIFO there. */
	*fd = posix_open_path(storage, path, TO_READ, O_RDONLY | O_NONBLOCK);
	if (*fd < 0)
		return errno;
	error = fstat(*fd, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
	if (error != 0)
		close(*fd);
	else
		*bytes = (uint64_t) status.st_size;
	return error;
}

typedef struct PosixReader
{
	StoreReader base;
	int fd;
	uint64_t offset;
} PosixReader;

static StoreResult
reader_read(StoreReader *reader, char *into, size_t length)
{
	PosixReader *posix = (PosixReader *) reader;

	while (length > 0)
	{
		ssize_t got = pread(posix->fd, into, length, (off_t) posix->offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return posix_read_result(got < 0 ? errno : ENODATA);
		into += got;
		posix->offset += (uint64_t) got;
		length -= (size_t) got;
	}
	return store_ok();
}

static void
reader_close(StoreReader *reader)
{
	close(((PosixReader *) reader)->fd);
	free(reader);
}

static StoreResult
posix_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
		  StoreReader **reader, StoreInfo *info)
{
	PosixReader *posix;
	int error;
	int fd;

	*info = (StoreInfo){.age = -1};
	error = open_for_reading(storage, path, &fd, &info->bytes);
	if (error != 0)
		return posix_read_result(error);
	if (offset > info->bytes || (length != STORE_TO_END && length > info->bytes - offset))
	{
		close(fd);
		return posix_read_result(ENODATA);
	}
	posix = xcalloc(1, sizeof(PosixReader));
	posix->base.read = reader_read;
	posix->base.close = reader_close;
	posix->fd = fd;
	posix->offset = offset;
	*reader = &posix->base;
	return store_ok();
}

static StoreResult
posix_head(Storage *storage, const char *path, StoreInfo *info)
{
	struct stat status;
	const char *name;
	int parent = posix_open_parent(storage, path, TO_READ, &name);
	int error;

	if (parent < 0)
		return posix_read_result(errno);
	error = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ? errno
			: S_ISREG(status.st_mode)                                ? 0
																	 : EINVAL;
	close(parent);
	*info = (StoreInfo){.age = -1};
	if (error == 0)
		info->bytes = (uint64_t) status.st_size;
	return posix_read_result(error);
}

/* Write everything to a fresh file and check that it is all there. */
static int
write_fully(int fd, const char *content, uint64_t length)
{
	struct stat status;
	uint64_t left = length;

	while (left > 0)
	{
		ssize_t done = write(fd, content, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		content += done;
		left -= (uint64_t) done;
	}
	if (fstat(fd, &status) != 0)
		return errno;
	if ((uint64_t) status.st_size != length)
		return EIO;
	return 0;
}

/* The process id is not enough: in two containers it may be the same. */
int
posix_temporary_name(Storage *storage, const char *name, char temporary[POSIX_PATH_SIZE])
{
	static _Atomic unsigned counter;
	int length = snprintf(temporary, POSIX_PATH_SIZE, "%s.%ld-%08x-%u.tmp", name, (long) getpid(),
						  ((PosixStorage *) storage)->nonce, atomic_fetch_add(&counter, 1));

	return length >= POSIX_PATH_SIZE ? ENAMETOOLONG : 0;
}

int
posix_open_or_make_parent(Storage *storage, const char *path, const char **name)
{
	int parent = posix_open_parent(storage, path, TO_CHANGE, name);
	int error;

	if (parent >= 0 || errno != ENOENT)
		return parent;
	error = posix_make_parents(storage, path);
	if (error != 0)
	{
		errno = error;
		return -1;
	}
	return posix_open_parent(storage, path, TO_CHANGE, name);
}

/* What another backup has made durable must not be replaced by what may not reach the disk. */
static int
give_name(int parent, const char *temporary, const char *name, PutMode mode)
{
	if (mode == PUT_CREATE)
	{
		if (renameat2(parent, temporary, parent, name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EINVAL && errno != ENOSYS)
			return errno;
	}
	return renameat(parent, temporary, parent, name) != 0 ? errno : 0;
}

/* Write everything to a fresh file, on the disk or on its way there. */
static StoreResult
fill_file(int fd, const void *content, uint64_t length, const PutOptions *options)
{
	int error = write_fully(fd, content, length);

	if (error != 0)
		return posix_write_result(error);
	if (!options->later)
		return posix_sync_result(fsync(fd) != 0 ? errno : 0);
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return store_ok();
}

/* Write a file of this name in an open directory. */
static StoreResult
write_in(Storage *storage, int parent, const char *name, const void *content, uint64_t length,
		 const PutOptions *options)
{
	char temporary[POSIX_PATH_SIZE];
	int error = posix_temporary_name(storage, name, temporary);
	StoreResult result;
	struct stat status;
	int fd;

	/* Not to write all of it for nothing; whether it has the name is decided at the end. */
	if (error == 0 && options->mode == PUT_CREATE &&
		fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		error = EEXIST;
	if (error != 0)
		return posix_write_result(error);
	fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return posix_write_result(errno);
	posix_give_to_owner(storage, fd);
	result = fill_file(fd, content, length, options);
	if (close(fd) != 0 && result.code == STORE_OK)
		result = posix_sync_result(errno);
	if (result.code == STORE_OK)
		result = posix_write_result(give_name(parent, temporary, name, options->mode));
	if (result.code != STORE_OK)
		unlinkat(parent, temporary, 0);
	return result;
}

/* A put that failed leaves no directory that it has made: an empty one looks as if it had lost its
 * files. */
static void
remove_empty_parents(Storage *storage, const char *path)
{
	char directory[POSIX_PATH_SIZE];
	const char *name;
	int parent;
	int error = posix_parent_of(path, directory);

	while (error == 0 && strchr(directory, '/') != NULL && was_made_here(storage, directory))
	{
		char above[POSIX_PATH_SIZE];

		parent = posix_open_parent(storage, directory, TO_CHANGE, &name);
		if (parent < 0)
			return;
		error = unlinkat(parent, name, AT_REMOVEDIR) != 0 ? errno : 0;
		close(parent);
		if (error == 0)
			error = posix_parent_of(directory, above);
		if (error == 0)
			memcpy(directory, above, sizeof(directory));
	}
}

static StoreResult
posix_put(Storage *storage, const char *path, const void *content, uint64_t length,
		  const PutOptions *options)
{
	StoreResult result = {.code = STORE_ABSENT};
	int tries;

	if (options->mode == PUT_REPLACE_IF)
		return store_failure(STORE_UNSUPPORTED, NULL, "files in a directory have no versions");
	/* A second time if somebody removed the empty directory in between. */
	for (tries = 0; result.code == STORE_ABSENT && tries < 2; tries++)
	{
		const char *name;
		int parent = posix_open_or_make_parent(storage, path, &name);

		if (parent < 0)
			return posix_write_result(errno);
		result = write_in(storage, parent, name, content, length, options);
		close(parent);
	}
	if (result.code != STORE_OK && result.code != STORE_EXISTS)
		remove_empty_parents(storage, path);
	if (result.code != STORE_OK || options->later || options->name_later)
		return result;
	result = posix_sync_result(posix_sync_parents(storage, path));
	if (result.code != STORE_OK)
		result.code = STORE_UNKNOWN_OUTCOME;
	return result;
}

/*
 * Remove a file, and its directory if that is empty now; if the file was gone before, only one
 * that was made here.
 */
static int
remove_one(Storage *storage, const char *path)
{
	char directory[POSIX_PATH_SIZE];
	const char *name;
	int parent = posix_open_parent(storage, path, TO_CHANGE, &name);
	int error;

	if (parent < 0)
		return errno;
	error = unlinkat(parent, name, 0) != 0 ? errno : 0;
	close(parent);
	if ((error != 0 && error != ENOENT) || posix_parent_of(path, directory) != 0 ||
		strchr(directory, '/') == NULL || (error != 0 && !was_made_here(storage, directory)))
		return error;
	/* Others refuse. */
	parent = posix_open_parent(storage, directory, TO_CHANGE, &name);
	if (parent >= 0)
	{
		(void) unlinkat(parent, name, AT_REMOVEDIR);
		close(parent);
	}
	return error;
}

static void
posix_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
				  void *argument)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		StoreResult result = posix_write_result(remove_one(storage, paths[i]));

		if (!removed(i, &result, argument))
			return;
	}
}

static void
posix_close(Storage *storage)
{
	PosixStorage *posix = (PosixStorage *) storage;
	size_t i;

	close(posix->root);
	top_links_free(&posix->links);
	for (i = 0; i < posix->nmade; i++)
		free(posix->made[i]);
	free(posix->made);
	pthread_mutex_destroy(&posix->made_mutex);
	free((char *) storage->location);
	free(storage);
}

Storage *
posix_storage_at(int root, const char *directory, StoreResult *result)
{
	PosixStorage *storage;
	struct stat status;

	*result = posix_read_result(fstat(root, &status) != 0 ? errno : 0);
	if (result->code != STORE_OK)
	{
		close(root);
		return NULL;
	}
	storage = xcalloc(1, sizeof(PosixStorage));
	pthread_mutex_init(&storage->made_mutex, NULL);
	storage->root = root;
	storage->owner = status.st_uid;
	storage->group = status.st_gid;
	if (getrandom(&storage->nonce, sizeof(storage->nonce), 0) != sizeof(storage->nonce))
		storage->nonce = (unsigned) time(NULL);
	/* Absolute, because it is shown in commands to type and kept in the catalog. */
	storage->base.location = realpath(directory, NULL);
	if (storage->base.location == NULL)
		storage->base.location = xstrdup(directory);
	top_links_find_all(&storage->links, root, storage->base.location);
	/* Where the file system has no rename that refuses to replace (NFS), it replaces. */
	storage->base.can.create_only = true;
	storage->base.can.directories = true;
	storage->base.can.barrier_needed = true;
	storage->base.can.uploads = 1;
	storage->base.get = posix_get;
	storage->base.head = posix_head;
	storage->base.put = posix_put;
	storage->base.barrier = posix_barrier;
	storage->base.remove_many = posix_remove_many;
	storage->base.list = posix_list;
	storage->base.list_files = posix_list_files;
	storage->base.lock = posix_lock;
	storage->base.lock_alive = posix_lock_alive;
	storage->base.unlock = posix_unlock;
	storage->base.examine = posix_examine;
	storage->base.close = posix_close;
	return &storage->base;
}

Storage *
posix_storage_open(const char *directory, bool create, StoreResult *result)
{
	int root;

	*result = posix_write_result(create ? make_directories(directory) : 0);
	if (result->code != STORE_OK)
		return NULL;
	root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0)
		return posix_storage_at(root, directory, result);
	*result = create ? posix_write_result(errno) : posix_read_result(errno);
	/* As for whoever asks for a repository there. */
	if (result->code == STORE_DAMAGED)
		result->code = STORE_ABSENT;
	return NULL;
}
