/*-------------------------------------------------------------------------
 *
 * notify_queue.c
 *	  Messages that wait on disk.
 *
 * Outside the repository, because a repository that cannot be reached is one
 * of the things to be alarmed about.  A file a message, so that a message is
 * there whole or not at all, and removing it is one call; one file for each
 * recipient, so that a wrong address does not keep the others waiting, nor
 * makes them get the message twice.
 *
 *-------------------------------------------------------------------------
 */
#include "notify_queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "home.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "private_file.h"

#define FILE_LIMIT (1024 * 1024)
#define SUFFIX ".json"
#define LOCK_POLL_MS 50

const char *
json_member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* The default: where the XDG specification puts what a program remembers; NULL without a home. */
static char *
default_directory(const Settings *settings)
{
	char *home;
	char *directory;

	if (settings->state_dir != NULL)
		return xasprintf("%s/notify", settings->state_dir);
	home = home_directory();
	directory = home != NULL ? xasprintf("%s/.local/state/nex_backup/notify", home) : NULL;
	free(home);
	return directory;
}

char *
queue_directory(const Settings *settings, bool create)
{
	static const char *const folders[] = {"", "/" QUEUE_FOLDER, "/" DEAD_FOLDER, "/" STATE_FOLDER,
										  "/" RUNNING_FOLDER};
	char *directory = settings->notify_directory != NULL ? xstrdup(settings->notify_directory)
														 : default_directory(settings);
	struct stat status;
	size_t i;

	if (directory == NULL)
	{
		if (create)
			log_warning_hint("Name a directory with notify-directory or state-dir in the settings "
							 "file.",
							 "could not prepare notifications: this user has no home directory");
		return NULL;
	}
	if (!create)
	{
		if (stat(directory, &status) == 0)
			return directory;
		free(directory);
		return NULL;
	}
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
	{
		char *path = xasprintf("%s%s", directory, folders[i]);
		char *problem = private_directory(path);

		free(path);
		if (problem == NULL)
			continue;
		log_warning_hint("Messages need a directory of their own; name it with notify-directory.",
						 "could not prepare notifications: %s", problem);
		free(problem);
		free(directory);
		return NULL;
	}
	return directory;
}

char *
queue_problem(const Settings *settings)
{
	char *directory = settings->notify_directory != NULL ? xstrdup(settings->notify_directory)
														 : default_directory(settings);
	char *slash;

	if (directory == NULL)
		return xstrdup("this user has no home directory");
	/* What does not exist yet is created below what does. */
	while (access(directory, F_OK) != 0 && errno == ENOENT &&
		   (slash = strrchr(directory, '/')) != NULL && slash != directory)
		*slash = '\0';
	if (access(directory, W_OK | X_OK) != 0)
	{
		char *problem =
			xasprintf("directory \"%s\" cannot be written to: %s", directory, strerror(errno));

		free(directory);
		return problem;
	}
	free(directory);
	return NULL;
}

int
queue_lock(const char *directory, const char *name, int seconds)
{
	char *path = xasprintf("%s/%s", directory, name);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int tries = seconds * 1000 / LOCK_POLL_MS;
	struct timespec pause = {0, LOCK_POLL_MS * 1000000L};

	free(path);
	while (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0)
	{
		if (tries-- <= 0 || (errno != EWOULDBLOCK && errno != EINTR))
		{
			close(lock);
			lock = -1;
		}
		else
			nanosleep(&pause, NULL);
	}
	return lock;
}

void
queue_unlock(int lock)
{
	if (lock >= 0)
		close(lock);
}

char *
queue_new_id(void)
{
	unsigned char bytes[8];
	char when[32];
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	gmtime_r(&now.tv_sec, &utc);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &utc);
	return xasprintf("%s%09ldZ-%02x%02x%02x%02x%02x%02x%02x%02x", when, now.tv_nsec, bytes[0],
					 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
}

/* ---- files ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char **
queue_names(const char *directory, const char *folder, int *count)
{
	char *path = xasprintf("%s/%s", directory, folder);
	DIR *stream = opendir(path);
	char **names = NULL;
	struct dirent *entry;

	*count = 0;
	free(path);
	while (stream != NULL && (entry = readdir(stream)) != NULL)
	{
		size_t length = strlen(entry->d_name);

		/* What begins with a dot is a file that somebody is writing, or died writing. */
		if (entry->d_name[0] == '.' || length <= strlen(SUFFIX) ||
			strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		names = xrealloc(names, (size_t) (*count + 1) * sizeof(char *));
		names[(*count)++] = xstrdup(entry->d_name);
	}
	if (stream != NULL)
		closedir(stream);
	if (*count > 0)
		qsort(names, (size_t) *count, sizeof(char *), compare_names);
	return names;
}

