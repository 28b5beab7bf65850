/*-------------------------------------------------------------------------
 *
 * client_program.c
 *	  What PostgreSQL's client programs leave behind.
 *
 *-------------------------------------------------------------------------
 */
#include "client_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"

bool
client_program_output(const char *path, Buffer *content)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t got = -1;

	buffer_init(content);
	if (fd >= 0 && fstat(fd, &status) == 0)
	{
		buffer_reserve(content, (size_t) status.st_size + 1);
		while ((got = read(fd, content->data + content->length,
						   content->capacity - content->length - 1)) > 0)
			content->length += (size_t) got;
		content->data[content->length] = '\0';
	}
	if (got < 0)
		report_error(EXIT_FAILED, strerror(errno), NULL, "could not read file \"%s\"", path);
	if (fd >= 0)
		close(fd);
	return got == 0;
}

bool
client_program_check(const char *program, SubprocessResult *result)
{
	if (result->exit_code == 0)
		return true;
	/* Ended by ourselves, or by what was reported elsewhere. */
	if (stop_requested())
		return false;
	if (result->exit_code < 0)
		return report_error(EXIT_FAILED, result->errors.data, NULL,
							"%s was terminated by signal %d", program, result->signal);
	return report_error(EXIT_FAILED, result->errors.data, NULL, "%s failed with exit code %d",
						program, result->exit_code);
}

void
script_cut_line(Buffer *script, char *line)
{
	char *end = strchr(line, '\n');
	size_t length = end != NULL ? (size_t) (end - line) + 1 : strlen(line);

	memmove(line, line + length, script->length - (size_t) (line - script->data) - length + 1);
	script->length -= length;
}

/*
 * The \restrict of the script, which stands behind its first comments; NULL
 * if the program that wrote it is older than that.  Further down a line that
 * begins so is part of somebody's comment or function.
 */
static char *
find_restrict(const Buffer *script)
{
	char *line = script->data;

	while (*line == '\n' || strncmp(line, "--", 2) == 0)
	{
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return strncmp(line, "\\restrict ", 10) == 0 ? line : NULL;
}

/* The key is random, so its second occurrence can only be the \unrestrict. */
void
script_cut_restrict(Buffer *script)
{
	char *line = find_restrict(script);
	char *closing;
	char *found;
	size_t length;

	if (line == NULL)
		return;
	length = strcspn(line + 10, "\n");
	closing = xasprintf("\n\\unrestrict %.*s\n", (int) length, line + 10);
	script_cut_line(script, line);
	found = strstr(script->data, closing);
	if (found != NULL)
		script_cut_line(script, found + 1);
	free(closing);
}

void
script_clean(Buffer *script)
{
	static const char timeout[] = "SET transaction_timeout = 0;\n";
	char *found;

	script_cut_restrict(script);
	found = strstr(script->data, timeout);
	if (found != NULL && found < strstr(script->data, "SET row_security"))
		script_cut_line(script, found);
}
