/*-------------------------------------------------------------------------
 *
 * private_file.c
 *	  Small files that only their owner may read.
 *
 * Apart from storage/, because these are no part of a repository: they stay
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"

#define SECRET_LIMIT 65536

/* Create a directory and what is missing above it. */
static int
make_directories(const char *path)
{
	char *copy = xstrdup(path);
	int error = 0;
	char *slash;

	for (slash = strchr(copy + 1, '/'); slash != NULL && error == 0; slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			error = errno;
		*slash = '/';
	}
	if (error == 0 && mkdir(copy, 0700) != 0 && errno != EEXIST)
		error = errno;
	free(copy);
	return error;
}

char *
private_directory(const char *path)
{
	struct stat status;
	int error = make_directories(path);

	if (error != 0)
		return xasprintf("could not create directory \"%s\": %s", path, strerror(error));
	if (stat(path, &status) != 0)
		return xasprintf("could not examine directory \"%s\": %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return xasprintf("\"%s\" is no directory", path);
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

int
new_file_write(const char *path, const void *data, size_t length, bool durable)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	if (fd < 0)
		return errno;
	error = write_whole(fd, data, length);
	if (error == 0 && durable && fsync(fd) != 0)
		error = errno;
	/* On a network file system this may be the first to say that there is no space. */
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error != 0)
		unlink(path);
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

static int
sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return errno;
	error = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return error;
}

int
private_file_write(const char *directory, const char *name, const void *data, size_t length)
{
	char *temporary = xasprintf("%s/.%s.%d.tmp", directory, name, (int) getpid());
	char *path = xasprintf("%s/%s", directory, name);
	int error;

	/* A leftover of this name is that of a dead process with our number. */
	unlink(temporary);
	error = new_file_write(temporary, data, length, true);
	if (error == 0 && rename(temporary, path) != 0)
	{
		error = errno;
		unlink(temporary);
	}
	if (error == 0)
		error = sync_directory(directory);
	free(temporary);
	free(path);
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
open_regular(const char *path, int *fd, struct stat *status)
{
	int error = 0;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
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

int
private_file_read(const char *path, size_t limit, Buffer *into)
{
	struct stat status;
	int fd;
	int error = open_regular(path, &fd, &status);

	if (error != 0)
		return error;
	error = read_whole(fd, limit, into);
	close(fd);
	return error;
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
	int error = open_regular(path, &fd, &status);

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
secret_text_free(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
