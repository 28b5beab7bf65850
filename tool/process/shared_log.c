/*-------------------------------------------------------------------------
 *
 * shared_log.c
 *	  Files of messages that more than one user appends to.
 *
 *-------------------------------------------------------------------------
 */
#include "shared_log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "as_user.h"
#include "memory.h"
#include "trusted_path.h"

#define APPENDING (O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define CREATING (APPENDING | O_NOFOLLOW | O_CREAT | O_EXCL)

/* Whose shall be what we create there?  A name of root's would lock everybody else out. */
static uid_t
owner_of_new(const TrustedPath *at, const char *of)
{
	struct stat owner;

	if (geteuid() == 0 && ((of != NULL && of[0] != '\0' && stat(of, &owner) == 0) ||
						   fstat(at->directory, &owner) == 0))
		return owner.st_uid;
	return geteuid();
}

/* Only what is created here is given away: what is there may be anything. */
static int
create_for(const TrustedPath *at, uid_t owner)
{
	AsUser as;
	int fd;

	if (owner != geteuid() && as_user_begin(&as, owner))
	{
		fd = openat(at->directory, at->name, CREATING, 0600);
		as_user_end(&as);
		if (fd >= 0 || errno == EEXIST)
			return fd;
	}
	fd = openat(at->directory, at->name, CREATING, 0600);
	if (fd >= 0 && owner != geteuid() && at->certain)
		(void) !fchown(fd, owner, (gid_t) -1);
	return fd;
}

static void
make_directory(const char *path, const char *of)
{
	TrustedPath at;
	uid_t owner;
	AsUser as;
	int made = -1;

	if (!trusted_path_open(&at, path))
		return;
	owner = owner_of_new(&at, of);
	if (owner != geteuid() && as_user_begin(&as, owner))
	{
		made = mkdirat(at.directory, at.name, 0700);
		as_user_end(&as);
	}
	/* By its name, which is that of what was made here only if nobody else can give names. */
	if (made != 0 && mkdirat(at.directory, at.name, 0700) == 0 && owner != geteuid() &&
		at.certain && trusted_path_names_are_certain(at.directory))
		(void) !fchownat(at.directory, at.name, owner, (gid_t) -1, AT_SYMLINK_NOFOLLOW);
	trusted_path_close(&at);
}

/* Could others have given one of our files this second name? */
static bool
linked_by_others(int directory, int fd)
{
	struct stat status;
	struct stat above;

	if (fstat(fd, &status) != 0 || fstat(directory, &above) != 0)
		return true;
	return S_ISREG(status.st_mode) && status.st_nlink > 1 &&
		   ((above.st_uid != 0 && above.st_uid != geteuid()) ||
			(above.st_mode & (S_IWGRP | S_IWOTH)) != 0);
}

/* Whose reader decides how long a write takes? */
static bool
is_pipe_of_others(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && status.st_uid != 0 &&
		   status.st_uid != geteuid();
}

static int
open_existing(const TrustedPath *at)
{
	int fd = openat(at->directory, at->name, APPENDING | O_NOFOLLOW);

	int error = 0;

	if (fd >= 0 && linked_by_others(at->directory, fd))
		error = EMLINK;
	else if (fd >= 0 && is_pipe_of_others(fd))
		error = EPERM;
	if (error != 0)
	{
		close(fd);
		fd = -1;
		errno = error;
	}
	return fd;
}

static int
open_or_create(const TrustedPath *at, const char *of)
{
	int fd = create_for(at, owner_of_new(at, of));

	return fd < 0 && errno == EEXIST ? open_existing(at) : fd;
}

/* A link of the kernel's, whose text is not a path; nobody can put one there. */
static bool
is_in_proc(int directory)
{
	struct statfs status;

	return fstatfs(directory, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

/* Such a link, or one to it; where we are not the system's root, it seems to be somebody else's. */
static bool
is_of_kernel(const char *path)
{
	return (strncmp(path, "/dev/fd/", 8) == 0 || strcmp(path, "/dev/stdout") == 0 ||
			strcmp(path, "/dev/stderr") == 0 || strncmp(path, "/proc/", 6) == 0) &&
		   strstr(path, "/..") == NULL;
}

static int
open_path(const char *path, const char *of)
{
	TrustedPath at;
	int fd;

	if (is_of_kernel(path))
		return open(path, APPENDING);
	if (!trusted_path_open(&at, path))
		return -1;
	do
	{
		fd = open_or_create(&at, of);
		if (fd < 0 && errno == ELOOP && is_in_proc(at.directory))
		{
			fd = openat(at.directory, at.name, APPENDING);
			break;
		}
	} while (fd < 0 && errno == ELOOP && trusted_path_follow(&at));
	trusted_path_close(&at);
	return fd;
}

int
shared_log_open(const char *path, const char *of)
{
	int fd = open_path(path, of);
	struct stat status;

	/* Whoever writes into a pipe has to be able to give up. */
	if (fd >= 0 && fstat(fd, &status) == 0 && !S_ISFIFO(status.st_mode))
		(void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

int
shared_log_open_in(const char *directory, const char *name, const char *of, int *above)
{
	char *path = xasprintf("%s/%s", directory, name);
	TrustedPath at;
	bool reached = trusted_path_open(&at, path);
	int fd = -1;

	*above = -1;
	if (!reached && errno == ENOENT)
	{
		make_directory(directory, of);
		reached = trusted_path_open(&at, path);
	}
	free(path);
	if (!reached)
		return -1;
	fd = open_or_create(&at, of);
	if (fd >= 0)
		*above = openat(at.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	trusted_path_close(&at);
	return fd;
}
