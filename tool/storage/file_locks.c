/*-------------------------------------------------------------------------
 *
 * file_locks.c
 *	  Locks between processes that readers of a repository cannot abuse.
 *
 * flock() would be the obvious call, but it needs no more than a file that is
 * open for reading: everybody who can read a repository could stop all
 * backups.  Locks of byte ranges (of the open file, so that neither a fork nor
 * another close() loses them) need a descriptor for writing for an exclusive
 * one, so readers can keep out expire, as they must, and nobody else.
 *
 * A lock for one process at a time cannot be an exclusive lock of one file
 * that all know, as a shared one of a reader would keep it away.  So each
 * process has a file of its own, which gets its name when it is locked; while
 * it has its exclusive lock nobody can have a shared one.  A file without an
 * exclusive lock is what a process left that has ended, whatever readers hold.
 *
 * The flock() of older versions is taken in addition.
 *
 *-------------------------------------------------------------------------
 */
#include "file_locks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"

int
file_lock(int fd, bool exclusive)
{
	struct flock range = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	/* EACCES is what POSIX allows for a lock of another; EBADF: open for reading only. */
	return errno == EACCES ? EWOULDBLOCK : errno == EBADF ? EACCES : errno;
}

/* Has anybody an exclusive lock? */
static int
find_exclusive(int fd, bool *found)
{
	struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_GETLK, &range) != 0)
		return errno;
	*found = range.l_type != F_UNLCK;
	return 0;
}

/* Is the process of this file at work?  If not, remove the file. */
static int
look_at_other(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	bool found = false;
	int error;

	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	error = fstat(fd, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
	if (error == 0)
		error = find_exclusive(fd, &found);
	close(fd);
	if (error != 0 || found)
		return error != 0 ? error : EWOULDBLOCK;
	return unlinkat(directory, name, 0) == 0 || errno == ENOENT ? 0 : errno;
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name);

	return length > strlen(suffix) && strcmp(name + length - strlen(suffix), suffix) == 0;
}

/* Look at all files but our own, and at none that has no lock yet. */
static int
look_at_others(int directory, const char *own)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int error = names == NULL ? errno : 0;

	if (names == NULL && fd >= 0)
		close(fd);
	while (error == 0 && (errno = 0, entry = readdir(names)) != NULL)
	{
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, own) != 0 &&
			!has_suffix(entry->d_name, ".tmp"))
			error = look_at_other(directory, entry->d_name);
	}
	if (error == 0)
		error = errno;
	if (names != NULL)
		closedir(names);
	return error;
}

int
file_lock_alone(int directory, const char *own, int *fd)
{
	char *temporary = xasprintf("%s.tmp", own);
	const char *name = temporary;
	int error;

	*fd = openat(directory, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	error = *fd < 0 ? errno : file_lock(*fd, true);
	if (error == 0 && renameat(directory, temporary, directory, own) != 0)
		error = errno;
	else if (error == 0)
	{
		name = own;
		error = look_at_others(directory, own);
	}
	if (error != 0 && *fd >= 0)
	{
		unlinkat(directory, name, 0);
		close(*fd);
	}
	free(temporary);
	return error;
}

/* The user who started a process; false if there is no such process. */
static bool
find_user(pid_t process, uid_t *user, bool *known)
{
	char path[64];
	char line[256];
	unsigned real;
	FILE *file;

	*known = false;
	snprintf(path, sizeof(path), "/proc/%ld/status", (long) process);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		/* The real one: the effective one may come from a program that is setuid root. */
		if (sscanf(line, "Uid: %u", &real) == 1)
		{
			*user = real;
			*known = true;
		}
	}
	if (file != NULL)
		fclose(file);
	return *known || kill(process, 0) == 0 || errno != ESRCH;
}

/* Can this process be a nex_backup that writes? */
static bool
may_write(pid_t process, const struct stat *status)
{
	uid_t user = 0;
	bool known;

	if (!find_user(process, &user, &known))
		return false; /* nex_backup ends with its locks */
	return !known || user == 0 || user == geteuid() || user == status->st_uid ||
		   (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/*
 * Are all who hold flock() locks on a file no writers?  Not if there is nobody
 * to be seen: the holder may run in another container or on another host.  The
 * device is not compared, as some file systems show another one here.
 */
static bool
only_readers_hold(int fd, pid_t *holder)
{
	FILE *file = fopen("/proc/locks", "re");
	struct stat status;
	char line[256];
	bool only = false;
	bool writer = fstat(fd, &status) != 0;

	while (file != NULL && !writer && fgets(line, sizeof(line), file) != NULL)
	{
		unsigned major_number;
		unsigned minor_number;
		uint64_t inode;
		long process;

		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%" SCNu64, &process, &major_number,
				   &minor_number, &inode) != 4 ||
			inode != status.st_ino)
			continue;
		writer = may_write((pid_t) process, &status);
		only = !writer;
		*holder = (pid_t) process;
	}
	if (file != NULL)
		fclose(file);
	return only && !writer;
}

/* On NFS, flock() is a lock of all bytes, which file_lock() takes as well. */
static int
lock_range_as_before(int fd, LockMode mode)
{
	bool found = true;
	int error;

	if (mode != LOCK_ALONE)
		return 0;
	error = file_lock(fd, true);
	if (error == EWOULDBLOCK && find_exclusive(fd, &found) == 0 && !found)
		return 0;
	return error;
}

int
file_lock_as_before(int fd, LockMode mode)
{
	struct statfs system;
	pid_t holder = 0;
	int error;

	if (fstatfs(fd, &system) == 0 && system.f_type == NFS_SUPER_MAGIC)
		return lock_range_as_before(fd, mode);
	if (flock(fd, (mode == LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
		return 0;
	error = errno;
	if (error != EWOULDBLOCK || mode == LOCK_EXCLUSIVE || !only_readers_hold(fd, &holder))
		return error;
	log_warning("process %ld, whose user may not write to the repository, holds a lock there; "
				"it is ignored",
				(long) holder);
	return 0;
}
