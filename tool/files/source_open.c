/*-------------------------------------------------------------------------
 *
 * source_open.c
 *	  Open a configuration file without being led to one of somebody else.
 *
 * What is read goes into a repository that others may read, and values that
 * are not secrets by their names stay readable in it.  So a user must not make
 * root put a file there that this user cannot read: neither by a link in a
 * directory of theirs, nor by what a server says about its files.
 *
 * Links are followed here, one component at a time: O_NOFOLLOW is about the
 * last one only, and realpath() does not ask whose they are.
 *
 *-------------------------------------------------------------------------
 */
#include "source_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "as_user.h"
#include "buffer.h"
#include "memory.h"

#define MAX_LINKS 40
#define NOBODY ((uid_t) -1)

typedef struct Walk
{
	int directory;
	Buffer resolved; /* path of the directory, "" is the root */
	char *rest;      /* what is still to be walked */
	uid_t led_by;    /* owner of a link that is neither root's nor ours */
	int links;
} Walk;

/* Take the first component off the rest; NULL at the end.  Caller frees. */
static char *
next_component(Walk *walk)
{
	char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");
	char *component = length > 0 ? xasprintf("%.*s", (int) length, start) : NULL;

	memmove(walk->rest, start + length, strlen(start + length) + 1);
	return component;
}

static bool
enter(Walk *walk, int directory)
{
	if (walk->directory >= 0)
		close(walk->directory);
	walk->directory = directory;
	return directory >= 0;
}

static bool
enter_root(Walk *walk)
{
	buffer_reset(&walk->resolved);
	buffer_append_string(&walk->resolved, "");
	return enter(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static bool
enter_parent(Walk *walk)
{
	char *slash = strrchr(walk->resolved.data, '/');

	if (slash != NULL)
	{
		*slash = '\0';
		walk->resolved.length = (size_t) (slash - walk->resolved.data);
	}
	return enter(walk, openat(walk->directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* What the link says goes before the rest. */
static bool
follow(Walk *walk, int link, const struct stat *status)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(link, "", text, sizeof(text) - 1);
	char *rest;

	if (length < 0)
		return false;
	text[length] = '\0';
	if (++walk->links > MAX_LINKS)
	{
		errno = ELOOP;
		return false;
	}
	if (status->st_uid != 0 && status->st_uid != geteuid())
	{
		if (walk->led_by != NOBODY && walk->led_by != status->st_uid)
		{
			errno = EPERM;
			return false;
		}
		walk->led_by = status->st_uid;
	}
	rest = xasprintf("%s/%s", text, walk->rest);
	free(walk->rest);
	walk->rest = rest;
	return text[0] != '/' || enter_root(walk);
}

/* Where others lead, only what is theirs. */
static bool
is_of_leader(const Walk *walk, int fd)
{
	struct stat status;

	if (walk->led_by == NOBODY)
		return true;
	if (fstat(fd, &status) != 0)
		return false;
	errno = EPERM;
	return status.st_uid == walk->led_by;
}

int
regular_file_reopen(int found)
{
	char path[64];
	struct stat status;
	struct stat opened;
	int fd;

	if (fstat(found, &status) != 0)
		return -1;
	errno = S_ISLNK(status.st_mode) ? ELOOP : EISDIR;
	if (!S_ISREG(status.st_mode))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &opened) != 0 || opened.st_ino != status.st_ino ||
					opened.st_dev != status.st_dev))
	{
		close(fd);
		errno = ESTALE;
		return -1;
	}
	return fd;
}

/*
 * One component: a directory is entered, a link followed, and a file opened
 * into *fd.  Nothing is opened to be read before it is known to be a file, and
 * whose: a device may do something when it is.
 */
static bool
step(Walk *walk, const char *component, int *fd)
{
	int found = openat(walk->directory, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	bool good;
	int error;

	if (found < 0)
		return false;
	if (fstat(found, &status) == 0 && S_ISLNK(status.st_mode))
		good = follow(walk, found, &status);
	else
	{
		buffer_printf(&walk->resolved, "/%s", component);
		if (S_ISDIR(status.st_mode) && walk->rest[strspn(walk->rest, "/")] != '\0')
			return enter(walk, found);
		good = walk->rest[strspn(walk->rest, "/")] == '\0';
		if (!good)
			errno = ENOTDIR;
		good = good && is_of_leader(walk, found) && (*fd = regular_file_reopen(found)) >= 0;
	}
	error = errno;
	close(found);
	errno = error;
	return good;
}

static bool
walk_path(Walk *walk, int *fd)
{
	bool good = enter_root(walk);

	while (good && *fd < 0)
	{
		char *component = next_component(walk);

		if (component == NULL)
		{
			errno = EISDIR;
			return false;
		}
		if (strcmp(component, "..") == 0)
			good = enter_parent(walk);
		else if (strcmp(component, ".") != 0)
			good = step(walk, component, fd);
		free(component);
	}
	return good;
}

static char *
absolute(const char *path)
{
	char *here;
	char *whole;

	if (path[0] == '/')
		return xstrdup(path);
	here = getcwd(NULL, 0);
	whole = xasprintf("%s/%s", here != NULL ? here : "", path);
	free(here);
	return whole;
}

static int
open_as_we_are(const char *path, char **resolved)
{
	Walk walk = {.directory = -1, .rest = absolute(path), .led_by = NOBODY};
	int fd = -1;
	int error;

	buffer_init(&walk.resolved);
	if (!walk_path(&walk, &fd))
	{
		error = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
		buffer_free(&walk.resolved);
		errno = error;
	}
	else
		*resolved = buffer_detach(&walk.resolved);
	error = errno;
	if (walk.directory >= 0)
		close(walk.directory);
	free(walk.rest);
	errno = error;
	return fd;
}

/* With the rights of another user. */
static int
open_as(const char *path, uid_t reader, char **resolved)
{
	AsUser as;
	int fd = -1;

	if (getpwuid(reader) == NULL || !as_user_begin(&as, reader))
	{
		errno = EACCES;
		return -1;
	}
	*resolved = realpath(path, NULL);
	if (*resolved != NULL)
		fd = open(*resolved, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	as_user_end(&as);
	return fd;
}

int
source_open(const char *path, uid_t reader, char **resolved)
{
	*resolved = NULL;
	if (reader == READER_IS_US || geteuid() != 0 || reader == 0)
		return open_as_we_are(path, resolved);
	return open_as(path, reader, resolved);
}