void
queue_names_free(char **names, int count)
{
	int i;

	for (i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

json_t *
queue_read(const char *directory, const char *folder, const char *name)
{
	char *path = xasprintf("%s/%s/%s", directory, folder, name);
	json_t *value = NULL;
	json_error_t problem;
	Buffer text;
	int error;

	buffer_init(&text);
	error = private_file_read(path, FILE_LIMIT, &text);
	if (error == 0)
	{
		value = json_loadb(text.data, text.length, 0, &problem);
		if (!json_is_object(value))
			log_warning("file \"%s\" of the notifications is damaged, and is ignored", path);
	}
	else if (error != ENOENT)
		log_warning("could not read file \"%s\": %s", path, strerror(error));
	if (value != NULL && !json_is_object(value))
	{
		json_decref(value);
		value = NULL;
	}
	buffer_free(&text);
	free(path);
	return value;
}

bool
queue_write(const char *directory, const char *folder, const char *name, const json_t *value)
{
	char *path = xasprintf("%s/%s", directory, folder);
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS);
	int error = text != NULL ? private_file_write(path, name, text, strlen(text)) : EINVAL;

	if (error != 0)
		log_warning("could not write file \"%s/%s\" of the notifications: %s", path, name,
					strerror(error));
	free(text);
	free(path);
	return error == 0;
}

void
queue_remove(const char *directory, const char *folder, const char *name)
{
	char *path = xasprintf("%s/%s/%s", directory, folder, name);

	if (unlink(path) != 0 && errno != ENOENT)
		log_warning("could not remove file \"%s\": %s", path, strerror(errno));
	free(path);
}

void
queue_bury(const char *directory, const char *name, const json_t *message)
{
	if (queue_write(directory, DEAD_FOLDER, name, message))
		queue_remove(directory, QUEUE_FOLDER, name);
}

/* ---- messages ---- */

/* Remove messages of a channel whose subject is that of the event. */
/* NULL is as good as NULL: earlier versions wrote no such key. */
static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
remove_older(const char *directory, const char *channel, const json_t *event)
{
	int count;
	char **names = queue_names(directory, QUEUE_FOLDER, &count);
	int i;

	for (i = 0; i < count; i++)
	{
		json_t *message = queue_read(directory, QUEUE_FOLDER, names[i]);
		const char *other = json_member(message, "channel");
		const json_t *about = json_object_get(message, "event");

		if (other != NULL && strcmp(other, channel) == 0 &&
			json_equal(json_object_get(about, "kind"), json_object_get(event, "kind")) &&
			json_equal(json_object_get(about, "database"), json_object_get(event, "database")) &&
			same_text(json_member(about, "server"), json_member(event, "server")) &&
			json_equal(json_object_get(about, "repository"), json_object_get(event, "repository")))
			queue_remove(directory, QUEUE_FOLDER, names[i]);
		json_decref(message);
	}
	queue_names_free(names, count);
}

bool
queue_add(const Settings *settings, const char *directory, const char *channel,
		  const char *recipient, const json_t *event, bool supersedes)
{
	char *id = queue_new_id();
	char *name = xasprintf("%s-%s" SUFFIX, id, channel);
	json_t *message = json_object();
	time_t now = time(NULL);
	bool good;

	if (supersedes)
		remove_older(directory, channel, event);
	json_object_set_new(message, "version", json_integer(1));
	json_object_set_new(message, "id", json_string(id));
	json_object_set_new(message, "channel", json_string(channel));
	json_object_set_new(message, "recipient", json_text(recipient));
	json_object_set_new(message, "created", json_integer((json_int_t) now));
	json_object_set_new(message, "deadline",
						json_integer((json_int_t) now + settings->notify_give_up_after));
	json_object_set_new(message, "next_attempt", json_integer((json_int_t) now));
	json_object_set_new(message, "attempts", json_integer(0));
	json_object_set_new(message, "last_error", json_null());
	json_object_set_new(message, "event", json_deep_copy(event));
	good = queue_write(directory, QUEUE_FOLDER, name, message);
	json_decref(message);
	free(name);
	free(id);
	return good;
}
