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
#include "key_settings.h"
#include "log.h"
#include "memory.h"
#include "notify_settings.h"
#include "private_file.h"
#include "settings.h"
#include "trusted_path.h"

#define FILE_LIMIT (1024 * 1024)
#define SUFFIX ".json"
#define LOCK_POLL_MS 50

/*
 * The directory that was opened last, by the path that callers have of it: by
 * now another one may have this name.  What is in it only we can change.
 */
static struct
{
	char *path;
	int fd;
} opened = {NULL, -1};

static void
remember(const char *directory, int fd)
{
	if (opened.fd >= 0)
		close(opened.fd);
	free(opened.path);
	opened.path = xstrdup(directory);
	opened.fd = fd;
}

/* What is below that directory is never reached by a link. */
static int
open_below(const char *directory, const char *name, int flags)
{
	if (opened.path == NULL || strcmp(opened.path, directory) != 0)
	{
		errno = ENOENT;
		return -1;
	}
	return openat(opened.fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int
open_folder(const char *directory, const char *folder)
{
	return open_below(directory, folder, O_RDONLY | O_DIRECTORY);
}

static void
close_folder(int fd)
{
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
}

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

	if (settings->keys->state_dir != NULL)
		return xasprintf("%s/notify", settings->keys->state_dir);
	home = home_directory();
	directory = home != NULL ? xasprintf("%s/.local/state/nex_backup/notify", home) : NULL;
	free(home);
	return directory;
}

/* Make one of its folders; NULL, or what is wrong (caller frees). */
static char *
folder_problem(const char *directory, const char *folder)
{
	char *path = xasprintf("%s/%s", directory, folder);
	char *problem = NULL;
	int fd = -1;

	if (mkdirat(opened.fd, folder, 0700) != 0 && errno != EEXIST)
		problem = xasprintf("could not create directory \"%s\": %s", path, strerror(errno));
	else if ((fd = open_folder(directory, folder)) < 0)
		problem = xasprintf("could not open directory \"%s\": %s", path, strerror(errno));
	else
		problem = private_directory_problem(fd, path);
	close_folder(fd);
	free(path);
	return problem;
}

/* Make the directory and its folders; NULL, or what is wrong (caller frees). */
static char *
directory_problem(const char *directory)
{
	static const char *const folders[] = {QUEUE_FOLDER, DEAD_FOLDER, STATE_FOLDER, RUNNING_FOLDER};
	int fd = trusted_directory_make(directory);
	char *problem;
	size_t i;

	if (fd < 0)
		return xasprintf("could not create directory \"%s\": %s", directory, strerror(errno));
	remember(directory, fd);
	problem = private_directory_problem(fd, directory);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]) && problem == NULL; i++)
		problem = folder_problem(directory, folders[i]);
	return problem;
}

char *
queue_directory(const Settings *settings, bool create)
{
	char *directory = settings->notify->notify_directory != NULL
						  ? xstrdup(settings->notify->notify_directory)
						  : default_directory(settings);
	char *problem;
	int fd;

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
		fd = trusted_directory_open(directory, false);
		if (fd >= 0)
		{
			remember(directory, fd);
			return directory;
		}
		free(directory);
		return NULL;
	}
	problem = directory_problem(directory);
	if (problem == NULL)
		return directory;
	log_warning_hint("Messages need a separate directory; name it with notify-directory.",
					 "could not prepare notifications: %s", problem);
	free(problem);
	free(directory);
	return NULL;
}

char *
queue_problem(const Settings *settings)
{
	char *directory = settings->notify->notify_directory != NULL
						  ? xstrdup(settings->notify->notify_directory)
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
	int lock = open_below(directory, name, O_RDWR | O_CREAT);
	int tries = seconds * 1000 / LOCK_POLL_MS;
	struct timespec pause = {0, LOCK_POLL_MS * 1000000L};

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
	int fd = open_folder(directory, folder);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	char **names = NULL;
	struct dirent *entry;

	*count = 0;
	if (stream == NULL)
		close_folder(fd);
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
	int fd = open_folder(directory, folder);
	json_t *value = NULL;
	json_error_t problem;
	Buffer text;
	int error;

	buffer_init(&text);
	error = fd >= 0 ? private_file_read_in(fd, name, FILE_LIMIT, &text) : errno;
	close_folder(fd);
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
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS);
	int fd = open_folder(directory, folder);
	int error = fd < 0 ? errno : EINVAL;

	if (fd >= 0 && text != NULL)
		error = private_file_write(fd, name, text, strlen(text));
	close_folder(fd);
	if (error != 0)
		log_warning("could not write file \"%s/%s/%s\" of the notifications: %s", directory, folder,
					name, strerror(error));
	free(text);
	return error == 0;
}

void
queue_remove(const char *directory, const char *folder, const char *name)
{
	int fd = open_folder(directory, folder);

	if ((fd < 0 || unlinkat(fd, name, 0) != 0) && errno != ENOENT)
		log_warning("could not remove file \"%s/%s/%s\": %s", directory, folder, name,
					strerror(errno));
	close_folder(fd);
}

int
queue_open(const char *directory, const char *folder, const char *name)
{
	int above = open_folder(directory, folder);
	int fd = above >= 0 ? openat(above, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;

	close_folder(above);
	return fd;
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
						json_integer((json_int_t) now + settings->notify->notify_give_up_after));
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
