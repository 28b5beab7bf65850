/*-------------------------------------------------------------------------
 *
 * file_target.c
 *	  Putting a configuration file back in its place.
 *
 * A restore runs as root as a rule, and whoever owns a directory on the way
 * could lead it elsewhere by a symbolic link.  So the way is walked one
 * directory at a time, each opened below the one before, and the file is
 * created, named and renamed below the last of these descriptors.
 *
 *-------------------------------------------------------------------------
 */
#include "file_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "primitives.h"
#include "quote.h"
#include "source_open.h"
#include "trusted_path.h"

#define TEMPORARY_PREFIX ".nex_backup-"
#define NONCE_BYTES 6
#define MAX_KEPT 1000 /* in one second */
#define WALK_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool
report_path(const char *path, const char *what, int error)
{
	char *shown = printable_name(path);
	const char *hint = NULL;

	if (error == ELOOP || error == ENOTDIR)
		hint = "A symbolic link is not followed; restore with --restore-dir and copy.";
	else if (error == ENOENT)
		hint = "Create the directory, or restore with --restore-dir.";
	report_error(EXIT_FAILED, NULL, hint, "could not %s \"%s\": %s", what, shown, strerror(error));
	free(shown);
	return false;
}

/* Open a directory below another; make it first if that is wanted. */
static int
step_into(int above, const char *name, bool make)
{
	if (make && mkdirat(above, name, 0700) != 0 && errno != EEXIST)
		return -1;
	return openat(above, name, WALK_FLAGS);
}

/*
 * Walk down the directories of a path below `start`, which is closed.  Gives
 * the descriptor of the last, or -1 with errno.
 */
static int
walk(int start, const char *path, bool make)
{
	char *copy = xstrdup(path);
	char *rest = copy;
	char *name;
	int at = start;

	while (at >= 0 && (name = strsep(&rest, "/")) != NULL)
	{
		int next;

		if (name[0] == '\0' || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0)
		{
			errno = EINVAL;
			next = -1;
		}
		else
			next = step_into(at, name, make);
		if (next < 0)
		{
			int error = errno;

			close(at);
			errno = error;
		}
		else
			close(at);
		at = next;
	}
	free(copy);
	return at;
}

/*
 * Open the directory that the file shall lie in.  Below --restore-dir it may
 * be missing, as may --restore-dir itself, until the file is written.
 */
static bool
open_parent(FileTarget *target, bool make)
{
	const char *below = target->below;
	char *parent = xstrdup(target->path + (below != NULL ? strlen(below) : 0));
	int start;
	int error;

	*strrchr(parent, '/') = '\0';
	start = trusted_directory_open(below != NULL ? below : "/", make && below != NULL);
	error = errno;
	if (start < 0 && error != ENOENT)
	{
		free(parent);
		return report_error(EXIT_FAILED, NULL, error == ELOOP ? TRUSTED_PATH_HINT : NULL,
							"could not open directory \"%s\": %s", below, strerror(error));
	}
	target->parent = start >= 0 ? walk(start, parent, make && below != NULL) : -1;
	error = target->parent < 0 ? errno : 0;
	free(parent);
	if (error == ENOENT && below != NULL && !make)
		return true;
	return error == 0 || report_path(target->path, "reach the directory of", error);
}

/* What is there is not replaced. */
static bool
report_in_the_way(const char *path, const char *why)
{
	char *shown = printable_name(path);

	report_error(EXIT_FAILED, NULL, "Move it away, or restore with --restore-dir.",
				 "could not replace \"%s\": %s", shown, why);
	free(shown);
	return false;
}

