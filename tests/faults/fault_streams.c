/*-------------------------------------------------------------------------
 *
 * fault_streams.c
 *	  Streams of stdio whose reads, writes and closing are calls that count.
 *
 * A stream that fopen() makes reads and writes within libc.  So fopen() and
 * fdopen() give one made by fopencookie(), and standard output becomes such a
 * one, too; its buffer fails when it is written, at exit as well, and not
 * earlier.  That is how pg_dump and pg_dumpall meet a full disk.
 *
 *-------------------------------------------------------------------------
 */
#include "fault_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAMS 64

/* Which of our streams has which descriptor, for fileno(). */
static struct
{
	FILE *stream;
	int fd;
} streams[STREAMS];

static ssize_t
stream_read(void *cookie, char *into, size_t length)
{
	return read((int) (intptr_t) cookie, into, length);
}

/* libc goes on after a short write, and stops at an error. */
static ssize_t
stream_write(void *cookie, const char *from, size_t length)
{
	size_t done = 0;

	while (done < length)
	{
		ssize_t now = write((int) (intptr_t) cookie, from + done, length - done);

		if (now < 0)
			break;
		done += (size_t) now;
	}
	return (ssize_t) done;
}

static int
stream_seek(void *cookie, off64_t *offset, int whence)
{
	off64_t at = lseek64((int) (intptr_t) cookie, *offset, whence);

	if (at < 0)
		return -1;
	*offset = at;
	return 0;
}

static int
stream_close(void *cookie)
{
	int fd = (int) (intptr_t) cookie;
	int i;

	for (i = 0; i < STREAMS; i++)
	{
		if (streams[i].stream != NULL && streams[i].fd == fd)
			streams[i].stream = NULL;
	}
	return close(fd);
}

static FILE *
stream_on(int fd, const char *mode)
{
	cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
	FILE *stream = fopencookie((void *) (intptr_t) fd, mode, functions);
	int i;

	for (i = 0; stream != NULL && i < STREAMS; i++)
	{
		if (streams[i].stream == NULL)
		{
			streams[i].stream = stream;
			streams[i].fd = fd;
			break;
		}
	}
	return stream;
}

FILE *
fdopen(int fd, const char *mode)
{
	return stream_on(fd, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	int flags = strchr(mode, '+') != NULL ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
	int fd;

	if (mode[0] != 'r')
		flags |= O_CREAT | (mode[0] == 'a' ? O_APPEND : O_TRUNC);
	if (strchr(mode, 'e') != NULL)
		flags |= O_CLOEXEC;
	fd = open64(path, flags, 0666);
	return fd < 0 ? NULL : stream_on(fd, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
	return fopen64(path, mode);
}

int
fileno(FILE *stream)
{
	static int (*real)(FILE *);
	int i;

	for (i = 0; i < STREAMS; i++)
	{
		if (streams[i].stream == stream)
			return streams[i].fd;
	}
	if (real == NULL)
		real = (int (*)(FILE *)) real_call("fileno");
	return real(stream);
}

/* Before main, when nothing was written yet. */
__attribute__((constructor)) static void
replace_standard_output(void)
{
	struct stat status;
	FILE *stream;

	if (getenv("FAULT_STATE") == NULL || fstat(STDOUT_FILENO, &status) != 0)
		return;
	stream = stream_on(STDOUT_FILENO, "w");
	if (stream != NULL)
		stdout = stream;
}
