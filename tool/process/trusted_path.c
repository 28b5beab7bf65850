/*-------------------------------------------------------------------------
 *
 * trusted_path.c
 *	  The directory that a path leads to, by no link of somebody else.
 *
 * Not storage/beneath.c, which follows no link at all and does not leave its
 * directory: here the path is one that the user has named, and a /var/log that
 * root has put on another disk is as good as any.
 *
 *-------------------------------------------------------------------------
 */
#include "trusted_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define MAX_LINKS 40
#define WALK_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void
trusted_path_close(TrustedPath *at)
{
	int error = errno;

	if (at->directory >= 0)
		close(at->directory);
	at->directory = -1;
	free(at->name);
	at->name = NULL;
	errno = error;
}

/* Go on in another directory; -1 stands for one that could not be opened. */
static bool
enter(TrustedPath *at, int directory)
{
	int error = errno;

	if (at->directory >= 0)
		close(at->directory);
	at->directory = directory;
	errno = error;
	return directory >= 0;
}

static bool
enter_root(TrustedPath *at)
{
	return enter(at, open("/", WALK_FLAGS));
}

bool
trusted_path_names_are_certain(int directory)
{
	struct stat status;

	if (fstat(directory, &status) != 0 || status.st_uid != 0)
		return false;
	return (status.st_mode & S_ISVTX) != 0 ||
		   ((status.st_mode & S_IWOTH) == 0 &&
			((status.st_mode & S_IWGRP) == 0 || status.st_gid == 0));
}

/* Where a link leads, by the very link whose owner was looked at.  NULL with errno; caller frees.
 */
static char *
text_of_link(TrustedPath *at, const char *name)
{
	int link = openat(at->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char target[PATH_MAX];
	ssize_t length = -1;
	struct stat status;

	if (link < 0)
		return NULL;
	if (fstat(link, &status) != 0 || !S_ISLNK(status.st_mode))
		errno = ENOTDIR;
	else if ((status.st_uid != 0 && status.st_uid != geteuid()) || ++at->links > MAX_LINKS)
		errno = ELOOP;
	else
		length = readlinkat(link, "", target, sizeof(target) - 1);
	if (length < 0)
	{
		int error = errno;

		close(link);
		errno = error;
		return NULL;
	}
	close(link);
	target[length] = '\0';
	return xstrdup(target);
}

/*
 * One part that is not the last: enter a directory, or put what a link says
 * before the rest, which is replaced.
 */
static bool
step(TrustedPath *at, const char *part, char **rest)
{
	struct stat status;
	char *target;
	char *whole;
	int next;

	if (fstat(at->directory, &status) != 0 || (status.st_uid != 0 && status.st_uid != geteuid()))
		at->through_others = true;
	if (strcmp(part, "..") == 0 || !trusted_path_names_are_certain(at->directory))
		at->certain = false;
	next = openat(at->directory, part, WALK_FLAGS);
	if (next >= 0 || errno != ENOTDIR)
		return enter(at, next);
	target = text_of_link(at, part);
	if (target == NULL)
		return false;
	whole = xasprintf("%s/%s", target, *rest);
	free(*rest);
	*rest = whole;
	free(target);
	return whole[0] != '/' || enter_root(at);
}

/* Walk the rest of a path, which is freed, to its last part. */
static bool
walk(TrustedPath *at, char *rest)
{
	bool good = at->directory >= 0;

	free(at->name);
	at->name = NULL;
	while (good && at->name == NULL)
	{
		char *start = rest + strspn(rest, "/");
		size_t length = strcspn(start, "/");
		char *part = xasprintf("%.*s", (int) length, start);
		const char *after = start + length + strspn(start + length, "/");

		if (*after == '\0')
			at->name = xstrdup(length > 0 ? part : ".");
		else
		{
			memmove(rest, after, strlen(after) + 1);
			good = strcmp(part, ".") == 0 || step(at, part, &rest);
		}
		free(part);
	}
	free(rest);
	return good;
}

bool
trusted_path_open(TrustedPath *at, const char *path)
{
	bool good;

	memset(at, 0, sizeof(*at));
	at->directory = -1;
	errno = ENOENT;
	if (path[0] == '\0')
		return false;
	at->certain = path[0] == '/';
	at->directory = open(path[0] == '/' ? "/" : ".", WALK_FLAGS);
	good = walk(at, xstrdup(path));
	if (!good)
		trusted_path_close(at);
	return good;
}

bool
trusted_path_follow(TrustedPath *at)
{
	char *target = text_of_link(at, at->name);

	if (target == NULL)
		return false;
	if (!trusted_path_names_are_certain(at->directory))
		at->certain = false;
	if (target[0] == '/' && !enter_root(at))
	{
		free(target);
		return false;
	}
	return walk(at, target);
}

/* Open the directory that the name leads to. */
static int
open_last(TrustedPath *at)
{
	int fd;

	do
		fd = openat(at->directory, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	while (fd < 0 && errno == ENOTDIR && trusted_path_follow(at));
	return fd;
}

/* Make a directory, and its entry durable. */
static bool
make_directory(int above, const char *name)
{
	int fd;
	bool good;

	if (mkdirat(above, name, 0700) != 0)
		return errno == EEXIST;
	fd = openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* What may be entered but not read cannot be synced; that must not make it fail. */
	if (fd < 0)
		return errno == EACCES;
	good = fsync(fd) == 0 || errno == EINVAL;
	close(fd);
	return good;
}

int
trusted_directory_open(const char *path, bool make)
{
	TrustedPath at;
	int fd;

	if (!trusted_path_open(&at, path))
		return -1;
	fd = open_last(&at);
	if (fd < 0 && errno == ENOENT && make && make_directory(at.directory, at.name))
		fd = open_last(&at);
	trusted_path_close(&at);
	return fd;
}

int
trusted_directory_make(const char *path)
{
	char *above = xstrdup(path);
	char *slash = path[0] != '\0' ? strchr(above + 1, '/') : NULL;
	int fd = 0;

	for (; slash != NULL && fd >= 0; slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		fd = trusted_directory_open(above, true);
		if (fd >= 0)
			close(fd);
		*slash = '/';
	}
	free(above);
	return fd < 0 ? -1 : trusted_directory_open(path, true);
}