/* What lies there now. */
static bool
read_current(FileTarget *target)
{
	struct stat status;
	ssize_t got;
	int found;
	int error;
	int fd;

	found = openat(target->parent, target->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (found < 0 && errno == ENOENT)
		return true;
	fd = found >= 0 ? regular_file_reopen(found) : -1;
	error = errno;
	if (found >= 0)
		close(found);
	if (fd < 0 && error == EISDIR)
		return report_in_the_way(target->path, "it is a directory, or something else that is not a "
											   "regular file");
	if (fd < 0)
		return report_path(target->path, "read file", error);
	if (fstat(fd, &status) != 0 || status.st_size > MAX_CONFIGURATION_FILE)
	{
		close(fd);
		return report_in_the_way(target->path, "it is too large for a configuration file");
	}
	target->exists = true;
	target->mode = status.st_mode & 0777;
	target->uid = status.st_uid;
	target->gid = status.st_gid;
	buffer_reserve(&target->current, (size_t) status.st_size + 1);
	while ((got = read(fd, target->current.data + target->current.length,
					   target->current.capacity - target->current.length - 1)) > 0 ||
		   (got < 0 && errno == EINTR))
		target->current.length += got > 0 ? (size_t) got : 0;
	error = got < 0 ? errno : 0;
	close(fd);
	return error == 0 || report_path(target->path, "read file", error);
}

bool
file_target_open(FileTarget *target, const ManifestFile *facts, const char *directory)
{
	const char *slash = strrchr(facts->path, '/');

	memset(target, 0, sizeof(*target));
	target->parent = -1;
	target->below = directory;
	target->path =
		directory != NULL ? xasprintf("%s%s", directory, facts->path) : xstrdup(facts->path);
	if (facts->path[0] != '/' || slash[1] == '\0')
		return report_path(facts->path, "restore", EINVAL);
	target->name = xstrdup(slash + 1);
	return open_parent(target, false) && (target->parent < 0 || read_current(target));
}

void
file_target_free(FileTarget *target)
{
	if (target->parent >= 0)
		close(target->parent);
	file_content_free(&target->current);
	free(target->path);
	free(target->name);
	free(target->kept_as);
	memset(target, 0, sizeof(*target));
	target->parent = -1;
}

/* The ids that the names of owner and group have here, or those that they had. */
static void
owner_here(const ManifestFile *facts, uid_t *uid, gid_t *gid)
{
	const struct passwd *user = facts->owner != NULL ? getpwnam(facts->owner) : NULL;
	const struct group *group = facts->group != NULL ? getgrnam(facts->group) : NULL;

	*uid = user != NULL ? user->pw_uid : facts->uid;
	*gid = group != NULL ? group->gr_gid : facts->gid;
}

char *
file_target_other_facts(const FileTarget *target, const ManifestFile *facts)
{
	unsigned mode = facts->mode & 0777;
	uid_t uid;
	gid_t gid;

	owner_here(facts, &uid, &gid);
	if (!target->exists)
		return NULL;
	if (target->mode != mode)
		return xasprintf("mode %04o here, %04o in the backup", target->mode, mode);
	/* Nobody else may give a file away. */
	if (geteuid() == 0 && (target->uid != uid || target->gid != gid))
		return xasprintf("owner %u:%u here, %u:%u in the backup", (unsigned) target->uid,
						 (unsigned) target->gid, (unsigned) uid, (unsigned) gid);
	return NULL;
}

/* Content can be changed by others than whoever set such a bit: then it is not for them to run. */
static void
warn_of_bits(const FileTarget *target, const ManifestFile *facts)
{
	if ((facts->mode & 07000) != 0)
		log_warning(
			"file \"%s\" had mode %04o, and has %04o now: setuid, setgid and sticky bits are "
			"not restored",
			target->path, (unsigned) facts->mode, (unsigned) facts->mode & 0777);
}

/* Write the whole content and make it durable, with owner and mode. */
static int
write_and_own(int fd, const FileTarget *target, const ManifestFile *facts, const Buffer *content)
{
	size_t written = 0;
	uid_t uid;
	gid_t gid;

	while (written < content->length)
	{
		ssize_t got = write(fd, content->data + written, content->length - written);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EIO;
		written += (size_t) got;
	}
	owner_here(facts, &uid, &gid);
	if (fchown(fd, uid, gid) != 0)
	{
		/* Better readable by its new owner alone than by the wrong people. */
		log_warning("could not give file \"%s\" to its owner \"%s\": %s", target->path,
					facts->owner != NULL ? facts->owner : "?", strerror(errno));
		if (fchmod(fd, facts->mode & 0700) != 0)
			return errno;
	}
	else if (fchmod(fd, facts->mode & 0777) != 0)
		return errno;
	warn_of_bits(target, facts);
	return fsync(fd) != 0 ? errno : 0;
}

/* Give what lies there a second name, and another one if a run of this second has taken it. */
static int
keep_current(FileTarget *target, const char *time_suffix, char **name)
{
	int error = EEXIST;
	int number;

	*name = NULL;
	for (number = 1; error == EEXIST && number < MAX_KEPT; number++)
	{
		free(*name);
		*name = number == 1 ? xasprintf("%s.before-%s", target->name, time_suffix)
							: xasprintf("%s.before-%s-%d", target->name, time_suffix, number);
		error = linkat(target->parent, target->name, target->parent, *name, 0) != 0 ? errno : 0;
	}
	if (error != 0)
	{
		free(*name);
		*name = NULL;
	}
	return error;
}

/* Put the new file in the place of what lies there, which keeps a name only if that works. */
static int
take_place(FileTarget *target, const char *temporary, const char *time_suffix)
{
	char *kept = NULL;
	int error = target->exists ? keep_current(target, time_suffix, &kept) : 0;

	if (error == 0 && renameat(target->parent, temporary, target->parent, target->name) != 0)
	{
		error = errno;
		if (kept != NULL)
			unlinkat(target->parent, kept, 0);
	}
	else if (kept != NULL)
		target->kept_as = xasprintf("%.*s%s", (int) (strlen(target->path) - strlen(target->name)),
									target->path, kept);
	free(kept);
	return error;
}

/* Is this the name of a file that is being written, or was when its process was killed? */
static bool
is_temporary(const char *name)
{
	size_t length = strlen(TEMPORARY_PREFIX);

	return strncmp(name, TEMPORARY_PREFIX, length) == 0 &&
		   strspn(name + length, "0123456789abcdef") == 2 * NONCE_BYTES &&
		   strcmp(name + length + 2 * NONCE_BYTES, ".tmp") == 0;
}

/* Is it one of our files, which nobody is writing? */
static bool
is_left(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	bool left;

	left = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
		   (geteuid() == 0 || status.st_uid == geteuid()) && flock(fd, LOCK_SH | LOCK_NB) == 0;
	if (fd >= 0)
		close(fd);
	return left;
}

int
file_target_leftovers(int directory, bool fix,
					  void (*visit)(const char *name, bool removed, void *argument), void *argument)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int count = 0;

	if (names == NULL && fd >= 0)
		close(fd);
	while (names != NULL && (entry = readdir(names)) != NULL)
	{
		bool removed;

		if (!is_temporary(entry->d_name) || !is_left(directory, entry->d_name))
			continue;
		removed = fix && unlinkat(directory, entry->d_name, 0) == 0;
		count++;
		if (visit != NULL)
			visit(entry->d_name, removed, argument);
	}
	if (names != NULL)
		closedir(names);
	return count;
}

