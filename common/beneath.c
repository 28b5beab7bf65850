/*-------------------------------------------------------------------------
 *
 * beneath.c
 *	  Opening what lies below a directory, and nothing else.
 *
 * openat2() does it in one call, in Linux 5.6 and later, unless a filter of
 * system calls that does not know it says no.  Otherwise the path is walked,
 * each directory opened below the one before.  Not realpath() and a
 * comparison: between the two the path may become another one.
 *
 *-------------------------------------------------------------------------
 */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(SYS_openat2) && defined(__has_include)
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#define HAVE_OPENAT2 1
#endif
#endif

#define WALK_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* The kernel gives up where a directory is renamed during the call, and another try is due. */
#define TRIES 1000

bool beneath_walks;

/* Is a failure to open due to a link?  The kernel says ENOTDIR of one that should be a directory.
 */
static int
error_at(int above, const char *name, int error)
{
	struct stat status;

	if (error == ENOTDIR && fstatat(above, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISLNK(status.st_mode))
		return ELOOP;
	return error;
}

static int
open_one(int above, const char *name, int flags, mode_t mode)
{
	int fd;

	if (strcmp(name, "..") == 0)
	{
		errno = EXDEV;
		return -1;
	}
	fd = openat(above, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		errno = error_at(above, name, errno);
	return fd;
}

/* Part by part. */
static int
walk(int start, const char *path, int flags, mode_t mode)
{
	char part[NAME_MAX + 1];
	int at = start;
	int error;
	int next;

	if (path[0] == '/' || path[0] == '\0')
	{
		errno = path[0] == '/' ? EXDEV : ENOENT;
		return -1;
	}
	for (;;)
	{
		size_t length = strcspn(path, "/");
		const char *rest = path + length + strspn(path + length, "/");
		bool last = *rest == '\0';

		if (length >= sizeof(part))
		{
			next = -1;
			errno = ENAMETOOLONG;
		}
		else
		{
			memcpy(part, path, length);
			part[length] = '\0';
			next = last ? open_one(at, part, flags, mode) : open_one(at, part, WALK_FLAGS, 0);
		}
		error = errno;
		if (at != start)
			close(at);
		errno = error;
		if (next < 0 || last)
			return next;
		at = next;
		path = rest;
	}
}

#ifdef HAVE_OPENAT2
/* False if the kernel, or a filter of system calls, does not know the call. */
static bool
call_openat2(int start, const char *path, int flags, mode_t mode, int *fd)
{
	static _Atomic int known = -1;
	struct open_how how = {.flags = (uint64_t) (unsigned) (flags | O_NOFOLLOW | O_CLOEXEC),
						   .mode = (flags & O_CREAT) != 0 ? mode : 0,
						   .resolve =
							   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	int tries = 0;

	if (beneath_walks || atomic_load(&known) == 0)
		return false;
	do
		*fd = (int) syscall(SYS_openat2, start, path, &how, sizeof(how));
	while (*fd < 0 && errno == EAGAIN && ++tries < TRIES);
	if (*fd < 0 && atomic_load(&known) < 0 && (errno == ENOSYS || errno == EPERM))
	{
		/* EPERM is what filters say, but a file may be immutable, too: ask where that cannot be. */
		struct open_how plain = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
		int error = errno;
		int probe = (int) syscall(SYS_openat2, start, ".", &plain, sizeof(plain));

		if (probe < 0)
		{
			atomic_store(&known, 0);
			return false;
		}
		close(probe);
		errno = error;
	}
	atomic_store(&known, 1);
	return true;
}
#endif

int
open_beneath(int start, const char *path, int flags, mode_t mode)
{
#ifdef HAVE_OPENAT2
	int fd;

	/* Of a link where a directory should be, the kernel says ENOTDIR; the walk knows better. */
	if (call_openat2(start, path, flags, mode, &fd) && (fd >= 0 || errno != ENOTDIR))
		return fd;
#endif
	return walk(start, path, flags, mode);
}
