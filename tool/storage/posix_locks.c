/*-------------------------------------------------------------------------
 *
 * posix_locks.c
 *	  Locks of a repository in a directory: files below lock/, and how they
 *	  are opened or made (file_locks.c says how they are locked).
 *
 *-------------------------------------------------------------------------
 */
#include "posix_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file_locks.h"
#include "lease.h"
#include "memory.h"
#include "posix_locks.h"
#include "posix_result.h"

#define ALONE_TRIES 4
#define ALONE_PAUSE_MS 20

/* Make a file to be locked; one that is there by now is good. */
static int
make_lock(Storage *storage, const char *path)
{
	int fd = posix_open_path(storage, path, TO_CHANGE, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK);

	if (fd >= 0)
		posix_give_to_owner(storage, fd);
	else if (errno == EEXIST)
		fd = posix_open_path(storage, path, TO_CHANGE, O_RDWR | O_NONBLOCK);
	return fd;
}

/* Open a file to be locked, making it if it is not there; -1 with errno. */
static int
open_lock(Storage *storage, const char *path)
{
	int fd = posix_open_path(storage, path, TO_CHANGE, O_RDWR | O_NONBLOCK);
	int error;

	if (fd < 0 && errno == ENOENT)
		fd = make_lock(storage, path);

	if (fd < 0 && errno == ENOENT)
	{
		error = posix_make_parents(storage, path);
		if (error != 0)
		{
			errno = error;
			return -1;
		}
		fd = make_lock(storage, path);
	}
	/* Whoever may only read can lock what is there. */
	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == ELOOP))
	{
		error = errno;
		fd = posix_open_path(storage, path, TO_READ, O_RDONLY | O_NONBLOCK);
		/* That it is not there is no reason: it could not be made. */
		if (fd < 0 && errno == ENOENT)
			errno = error;
	}
	return fd;
}

/* Open and lock a file that all know. */
static int
lock_known(Storage *storage, const char *path, LockMode mode, int *handle)
{
	int fd = open_lock(storage, path);
	struct stat status;
	int error = 0;

	if (fd < 0)
		return errno;
	if (fstat(fd, &status) != 0)
		error = errno;
	else if (!S_ISREG(status.st_mode))
		error = EINVAL;
	else if (mode != LOCK_ALONE)
		error = file_lock(fd, mode == LOCK_EXCLUSIVE);
	if (error == 0)
		error = file_lock_as_before(fd, mode);
	if (error != 0)
		close(fd);
	else
		*handle = fd;
	return error;
}

/* Try to be the only one with a file below lock/held/. */
static int
try_alone(Storage *storage, const char *path, int *handle)
{
	char own[POSIX_PATH_SIZE];
	char file[POSIX_PATH_SIZE];
	const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	int length = snprintf(file, sizeof(file), "%.*sheld/%s/x", (int) (name - path), path, name);
	int error =
		length >= POSIX_PATH_SIZE ? ENAMETOOLONG : posix_temporary_name(storage, "writer", own);
	int directory;

	if (error != 0)
		return error;
	own[strlen(own) - strlen(".tmp")] = '\0';
	directory = posix_open_or_make_parent(storage, file, &name);
	if (directory < 0)
		return errno;
	error = file_lock_alone(directory, own, handle);
	if (error == 0)
		posix_give_to_owner(storage, *handle);
	close(directory);
	return error;
}

/* Two that begin at the same time see each other; the next time one of them comes first. */
static int
lock_alone(Storage *storage, const char *path, int *handle)
{
	int error = EWOULDBLOCK;
	int tries;

	/* EACCES: a file that root has made and not yet given away. */
	for (tries = 0; (error == EWOULDBLOCK || error == EACCES) && tries < ALONE_TRIES; tries++)
	{
		struct timespec pause = {0, 0};
		unsigned chance = 0;

		if (tries > 0 && getrandom(&chance, sizeof(chance), 0) == sizeof(chance))
		{
			pause.tv_nsec = (long) (chance % (ALONE_PAUSE_MS * 1000)) * 1000L * tries;
			nanosleep(&pause, NULL);
		}
		error = try_alone(storage, path, handle);
	}
	return error;
}

/* A lock of one writer at a time comes with the one that older versions know. */
struct StoreLock
{
	int handle;
	int as_before;    /* -1: none */
	bool names_count; /* the file system says how many names a file has */
};

/* A file that lost its name locks nobody out any more: the next one makes another. */
static bool
has_name(int fd)
{
	struct stat status;

	return fd < 0 || (fstat(fd, &status) == 0 && status.st_nlink > 0);
}

/*
 * Do others lock this repository by leases (sftp_lease.c)?  They do not see a lock
 * of the kernel, nor it them, so nobody must change anything here that they rest
 * on.
 */
static bool
others_have_leases(Storage *storage, const char *path)
{
	char beside[POSIX_PATH_SIZE];
	const char *slash = strrchr(path, '/');
	int length = snprintf(beside, sizeof(beside), "%.*s" STORE_LEASES,
						  slash != NULL ? (int) (slash + 1 - path) : 0, path);
	int fd;

	if (length >= POSIX_PATH_SIZE)
		return false;
	fd = posix_open_path(storage, beside, TO_READ, O_PATH | O_DIRECTORY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

StoreResult
posix_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock)
{
	int as_before = -1;
	int handle = -1;
	int error;

	if (mode != LOCK_SHARED && others_have_leases(storage, path))
		return store_failure(STORE_UNSUPPORTED,
							 "Name it as sftp://HOST/PATH here, too.  If it is no longer used by "
							 "SFTP, remove the directory lock/" STORE_LEASES " in it.",
							 "it is used by SFTP, and its locks are not seen in the directory");
	error = lock_known(storage, path, mode, mode == LOCK_ALONE ? &as_before : &handle);
	if (error == 0 && mode == LOCK_ALONE)
		error = lock_alone(storage, path, &handle);
	if (error != 0 && as_before >= 0)
		close(as_before);
	if (error == 0)
	{
		*lock = xcalloc(1, sizeof(StoreLock));
		(*lock)->handle = handle;
		(*lock)->as_before = as_before;
		(*lock)->names_count = has_name(handle);
	}
	return posix_lock_result(error);
}

bool
posix_lock_alive(Storage *storage, const StoreLock *lock)
{
	(void) storage;
	return !lock->names_count || (has_name(lock->handle) && has_name(lock->as_before));
}

/* The file of a lock of one writer stays; the next writer removes it. */
void
posix_unlock(Storage *storage, StoreLock *lock)
{
	(void) storage;
	if (lock->as_before >= 0)
		close(lock->as_before);
	close(lock->handle);
	free(lock);
}
