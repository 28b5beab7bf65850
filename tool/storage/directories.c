/*-------------------------------------------------------------------------
 *
 * directories.c
 *	  Making the directory of a repository, with what is missing above it.
 *
 * Here links are followed: the path is what the user has named.  What lies
 * below the repository is made by posix.c.
 *
 *-------------------------------------------------------------------------
 */
#include "directories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define DIRECTORY_MODE 0700

/* Create one directory and make its entry durable; one that is there is good. */
static int
make_directory(const char *path)
{
	char *above;
	int error;
	int fd;

	if (mkdir(path, DIRECTORY_MODE) != 0)
		return errno == EEXIST ? 0 : errno;
	above = xasprintf("%s/..", path);
	fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(above);

	/* What may be entered but not read cannot be synced; that is no reason to fail. */
	if (fd < 0)
		return errno == EACCES ? 0 : errno;
	error = fsync(fd) != 0 ? errno : 0;
	close(fd);
	return error;
}

/* Create a directory and what is missing above it. */
int
make_directories(const char *directory)
{
	char *path = xstrdup(directory);
	char *slash;
	int error = 0;

	for (slash = path[0] != '\0' ? strchr(path + 1, '/') : NULL; slash != NULL && error == 0;
		 slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		error = make_directory(path);
		*slash = '/';
	}
	if (error == 0)
		error = make_directory(path);
	free(path);
	return error;
}
