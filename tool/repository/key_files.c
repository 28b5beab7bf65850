/*-------------------------------------------------------------------------
 *
 * key_files.c
 *	  The recipients that settings name.
 *
 *-------------------------------------------------------------------------
 */
#include "key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "log.h"

#define MAX_KEY_FILE (64 * 1024)
#define RECIPIENT_HINT                                                                             \
	"A public key begins with \"age1\"; \"nex_backup keygen\" and age-keygen make one."

/* Could somebody else say what is in a file? */
static bool
is_of_others(const struct stat *status)
{
	return (status->st_uid != 0 && status->st_uid != geteuid()) ||
		   (S_ISREG(status->st_mode) && (status->st_mode & S_IWOTH) != 0);
}

/* Read a file that is short. */
static bool
read_short_file(const char *path, Buffer *content)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t n = 1;

	if (descriptor >= 0 && fstat(descriptor, &status) == 0 && is_of_others(&status))
	{
		close(descriptor);
		return report_error(EXIT_USAGE, NULL,
							"Whoever can write it decides who can read the backups: it must belong "
							"to root or to the user who runs this, and not be writable for all.",
							"file \"%s\" is in the hands of others (uid %u, mode %04o)", path,
							(unsigned) status.st_uid, (unsigned) status.st_mode & 07777);
	}

	buffer_reserve(content, MAX_KEY_FILE);
	while (descriptor >= 0 && n > 0 && content->length < MAX_KEY_FILE)
	{
		n = read(descriptor, content->data + content->length, MAX_KEY_FILE - content->length);
		if (n > 0)
			content->length += (size_t) n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (descriptor >= 0 && n == 0)
	{
		close(descriptor);
		return true;
	}
	report_error(EXIT_USAGE, NULL, NULL, "could not read file \"%s\": %s", path,
				 descriptor < 0 || n < 0 ? strerror(errno) : "it is too long");
	if (descriptor >= 0)
		close(descriptor);
	return false;
}

static bool
read_recipients_file(const char *path, AgeRecipients *recipients)
{
	const char *problem = NULL;
	Buffer content;
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
	return good;
}

bool
read_recipients(const Settings *settings, AgeRecipients *recipients)
{
	bool good = true;
	int i;

	for (i = 0; i < settings->recipient.count; i++)
	{
		const char *problem = age_recipients_add(recipients, settings->recipient.items[i]);

		if (problem != NULL)
			good = report_error(EXIT_USAGE, NULL, RECIPIENT_HINT, "a value of --recipient %s",
								problem);
	}
	for (i = 0; i < settings->recipients_file.count; i++)
		good = read_recipients_file(settings->recipients_file.items[i], recipients) && good;
	return good;
}
