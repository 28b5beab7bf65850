/*-------------------------------------------------------------------------
 *
 * posix_list.c
 *	  Listing a repository in a directory.
 *
 *-------------------------------------------------------------------------
 */
#include "posix_list.h"
#include "posix_storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "posix_result.h"

/* Nothing of ours lies deeper. */
#define MAX_DEPTH 8

/* A link at the top level that is followed counts as the directory that it leads to. */
static bool
is_directory(int directory, const struct dirent *entry, const TopLinks *links)
{
	struct stat status;
	const char *rest;

	if (links != NULL && top_links_find(links, entry->d_name, &rest) != NULL)
		return true;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		   S_ISDIR(status.st_mode);
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Open what lies in a descriptor as a directory, which takes it over; NULL with errno. */
static DIR *
open_names(int fd)
{
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	int error = errno;

	if (directory == NULL && fd >= 0)
		close(fd);
	errno = error;
	return directory;
}

static int
list_names(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	const TopLinks *links = strcmp(path, ".") == 0 ? &((PosixStorage *) storage)->links : NULL;
	DIR *directory = open_names(posix_open_path(storage, path, TO_READ, O_RDONLY | O_DIRECTORY));
	struct dirent *entry;
	int error;

	if (directory == NULL)
		return errno;
	while ((errno = 0, entry = readdir(directory)) != NULL)
	{
		char name[sizeof(entry->d_name) + 1];

		if (is_dots(entry->d_name))
			continue;
		snprintf(name, sizeof(name), "%s%s", entry->d_name,
				 is_directory(dirfd(directory), entry, links) ? "/" : "");
		if (!visitor(name, argument))
		{
			errno = 0;
			break;
		}
	}
	error = errno;
	closedir(directory);
	return error;
}

StoreResult
posix_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	return posix_read_result(list_names(storage, path, visitor, argument));
}

/* What its mode tells, or where that does not, the system. */
static bool
is_readable(int directory, const char *name, const struct stat *status, uid_t user)
{
	return user == 0 || (status->st_uid == user && (status->st_mode & S_IRUSR) != 0) ||
		   faccessat(directory, name, R_OK, AT_EACCESS) == 0;
}

/* Where a flat listing has come to. */
typedef struct Walk
{
	const FileListing *listing;
	uid_t user;
	char name[POSIX_PATH_SIZE]; /* of the directory, from where it began; "" or with a '/' behind */
	StoreResult result;
} Walk;

/* Of one that is dated in the future it is not known. */
static double
age_of(const struct stat *status)
{
	struct timespec now;
	double age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (double) (now.tv_sec - status->st_mtim.tv_sec) +
		  (double) (now.tv_nsec - status->st_mtim.tv_nsec) / 1e9;
	return age >= 0 ? age : -1;
}

/* Visit a file that is wanted; one that is gone by now is none. */
static int
visit_file(Walk *walk, int directory, const char *last)
{
	struct stat status;
	StoreEntry entry = {.name = walk->name, .age = -1};

	if (fstatat(directory, last, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISREG(status.st_mode))
		return 0;
	entry.bytes = (uint64_t) status.st_size;
	entry.age = age_of(&status);
	entry.readable = is_readable(directory, last, &status, walk->user);
	walk->listing->visit(&entry, walk->listing->argument);
	return 0;
}

static int walk_directory(Walk *walk, int fd, int depth);

/* One name in a directory. */
static int
walk_name(Walk *walk, DIR *directory, const struct dirent *entry, int depth)
{
	size_t length = strlen(walk->name);
	bool enters = is_directory(dirfd(directory), entry, NULL);
	int error = 0;
	int fd;

	if (length + strlen(entry->d_name) + 2 > sizeof(walk->name))
		return ENAMETOOLONG;
	snprintf(walk->name + length, sizeof(walk->name) - length, "%s%s", entry->d_name,
			 enters ? "/" : "");
	if (walk->listing->wanted(walk->name, walk->listing->argument) && depth < MAX_DEPTH)
	{
		if (!enters)
			error = visit_file(walk, dirfd(directory), entry->d_name);
		else
		{
			fd = openat(dirfd(directory), entry->d_name,
						O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			error = fd >= 0 ? walk_directory(walk, fd, depth + 1) : errno == ENOENT ? 0 : errno;
		}
	}
	/* The innermost place is the one to name. */
	if (error != 0 && walk->result.code == STORE_OK)
	{
		walk->result = posix_read_result(error);
		snprintf(walk->result.text, sizeof(walk->result.text), "\"%.100s\": %s", walk->name,
				 strerror(error));
	}
	walk->name[length] = '\0';
	return error;
}

/* Takes over the descriptor. */
static int
walk_directory(Walk *walk, int fd, int depth)
{
	DIR *directory = open_names(fd);
	struct dirent *entry;
	int error = 0;

	if (directory == NULL)
		return errno;
	while (error == 0 && (errno = 0, entry = readdir(directory)) != NULL)
	{
		if (!is_dots(entry->d_name))
			error = walk_name(walk, directory, entry, depth);
	}
	if (error == 0)
		error = errno;
	closedir(directory);
	return error;
}

StoreResult
posix_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	Walk walk = {.listing = listing, .user = geteuid(), .result = store_ok()};
	int fd = posix_open_path(storage, path, TO_READ, O_RDONLY | O_DIRECTORY);
	int error = fd >= 0 ? walk_directory(&walk, fd, 0) : errno;

	return walk.result.code != STORE_OK ? walk.result : posix_read_result(error);
}
