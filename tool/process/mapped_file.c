/*-------------------------------------------------------------------------
 *
 * mapped_file.c
 *	  Read a private file without memory of its size.
 *
 * What is not looked at is never read, and what was read the system may drop
 * again.  Reading it into a buffer would be simpler, but of what pg_dump
 * writes, others can make a part very long, just that which is not wanted.
 *
 *-------------------------------------------------------------------------
 */
#include "mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

bool
mapped_file_open(MappedFile *file, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *data = NULL;
	int error = 0;

	memset(file, 0, sizeof(*file));
	if (fd < 0 || fstat(fd, &status) != 0)
		error = errno;
	else if (status.st_size > 0)
	{
		data = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			error = errno;
	}
	if (fd >= 0)
		close(fd);
	if (error != 0)
		return report_error(EXIT_FAILED, strerror(error), NULL, "could not read file \"%s\"", path);
	file->data = data;
	file->length = data != NULL ? (size_t) status.st_size : 0;
	return true;
}

void
mapped_file_close(MappedFile *file)
{
	if (file->data != NULL)
		munmap((void *) (uintptr_t) file->data, file->length);
	memset(file, 0, sizeof(*file));
}
