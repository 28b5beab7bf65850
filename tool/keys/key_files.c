/*-------------------------------------------------------------------------
 *
 * key_files.c
 *	  The recipients that settings name.
 *
 *-------------------------------------------------------------------------
 */
#include "key_files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "log.h"
#include "named_file.h"
#include "text_list.h"

#define MAX_KEY_FILE (64 * 1024)
#define RECIPIENT_HINT                                                                             \
	"A public key begins with \"age1\"; \"nex_backup keygen\" and age-keygen make one."

/* Could somebody else say what is in a file?  One's own primary group may hold nobody else. */
static bool
is_of_others(const struct stat *status)
{
	bool group_is_ours = status->st_gid == 0 || status->st_gid == getegid();

	return (status->st_uid != 0 && status->st_uid != geteuid()) ||
		   (S_ISREG(status->st_mode) &&
			(status->st_mode & (group_is_ours ? S_IWOTH : S_IWOTH | S_IWGRP)) != 0);
}

/* Read a file that is short. */
static bool
read_short_file(const char *path, Buffer *content)
{
	struct stat status;
	int descriptor = named_file_open(path, &status);
	int error = descriptor < 0 ? errno : 0;

	if (error == 0 && is_of_others(&status))
	{
		close(descriptor);
		return report_error(EXIT_USAGE, NULL,
							"Whoever can write it decides who can read the backups: it must belong "
							"to root or to the user who runs this, and not be writable for all, "
							"nor for a group other than theirs.",
							"file \"%s\" is in the hands of others (uid %u, gid %u, mode %04o)",
							path, (unsigned) status.st_uid, (unsigned) status.st_gid,
							(unsigned) status.st_mode & 07777);
	}
	if (error == 0)
		error = named_file_read(descriptor, MAX_KEY_FILE, content);
	if (descriptor >= 0)
		close(descriptor);
	return error == 0 ||
		   report_error(named_file_exit_code(error), NULL, NULL, "could not read file \"%s\": %s",
						path, named_file_problem(error));
}

static bool
read_recipients_file(const char *path, AgeRecipients *recipients)
{
	const char *problem = NULL;
	Buffer content;
	int before = recipients->count;
	bool good;
	int line;

	buffer_init(&content);
	good = read_short_file(path, &content);
	if (good)
		problem = age_recipients_read(recipients, content.data, content.length, &line);
	buffer_free(&content);
	if (problem != NULL)
		good = report_error(EXIT_USAGE, NULL, RECIPIENT_HINT, "line %d of file \"%s\" %s", line,
							path, problem);
	else if (good && recipients->count == before)
		good =
			report_error(EXIT_USAGE, NULL, RECIPIENT_HINT, "file \"%s\" names no recipient", path);
	return good;
}

bool
read_recipients(const TextList *texts, const TextList *files, AgeRecipients *recipients)
{
	bool good = true;
	int i;

	for (i = 0; i < texts->count; i++)
	{
		const char *problem = age_recipients_add(recipients, texts->items[i]);

		if (problem != NULL)
			good = report_error(EXIT_USAGE, NULL, RECIPIENT_HINT, "a value of \"recipient\" %s",
								problem);
	}
	for (i = 0; i < files->count; i++)
		good = read_recipients_file(files->items[i], recipients) && good;
	return good;
}
