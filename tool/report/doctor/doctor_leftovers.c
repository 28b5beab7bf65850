/*-------------------------------------------------------------------------
 *
 * doctor_leftovers.c
 *	  What killed processes have left outside of the repository: temporary
 *	  directories, files beside restored configuration files, and unfinished
 *	  files in the state directory.
 *
 * All of these may hold secrets, and no later run comes across them by
 * itself, unless it happens to write to the same place.
 *
 *-------------------------------------------------------------------------
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backups.h"
#include "cluster_settings.h"
#include "doctor_checks.h"
#include "doctor_leftovers.h"
#include "file_target.h"
#include "keyring.h"
#include "memory.h"
#include "private_directory.h"
#include "settings.h"
#include "temporary_directory.h"
#include "trusted_path.h"

#define CHECK_NAME "temporary files"
#define FIX_HINT "Remove it, or run \"nex_backup doctor --fix\": a password may be in it."

/* The state directory, of a repository, and its manifests; that of notifications. */
#define STATE_DEPTH 4

typedef struct Search
{
	Doctor *doctor;
	const char *directory;
	int count;
} Search;

static void
say_left(Search *search, const char *path, bool removed)
{
	search->count++;
	if (removed)
		doctor_say(search->doctor, CHECK_OK, CHECK_NAME, NULL,
				   "removed \"%s\" of a process that was killed", path);
	else
		doctor_say(search->doctor, CHECK_WARNING, CHECK_NAME, FIX_HINT,
				   "\"%s\" was left by a process that was killed", path);
}

static void
visit_directory(const char *path, void *argument)
{
	Search *search = argument;

	if (search->doctor->fix)
		temporary_directory_remove(xstrdup(path));
	say_left(search, path, access(path, F_OK) != 0);
}

/* A server that was to read a base backup: all of a cluster. */
static void
visit_server(const char *path, void *argument)
{
	Search *search = argument;

	say_left(search, path, search->doctor->fix && private_directory_reap(path));
}

/* ---- the state directory ---- */

/*
 * "NAME.PID-NONCE-N.tmp" or ".NAME.PID.tmp" of a process that is gone?  Who
 * writes at this moment must not lose the file.
 */
static bool
is_left(const char *name)
{
	size_t length = strlen(name);
	const char *dot;
	char *stem;
	char *end;
	long pid;
	bool left;

	if (length <= 4 || strcmp(name + length - 4, ".tmp") != 0)
		return false;
	stem = xasprintf("%.*s", (int) (length - 4), name);
	dot = strrchr(stem, '.');
	pid = dot != NULL ? strtol(dot + 1, &end, 10) : 0;
	left = pid > 1 && (*end == '\0' || *end == '-') && kill((pid_t) pid, 0) != 0 && errno == ESRCH;
	free(stem);
	return left;
}

/* The descriptor is closed. */
static void
look_into(Search *search, int fd, const char *path, int depth)
{
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat status;

	if (names == NULL && fd >= 0)
		close(fd);
	while (names != NULL && (entry = readdir(names)) != NULL)
	{
		char *below;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		below = xasprintf("%s/%s", path, entry->d_name);
		if (S_ISDIR(status.st_mode) && depth > 1)
			look_into(search,
					  openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
					  below, depth - 1);
		else if (S_ISREG(status.st_mode) && is_left(entry->d_name))
			say_left(search, below, search->doctor->fix && unlinkat(fd, entry->d_name, 0) == 0);
		free(below);
	}
	if (names != NULL)
		closedir(names);
}

void
doctor_check_temporary_files(Doctor *doctor)
{
	Search search = {doctor, NULL, 0};
	const char *state = keyring()->state_directory;

	temporary_directories_left(visit_directory, &search);
	private_directories_left(private_directory_base(doctor->settings->cluster->work_dir),
							 visit_server, &search);
	if (state != NULL)
		look_into(&search, trusted_directory_open(state, false), state, STATE_DEPTH);
	if (search.count == 0)
		doctor_say(doctor, CHECK_OK, CHECK_NAME, NULL, "none left");
}

/* ---- beside restored files ---- */

static void
visit_file(const char *name, bool removed, void *argument)
{
	Search *search = argument;
	char *path = xasprintf("%s/%s", search->directory, name);

	say_left(search, path, removed);
	free(path);
}

/* The directory of the files before this one was looked at already, as a rule. */
static bool
is_new(const char *directory, const Manifest *manifest, uint32_t file)
{
	size_t length = strlen(directory);
	uint32_t i;

	for (i = 0; i < file; i++)
	{
		const char *path = manifest->files[i].path;

		if ((size_t) (strrchr(path, '/') - path) == length && strncmp(path, directory, length) == 0)
			return false;
	}
	return true;
}

static void
look_beside(Doctor *doctor, const Manifest *manifest)
{
	uint32_t i;

	for (i = 0; i < manifest->nfiles; i++)
	{
		const char *path = manifest->files[i].path;
		char *directory = xasprintf("%.*s", (int) (strrchr(path, '/') - path), path);
		int fd = -1;

		if (is_new(directory, manifest, i))
			fd = open(directory[0] != '\0' ? directory : "/",
					  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
		{
			Search search = {doctor, directory, 0};

			(void) file_target_leftovers(fd, doctor->fix, visit_file, &search);
			close(fd);
		}
		free(directory);
	}
}

/* Where the files of the latest backup of each set are. */
void
doctor_check_restored_files(Doctor *doctor, const BackupName *names, int count)
{
	int i;

	for (i = 0; i < count; i++)
	{
		bool last = i + 1 == count || strcmp(names[i].owner.name, names[i + 1].owner.name) != 0;
		Manifest *manifest = NULL;
		char *error = NULL;

		if (names[i].owner.kind == BACKUP_OF_FILES && last)
			manifest = repository_manifest_try(doctor->repository, &names[i], &error);
		if (manifest != NULL)
			look_beside(doctor, manifest);
		manifest_free(manifest);
		free(error);
	}
}
