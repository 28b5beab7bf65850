/*-------------------------------------------------------------------------
 *
 * newer_pg_restore.c
 *	  A pg_restore that is newer than the server it fills.
 *
 * An archive of a newer pg_dump can only be read by a pg_restore as new, and
 * pg_restore of 17 and later turns transaction_timeout off, whatever server it
 * is connected to.  Before 17 that is an error, harmless but the first, so
 * that --exit-on-error would end the restore with it.  Without that option it
 * goes on behind every error; then its messages tell whether this was the
 * only one.  The text of pg_restore -f instead could be cleaned (and is, where
 * scripts are run here), but it builds no indexes in parallel.
 *
 *-------------------------------------------------------------------------
 */
#include "newer_pg_restore.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* The first major version whose servers know the parameter. */
#define TIMEOUT_MAJOR 17

/* Its messages are those of the C locale: see child_environment() in subprocess.c. */
static const char error_mark[] = "pg_restore: error: ";
static const char message_mark[] = "\npg_restore: ";
static const char command_mark[] = "Command was: SET transaction_timeout = 0;\n";
static const char ignored_mark[] = "pg_restore: warning: errors ignored on restore: ";

bool
pg_restore_sets_unknown(const char *version, int server_version)
{
	return strtol(version, NULL, 10) >= TIMEOUT_MAJOR && server_version / 10000 < TIMEOUT_MAJOR;
}

char *
pg_restore_error(const SubprocessResult *result)
{
	const char *mark = strstr(result->errors.data, error_mark);

	for (; mark != NULL; mark = strstr(mark, error_mark))
	{
		const char *end;
		const char *command;

		mark += strlen(error_mark);
		end = strstr(mark, message_mark);
		command = strstr(mark, command_mark);
		if (command == NULL || (end != NULL && command > end))
			return end != NULL ? xasprintf("%.*s", (int) (end - mark), mark) : xstrdup(mark);
	}
	return NULL;
}

bool
pg_restore_only_set_unknown(const SubprocessResult *result)
{
	char *error = pg_restore_error(result);
	bool other = error != NULL;

	free(error);
	/* Without the line at its end it was ended by something that it could not go on behind. */
	return !other && result->exit_code == 1 && !result->truncated &&
		   strstr(result->errors.data, ignored_mark) != NULL;
}
