/*-------------------------------------------------------------------------
 *
 * private_file.c
 *	  Small files that only their owner may read.
 *
 * Apart from storage/, because these are not part of a repository: they stay
 * on this host, whatever the repository lies on.
 *
 *-------------------------------------------------------------------------
 */
#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "trusted_path.h"

#define SECRET_LIMIT 65536

char *
private_directory_problem(int directory, const char *path)
{
	struct stat status;

	if (fstat(directory, &status) != 0)
		return xasprintf("could not examine directory \"%s\": %s", path, strerror(errno));
	if (status.st_uid != geteuid())
		return xasprintf("directory \"%s\" belongs to another user (uid %u)", path,
						 (unsigned) status.st_uid);
	if ((status.st_mode & 077) != 0)
		return xasprintf("directory \"%s\" is open to others (mode %04o, should be 0700)", path,
						 (unsigned) status.st_mode & 07777);
	return NULL;
}

/* Write all of it; 0 or an errno value. */
static int
write_whole(int fd, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t written = write(fd, data, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? errno : EIO;
		data += written;
		length -= (size_t) written;
	}
	return 0;
}

static int
write_new(int directory, const char *name, const void *data, size_t length, bool durable)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	if (fd < 0)
		return errno;
	error = write_whole(fd, data, length);
	/* Not every file system can. */
	if (error == 0 && durable && fsync(fd) != 0 && errno != EINVAL)
		error = errno;
	/* On a network file system this may be the first to say that there is no space. */
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error != 0)
		unlinkat(directory, name, 0);
	return error;
}

int
new_file_write(const char *path, const void *data, size_t length, bool durable)
{
	return write_new(AT_FDCWD, path, data, length, durable);
}

int
chosen_file_write(const char *path, const void *data, size_t length)
{
	TrustedPath at;
	int error;

	if (!trusted_path_open(&at, path))
		return errno;
	error = write_new(at.directory, at.name, data, length, true);
	trusted_path_close(&at);
	return error;
}

const char *
temporary_file_hint(int error)
{
	switch (error)
	{
		case ENOSPC:
		case EDQUOT:
		case EFBIG:
			return "Set TMPDIR to a directory with more space.";
		case EACCES:
		case EPERM:
		case EROFS:
			return "Set TMPDIR to a directory that can be written to.";
		default:
			return NULL;
	}
}

int
private_file_write(int directory, const char *name, const void *data, size_t length)
{
	char *temporary = xasprintf(".%s.%d.tmp", name, (int) getpid());
	int error;

	/* A leftover of this name is that of a dead process with our number. */
	unlinkat(directory, temporary, 0);
	error = write_new(directory, temporary, data, length, true);
	if (error == 0 && renameat(directory, temporary, directory, name) != 0)
	{
		error = errno;
		unlinkat(directory, temporary, 0);
	}
	if (error == 0 && fsync(directory) != 0)
		error = errno;
	free(temporary);
	return error;
}

/* Read what is left of an open file. */
static int
read_whole(int fd, size_t limit, Buffer *into)
{
	char piece[4096];
	ssize_t got;

	buffer_append_string(into, "");
	for (;;)
	{
		got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			return 0;
		if (into->length + (size_t) got > limit)
			return EFBIG;
		buffer_append(into, piece, (size_t) got);
	}
}

/* Open a regular file, not waiting for the other end of a pipe. */
static int
open_regular(int directory, const char *path, int flags, int *fd, struct stat *status)
{
	int error = 0;

	*fd = openat(directory, path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno;
	if (fstat(*fd, status) != 0)
		error = errno;
	else if (!S_ISREG(status->st_mode))
		error = EINVAL;
	if (error != 0)
		close(*fd);
	return error;
}

static int
read_regular(int directory, const char *path, int flags, size_t limit, Buffer *into)
{
	struct stat status;
	int fd;
	int error = open_regular(directory, path, flags, &fd, &status);

	if (error != 0)
		return error;
	error = read_whole(fd, limit, into);
	close(fd);
	return error;
}

int
private_file_read(const char *path, size_t limit, Buffer *into)
{
	return read_regular(AT_FDCWD, path, 0, limit, into);
}

int
private_file_read_in(int directory, const char *name, size_t limit, Buffer *into)
{
	return read_regular(directory, name, O_NOFOLLOW, limit, into);
}

char *
secret_file_problem(const char *kind, const char *path, const struct stat *status)
{
	mode_t forbidden = status->st_uid == 0 ? 027 : 077;

	if (status->st_uid != geteuid() && status->st_uid != 0)
		return xasprintf("%s \"%s\" belongs to another user (uid %u), neither root nor the one who "
						 "runs this",
						 kind, path, (unsigned) status->st_uid);
	if (S_ISREG(status->st_mode) && (status->st_mode & forbidden) != 0)
		return xasprintf("%s \"%s\" is open to others (mode %04o, should be 0600)", kind, path,
						 (unsigned) status->st_mode & 07777);
	return NULL;
}

/* Warn if others can put another file in the place of this one. */
static void
check_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == NULL   ? xstrdup(".")
					  : slash == path ? xstrdup("/")
									  : xasprintf("%.*s", (int) (slash - path), path);
	struct stat status;

	if (stat(directory, &status) == 0 &&
		((status.st_uid != 0 && status.st_uid != geteuid()) ||
		 ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)))
		log_warning("others may write into directory \"%s\", which holds a secret", directory);
	free(directory);
}

bool
secret_file_good(const char *kind, const char *path, const struct stat *status)
{
	bool ours = status->st_uid == geteuid() || status->st_uid == 0;
	char *what = xasprintf("%s file", kind);
	char *problem = secret_file_problem(what, path, status);

	free(what);
	if (problem == NULL)
	{
		check_directory(path);
		return true;
	}
	report_error(EXIT_USAGE, NULL,
				 ours ? "Use \"chmod 600\" on it."
					  : "The owner of this file decides whose backups are trusted. Use a copy that "
						"belongs to "
						"you, or run this as that user.",
				 "%s", problem);
	free(problem);
	return false;
}

char *
secret_file_read(const char *path, char **problem)
{
	struct stat status;
	Buffer text;
	int fd;
	int error = open_regular(AT_FDCWD, path, 0, &fd, &status);

	*problem = NULL;
	if (error != 0)
	{
		*problem = xasprintf("could not read file \"%s\": %s", path, strerror(error));
		return NULL;
	}
	buffer_init(&text);
	*problem = secret_file_problem("file", path, &status);
	if (*problem == NULL && (error = read_whole(fd, SECRET_LIMIT, &text)) != 0)
		*problem = xasprintf("could not read file \"%s\": %s", path, strerror(error));
	close(fd);
	while (*problem == NULL && text.length > 0 && strchr(" \t\r\n", text.data[text.length - 1]))
		text.data[--text.length] = '\0';
	if (*problem == NULL && (text.length == 0 || strlen(text.data) != text.length))
		*problem = xasprintf("file \"%s\" is empty or holds a zero byte", path);
	if (*problem == NULL)
		return buffer_detach(&text);
	if (text.data != NULL)
		explicit_bzero(text.data, text.length);
	buffer_free(&text);
	return NULL;
}

void
forbid_core_dumps(void)
{
	const struct rlimit none = {0, 0};

	(void) setrlimit(RLIMIT_CORE, &none);
}

void
forbid_inspection(void)
{
	forbid_core_dumps();
	(void) prctl(PR_SET_DUMPABLE, 0);
}
