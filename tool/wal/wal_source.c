/*-------------------------------------------------------------------------
 *
 * wal_source.c
 *	  WAL files of a server, in its data directory.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_part.h"
#include "log.h"
#include "memory.h"
#include "wal_pack.h"

/* In which range PG_CONTROL_VERSION lies: 1300 is PostgreSQL 13 to 17, 1800 is 18. */
#define OLDEST_CONTROL 1300
#define NEWEST_CONTROL 9900

const char *
wal_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

char *
wal_sibling(const char *path, const char *name)
{
	return xasprintf("%.*s%s", (int) (wal_base_name(path) - path), path, name);
}

static int
open_regular(const char *path, struct stat *status)
{
	/* Not to wait for the other end if it is a FIFO. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

int
wal_source_read(const char *path, Buffer *content)
{
	struct stat status;
	int fd = open_regular(path, &status);
	ssize_t got;
	int error = 0;

	if (fd < 0)
		return errno;
	if (status.st_size > WAL_MAX_BYTES)
		error = EFBIG;
	else
	{
		buffer_reserve(content, (size_t) status.st_size + 1);
		/* A byte more, to see whether it grows. */
		got = file_part_read(fd, content->data, (size_t) status.st_size + 1, 0);
		if (got < 0)
			error = errno;
		else if (got != status.st_size)
			error = EBUSY;
		else
			content->length = (size_t) got;
		content->data[content->length] = '\0';
	}
	close(fd);
	return error;
}

/* Where global/pg_control is for a file of pg_wal; caller frees. */
static char *
control_path(const char *path)
{
	size_t directory = (size_t) (wal_base_name(path) - path);
	size_t above;

	/* "pg_wal/NAME" lies in the data directory, which is the current one. */
	while (directory > 0 && path[directory - 1] == '/')
		directory--;
	for (above = directory; above > 0 && path[above - 1] != '/'; above--)
		;
	return xasprintf("%.*sglobal/pg_control", (int) above, path);
}

bool
wal_control_identifier(const char *path, uint64_t *identifier)
{
	char *control = control_path(path);
	char head[12];
	struct stat status;
	int fd = open_regular(control, &status);
	uint32_t version = 0;
	bool good = true;

	*identifier = 0;
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		good = report_error(EXIT_FAILED, NULL, NULL, "could not open file \"%s\": %s", control,
							strerror(errno));
	else if (fd >= 0 && file_part_read(fd, head, sizeof(head), 0) != (ssize_t) sizeof(head))
		good = report_error(EXIT_FAILED, NULL, NULL, "could not read file \"%s\"", control);
	else if (fd >= 0)
	{
		memcpy(identifier, head, sizeof(*identifier));
		memcpy(&version, head + sizeof(*identifier), sizeof(version));
		good = (*identifier != 0 && version >= OLDEST_CONTROL && version <= NEWEST_CONTROL) ||
			   report_error(EXIT_FAILED, NULL, NULL,
							"file \"%s\" is not the control file of a server", control);
	}
	if (fd >= 0)
		close(fd);
	free(control);
	return good;
}

static bool
read_head(const char *path, WalHead *head)
{
	char data[64];
	struct stat status;
	int fd = open_regular(path, &status);
	bool good;

	if (fd < 0)
		return false;
	good = file_part_read(fd, data, sizeof(data), 0) == (ssize_t) sizeof(data) &&
		   wal_head_read(data, sizeof(data), head) == NULL &&
		   (uint64_t) status.st_size == head->segment_size;
	close(fd);
	return good;
}

bool
wal_source_any_head(const char *path, uint64_t system_identifier, WalHead *head)
{
	char *directory = wal_sibling(path, ".");
	DIR *handle = opendir(directory);
	struct dirent *entry;
	bool found = false;
	WalName name;

	while (handle != NULL && !found && (entry = readdir(handle)) != NULL)
	{
		char *other;

		if (!wal_name_parse(entry->d_name, &name) || name.kind != WAL_SEGMENT)
			continue;
		other = wal_sibling(path, entry->d_name);
		found = read_head(other, head) && head->system_identifier == system_identifier;
		free(other);
	}
	if (handle != NULL)
		closedir(handle);
	free(directory);
	return found;
}

static int
write_fully(int fd, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t done = write(fd, data, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		data += done;
		length -= (size_t) done;
	}
	return 0;
}

int
wal_target_write(const char *path, const void *data, size_t length)
{
	char *temporary = xasprintf("%s.%ld.tmp", path, (long) getpid());
	int fd;
	int error;

	(void) unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	error = fd < 0 ? errno : write_fully(fd, data, length);
	if (fd >= 0 && close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0 && rename(temporary, path) != 0)
		error = errno;
	if (error != 0 && fd >= 0)
		(void) unlink(temporary);
	free(temporary);
	return error;
}
