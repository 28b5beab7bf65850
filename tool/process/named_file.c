/*-------------------------------------------------------------------------
 *
 * named_file.c
 *	  Files that an option or the configuration names: keys, passphrases.
 *
 *-------------------------------------------------------------------------
 */
#include "named_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
named_file_open(const char *path, struct stat *status)
{
	int descriptor;
	int error;

	/* A network file system may be interrupted here, too. */
	do
		descriptor = open(path, O_RDONLY | O_CLOEXEC);
	while (descriptor < 0 && errno == EINTR);
	if (descriptor < 0 || fstat(descriptor, status) == 0)
		return descriptor;
	error = errno;
	close(descriptor);
	errno = error;
	return -1;
}

int
named_file_read(int descriptor, size_t limit, Buffer *content)
{
	size_t end = content->length + limit;

	buffer_reserve(content, limit + 1);
	while (content->length < end)
	{
		ssize_t got = read(descriptor, content->data + content->length, end - content->length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
		{
			content->data[content->length] = '\0';
			return 0;
		}
		content->length += (size_t) got;
	}
	return EFBIG;
}

const char *
named_file_problem(int error)
{
	return error == EFBIG ? "it is too long" : strerror(error);
}

ExitCode
named_file_exit_code(int error)
{
	switch (error)
	{
		case ENOENT:
		case ENOTDIR:
		case EISDIR:
		case EACCES:
		case EPERM:
		case ELOOP:
		case ENAMETOOLONG:
		case ENXIO:
		case ENODEV:
		case EINVAL:
		case EFBIG:
			return EXIT_USAGE;
		default:
			return EXIT_FAILED;
	}
}
