/*-------------------------------------------------------------------------
 *
 * private_directory.c
 *	  A directory for a server of our own.
 *
 *-------------------------------------------------------------------------
 */
#include "private_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deadline.h"
#include "log.h"
#include "memory.h"

#define PREFIX "nex_backup_server."
#define LOCK_FILE "lock"
#define SERVER_LOCK_FILE "server.lock"

/* The kernel tells a server at once that its program is gone; after that, seconds. */
#define REAP_PATIENCE 10
#define REAP_SIGNAL_AFTER 2
#define LOOK_INTERVAL_US 50000

#define REMOVE_TRIES 10

/* ---- removing ---- */

static bool remove_entry(int at, const char *name);

/* All that is in a directory; its descriptor is closed. */
static void
remove_content(int directory)
{
	DIR *names = fdopendir(directory);
	const struct dirent *entry;

	if (names == NULL)
	{
		close(directory);
		return;
	}
	while ((entry = readdir(names)) != NULL)
	{
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void) remove_entry(dirfd(names), entry->d_name);
	}
	closedir(names);
}

/* A listing need not show what comes while entries are removed, so a directory is tried again. */
static bool
remove_entry(int at, const char *name)
{
	int tries;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return true;
	for (tries = 0; tries < REMOVE_TRIES; tries++)
	{
		int directory = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (directory >= 0)
			remove_content(directory);
		if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return true;
	}
	return false;
}

void
private_directory_discard(const PrivateDirectory *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory->path, name);

	if (!remove_entry(AT_FDCWD, path))
		log_debug("could not remove \"%s\": %s", path, strerror(errno));
	free(path);
}

static void
close_locks(PrivateDirectory *directory)
{
	if (directory->lock >= 0)
		close(directory->lock);
	if (directory->server_lock >= 0)
		close(directory->server_lock);
	directory->lock = directory->server_lock = -1;
}

void
private_directory_remove(PrivateDirectory *directory)
{
	if (directory->path == NULL)
		return;
	if (!remove_entry(AT_FDCWD, directory->path))
		log_warning_hint("Remove it: it has a copy of the cluster.",
						 "could not remove directory \"%s\": %s", directory->path, strerror(errno));
	close_locks(directory);
	free(directory->path);
	directory->path = NULL;
}

/* ---- making ---- */

const char *
private_directory_base(const char *wanted)
{
	const char *base = wanted != NULL ? wanted : getenv("TMPDIR");

	return base != NULL && base[0] == '/' ? base : "/var/tmp";
}

static int
take_lock(int at, const char *name, int flags)
{
	int lock = openat(at, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	int error;

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0)
		return lock;
	error = errno;
	close(lock);
	errno = error;
	return -1;
}

/* Could others put another directory in the place of ours? */
static bool
check_base(const char *base)
{
	struct stat status;

	if (stat(base, &status) != 0)
		return report_error(EXIT_FAILED, NULL, "Name another one with --work-dir.",
							"could not look at directory \"%s\": %s", base, strerror(errno));
	return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0 ||
		   report_error(EXIT_FAILED, NULL, "Name another one with --work-dir.",
						"others could exchange what is in directory \"%s\"", base);
}

static bool
lock_new(PrivateDirectory *directory)
{
	int at = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	directory->lock = at >= 0 ? take_lock(at, LOCK_FILE, O_CREAT | O_EXCL) : -1;
	directory->server_lock =
		directory->lock >= 0 ? take_lock(at, SERVER_LOCK_FILE, O_CREAT | O_EXCL) : -1;
	if (directory->server_lock < 0)
		report_error(EXIT_FAILED, NULL, NULL, "could not lock directory \"%s\": %s",
					 directory->path, strerror(errno));
	if (at >= 0)
		close(at);
	return directory->server_lock >= 0;
}

bool
private_directory_make(PrivateDirectory *directory, const char *base)
{
	char real[PATH_MAX];

	directory->path = NULL;
	directory->lock = directory->server_lock = -1;
	if (!check_base(base))
		return false;
	if (realpath(base, real) == NULL)
		snprintf(real, sizeof(real), "%s", base);
	directory->path = xasprintf("%s/" PREFIX "%ld.XXXXXX", real, (long) getpid());
	if (mkdtemp(directory->path) == NULL)
	{
		report_error(EXIT_FAILED, NULL, "Name another one with --work-dir.",
					 "could not create a directory in \"%s\": %s", real, strerror(errno));
		free(directory->path);
		directory->path = NULL;
		return false;
	}
	if (lock_new(directory))
		return true;
	private_directory_remove(directory);
	return false;
}