bool
file_target_write(FileTarget *target, const ManifestFile *facts, const Buffer *content,
				  const char *time_suffix)
{
	uint8_t nonce[NONCE_BYTES];
	char *temporary;
	int error = 0;
	int held;
	int fd;

	if (target->parent < 0 && !open_parent(target, true))
		return false;
	if (!random_bytes(nonce, sizeof(nonce)))
		return report_path(target->path, "write file", EIO);
	/* What a killed restore has left here holds the text of a file that may be secret. */
	(void) file_target_leftovers(target->parent, true, NULL, NULL);
	temporary = xasprintf(TEMPORARY_PREFIX "%02x%02x%02x%02x%02x%02x.tmp", nonce[0], nonce[1],
						  nonce[2], nonce[3], nonce[4], nonce[5]);
	fd = openat(target->parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				0600);
	if (fd < 0)
	{
		error = errno;
		free(temporary);
		return report_path(target->path, "write file", error);
	}
	/* A lock tells it from what a killed process has left, until it has its name. */
	(void) flock(fd, LOCK_EX | LOCK_NB);
	held = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	error = write_and_own(fd, target, facts, content);
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0)
		error = take_place(target, temporary, time_suffix);
	if (error != 0)
		unlinkat(target->parent, temporary, 0);
	if (held >= 0)
		close(held);
	free(temporary);
	if (error != 0)
		return report_path(target->path, "write file", error);
	/* It is there by now; only a crash could take it away again. */
	if (fsync(target->parent) != 0)
		log_warning("could not fsync the directory of \"%s\": %s", target->path, strerror(errno));
	return true;
}
