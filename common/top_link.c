/*-------------------------------------------------------------------------
 *
 * top_link.c
 *	  A symbolic link at the top level of a repository.
 *
 * It is resolved by the text of the very link whose owner was looked at: one
 * that is put in its place a moment later is not followed.
 *
 *-------------------------------------------------------------------------
 */
#include "top_link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

/* Open the directory that an open link leads to. */
static int
open_target(int root, int link)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(link, "", target, sizeof(target) - 1);

	if (length < 0)
		return -1;
	target[length] = '\0';
	return openat(root, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
close_with(int fd, int error)
{
	close(fd);
	errno = error;
	return -1;
}

int
top_link_open(int root, const char *name, const struct stat *own, struct stat *status)
{
	int fd = openat(root, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int directory;
	int error;

	if (fd < 0)
		return -1;
	if (fstat(fd, status) != 0)
		return close_with(fd, errno);
	if (!S_ISLNK(status->st_mode))
		return close_with(fd, EINVAL);
	directory = open_target(root, fd);
	error = errno;
	close(fd);
	errno = error;
	if (directory >= 0 && status->st_uid != 0 && status->st_uid != geteuid() &&
		status->st_uid != own->st_uid)
		return close_with(directory, ELOOP);
	return directory;
}