/* ---- what was left ---- */

/* One that has no lock yet is that of a program that has just begun, or died there. */
static bool
program_is_gone(const char *name)
{
	char *end;
	long pid = strtol(name + strlen(PREFIX), &end, 10);

	return pid > 1 && *end == '.' && kill((pid_t) pid, 0) != 0 && errno == ESRCH;
}

/*
 * Is this a directory of ours that nobody works in?  Gives its lock; -1: no, or with *unlocked,
 * yes, but it has none.
 */
static int
lock_left(int at, const char *path, bool *unlocked)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	int directory;
	int lock = -1;
	struct stat status;

	*unlocked = false;
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return -1;
	directory = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory >= 0 && fstat(directory, &status) == 0 && status.st_uid == geteuid())
	{
		lock = take_lock(directory, LOCK_FILE, 0);
		*unlocked = lock < 0 && errno == ENOENT && program_is_gone(name);
	}
	if (directory >= 0)
		close(directory);
	return lock;
}

void
private_directories_left(const char *base, void (*visit)(const char *path, void *argument),
						 void *argument)
{
	DIR *names = opendir(base);
	const struct dirent *entry;

	while (names != NULL && (entry = readdir(names)) != NULL)
	{
		bool unlocked;
		int lock = lock_left(dirfd(names), entry->d_name, &unlocked);
		char *path;

		if (lock < 0 && !unlocked)
			continue;
		if (lock >= 0)
			close(lock);
		path = xasprintf("%s/%s", base, entry->d_name);
		visit(path, argument);
		free(path);
	}
	if (names != NULL)
		closedir(names);
}

/* The server that works in it, as far as /proc says so; 0: none. */
static pid_t
server_of(const char *path)
{
	char *file = xasprintf("%s/data/postmaster.pid", path);
	char *data = xasprintf("%s/data", path);
	FILE *in = fopen(file, "re");
	char place[PATH_MAX] = "";
	char expected[PATH_MAX] = "";
	long pid = 0;

	if (in != NULL && fscanf(in, "%ld", &pid) == 1 && pid > 1)
	{
		char *link = xasprintf("/proc/%ld/cwd", pid);
		ssize_t length = readlink(link, place, sizeof(place) - 1);

		place[length > 0 ? length : 0] = '\0';
		free(link);
	}
	if (in != NULL)
		fclose(in);
	if (realpath(data, expected) == NULL || strcmp(place, expected) != 0)
		pid = 0;
	free(file);
	free(data);
	return (pid_t) pid;
}

/* Wait until no process of the server is left, and do not be content with asking. */
static bool
end_server(int at, const char *path)
{
	const double begin = monotonic_seconds();
	int lock = take_lock(at, SERVER_LOCK_FILE, 0);

	while (lock < 0 && errno == EWOULDBLOCK && monotonic_seconds() < begin + REAP_PATIENCE)
	{
		pid_t pid = monotonic_seconds() > begin + REAP_SIGNAL_AFTER ? server_of(path) : 0;

		if (pid > 1)
			kill(pid, monotonic_seconds() > begin + 2 * REAP_SIGNAL_AFTER ? SIGKILL : SIGQUIT);
		usleep(LOOK_INTERVAL_US);
		lock = take_lock(at, SERVER_LOCK_FILE, 0);
	}
	if (lock < 0)
		return errno == ENOENT;
	close(lock);
	return true;
}

bool
private_directory_reap(const char *path)
{
	bool unlocked;
	int lock = lock_left(AT_FDCWD, path, &unlocked);
	bool good = false;
	int at;

	if (lock < 0 && !unlocked)
		return false;
	at = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at >= 0)
	{
		good = end_server(at, path) && remove_entry(AT_FDCWD, path);
		close(at);
	}
	if (lock >= 0)
		close(lock);
	return good;
}
