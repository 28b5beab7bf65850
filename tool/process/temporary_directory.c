/*-------------------------------------------------------------------------
 *
 * temporary_directory.c
 *	  Private directories for what child programs write and read.
 *
 *-------------------------------------------------------------------------
 */
#include "temporary_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "trusted_path.h"

#define PREFIX "nex_backup."
#define MAX_OURS 16

/* Those that exist now. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *ours[MAX_OURS];

/* Put a path in the place of another; NULL: an empty place. */
static void
note(const char *old, const char *new)
{
	int i;

	pthread_mutex_lock(&mutex);
	for (i = 0; i < MAX_OURS; i++)
	{
		if (old == NULL ? ours[i] != NULL : ours[i] == NULL || strcmp(ours[i], old) != 0)
			continue;
		free(ours[i]);
		ours[i] = xstrdup(new);
		break;
	}
	pthread_mutex_unlock(&mutex);
}

/* Where temporary files belong. */
static const char *
base_directory(void)
{
	const char *base = getenv("TMPDIR");

	return base != NULL && base[0] == '/' ? base : "/tmp";
}

/*
 * May root use it?  Programs that we start open files there by their paths, and
 * whoever has a directory on the way can put another one in its place.
 */
static bool
check_base(const char *path)
{
	TrustedPath at;
	struct stat status;
	bool good = true;

	if (geteuid() != 0)
		return true;
	if (trusted_path_open(&at, path))
	{
		good = !at.through_others && (fstat(at.directory, &status) != 0 || status.st_uid == 0);
		trusted_path_close(&at);
	}
	else
		good = errno != ELOOP;
	return good || report_error(EXIT_FAILED, NULL,
								"Set TMPDIR to a directory of root's, below directories of root's.",
								"another user could exchange files in temporary directory \"%s\"",
								base_directory());
}

char *
temporary_directory_create(void)
{
	char *path = xasprintf("%s/" PREFIX "%ld.XXXXXX", base_directory(), (long) getpid());

	if (!check_base(path))
	{
		free(path);
		return NULL;
	}
	if (mkdtemp(path) == NULL)
	{
		report_error(EXIT_FAILED, strerror(errno),
					 "Set TMPDIR to a directory that can be written to.",
					 "could not create a temporary directory \"%s\"", path);
		free(path);
		return NULL;
	}
	note(NULL, path);
	return path;
}

static void
remove_with_files(const char *path)
{
	struct dirent *entry;
	DIR *directory = opendir(path);

	while (directory != NULL && (entry = readdir(directory)) != NULL)
	{
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(directory), entry->d_name, 0);
	}
	if (directory != NULL)
		closedir(directory);
	rmdir(path);
}

void
temporary_directory_remove(char *path)
{
	if (path == NULL)
		return;
	remove_with_files(path);
	note(path, NULL);
	free(path);
}

void
temporary_directories_remove_ours(void)
{
	int i;

	pthread_mutex_lock(&mutex);
	for (i = 0; i < MAX_OURS; i++)
	{
		if (ours[i] != NULL)
			remove_with_files(ours[i]);
	}
	pthread_mutex_unlock(&mutex);
}

void
temporary_directories_remove_last(void)
{
	int i;

	/* Not to wait for ourselves. */
	if (pthread_mutex_trylock(&mutex) != 0)
		return;
	for (i = 0; i < MAX_OURS; i++)
	{
		if (ours[i] != NULL)
			remove_with_files(ours[i]);
	}
}

/* Is this the name of a directory that we made, in a process that is gone? */
static bool
is_left(const char *name)
{
	char *end;
	long pid;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return false;
	pid = strtol(name + strlen(PREFIX), &end, 10);
	return pid > 1 && *end == '.' && strlen(end) == 7 && kill((pid_t) pid, 0) != 0 &&
		   errno == ESRCH;
}

void
temporary_directories_left(void (*visit)(const char *path, void *argument), void *argument)
{
	DIR *base = opendir(base_directory());
	struct dirent *entry;
	struct stat status;

	while (base != NULL && (entry = readdir(base)) != NULL)
	{
		char *path;

		if (!is_left(entry->d_name) ||
			fstatat(dirfd(base), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISDIR(status.st_mode) || status.st_uid != geteuid())
			continue;
		path = xasprintf("%s/%s", base_directory(), entry->d_name);
		visit(path, argument);
		free(path);
	}
	if (base != NULL)
		closedir(base);
}
