/*-------------------------------------------------------------------------
 *
 * file_source.c
 *	  Configuration files as they lie on this machine.
 *
 *-------------------------------------------------------------------------
 */
#include "file_source.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "source_open.h"

#define READER_HINT                                                                                \
	"The user who runs this must be able to read it; for a job, that is the user of the server, "  \
	"or of the agent."

void
file_content_free(Buffer *content)
{
	if (content->data != NULL)
		explicit_bzero(content->data, content->capacity);
	buffer_free(content);
}

static void
note_facts(ManifestFile *facts, const struct stat *status)
{
	const struct passwd *user = getpwuid(status->st_uid);
	const struct group *group = getgrgid(status->st_gid);

	facts->mode = status->st_mode & 07777;
	facts->uid = status->st_uid;
	facts->gid = status->st_gid;
	facts->readable = facts->whole = -1;
	facts->owner = xstrdup(user != NULL ? user->pw_name : NULL);
	facts->group = xstrdup(group != NULL ? group->gr_name : NULL);
	facts->modified = status->st_mtime;
}

/* Read to the end; the size may have changed since it was asked for. */
static int
read_all(int fd, size_t expected, Buffer *content)
{
	buffer_reserve(content, expected + 1);
	for (;;)
	{
		ssize_t got;

		if (content->capacity - content->length < 4096)
			buffer_reserve(content, content->capacity);
		got = read(fd, content->data + content->length, content->capacity - content->length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			break;
		content->length += (size_t) got;
		if (content->length > MAX_CONFIGURATION_FILE)
			return EFBIG;
	}
	content->data[content->length] = '\0';
	return 0;
}

bool
file_source_read(const char *path, uid_t reader, ManifestFile *facts, Buffer *content)
{
	char *shown = printable_name(path);
	struct stat status;
	int error = 0;
	int fd = -1;

	memset(facts, 0, sizeof(*facts));
	fd = source_open(path, reader, &facts->path);
	if (fd < 0 || fstat(fd, &status) != 0)
		error = errno;
	else if (!S_ISREG(status.st_mode))
		error = EISDIR;
	else if (status.st_size > MAX_CONFIGURATION_FILE)
		error = EFBIG;
	else
	{
		note_facts(facts, &status);
		error = read_all(fd, (size_t) status.st_size, content);
		facts->bytes = content->length;
	}
	if (fd >= 0)
		close(fd);
	if (error == EISDIR)
		report_error(EXIT_FAILED, NULL, "Name the files in it one by one, or by a pattern.",
					 "\"%s\" is not a regular file", shown);
	else if (error == EFBIG)
		report_error(EXIT_FAILED, NULL, NULL,
					 "file \"%s\" is larger than 64 MB, so it cannot be a configuration file",
					 shown);
	else if (error == EPERM)
		report_error(EXIT_FAILED, "A symbolic link of another user leads to it.",
					 "Name the file itself, or run as the user whom the link belongs to.",
					 "could not read file \"%s\"", shown);
	else if (error == EACCES && reader != READER_IS_US && geteuid() == 0)
		report_error(EXIT_FAILED, "The server's user may not read it, but the server names it.",
					 "If the backup should contain it, name the file instead of using --postgres.",
					 "could not read file \"%s\"", shown);
	else if (error != 0)
		report_error(EXIT_FAILED, NULL, error == EACCES ? READER_HINT : NULL,
					 "could not read file \"%s\": %s", shown, strerror(error));
	free(shown);
	return error == 0;
}
