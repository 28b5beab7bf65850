/*-------------------------------------------------------------------------
 *
 * top_links.c
 *	  Symbolic links at the top level of a repository.
 *
 * They are resolved once, when the repository is opened.
 *
 *-------------------------------------------------------------------------
 */
#include "top_links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "top_link.h"

#define REMEDY                                                                                     \
	"Mount the other disk there (\"mount --bind\"), or let root or the user who runs nex_backup "  \
	"create the link again."

/* How many directories above the target of a link are looked at for another repository. */
#define LEVELS_ABOVE 3

/* Does a directory lie in another repository than the one at `root`? */
static bool
is_in_another(int directory, const struct stat *own)
{
	char above[3 * LEVELS_ABOVE + sizeof(".")] = ".";
	int level;

	for (level = 0; level <= LEVELS_ABOVE; level++)
	{
		int fd = openat(directory, above, O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct stat status;
		bool same;
		bool header;

		if (fd < 0)
			return false;
		same =
			fstat(fd, &status) == 0 && status.st_dev == own->st_dev && status.st_ino == own->st_ino;
		header = faccessat(fd, "nex_backup.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
		close(fd);
		if (same || header)
			return !same;
		if (level < LEVELS_ABOVE)
			memcpy(above + strlen(above), "/..", sizeof("/.."));
	}
	return false;
}

static void
add(TopLinks *links, const char *name, int directory, bool trusted)
{
	links->items = xrealloc(links->items, (size_t) (links->count + 1) * sizeof(TopLink));
	links->items[links->count].name = xstrdup(name);
	links->items[links->count].directory = directory;
	links->items[links->count++].trusted = trusted;
}

/* Why nothing may be written or removed behind a link; NULL if it may. */
static const char *
distrust(const struct stat *link, int directory, const struct stat *own, char reason[64])
{
	if (link->st_uid != 0 && link->st_uid != geteuid())
	{
		snprintf(reason, 64, "belongs to another user (uid %u)", (unsigned) link->st_uid);
		return reason;
	}
	return is_in_another(directory, own) ? "leads into another repository" : NULL;
}

/* Follow one link, or say why not. */
static void
consider(TopLinks *links, int root, const char *location, const char *name, const struct stat *own)
{
	struct stat status;
	const char *reason;
	char text[64];
	int directory = top_link_open(root, name, own, &status);
	bool readable = directory >= 0;

	if (!readable && errno != ELOOP)
		return;
	reason = distrust(&status, directory, own, text);
	if (readable)
		add(links, name, directory, reason == NULL);
	if (reason != NULL)
		log_warning_hint(REMEDY, "symbolic link \"%s/%s\" %s: %s", location, name, reason,
						 readable ? "files behind it are read, but not written or removed"
								  : "it is not followed");
}

void
top_links_find_all(TopLinks *links, int root, const char *location)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat status;

	memset(links, 0, sizeof(*links));
	if (directory == NULL)
	{
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fstat(fd, &status) == 0)
	{
		while ((entry = readdir(directory)) != NULL)
		{
			if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
				consider(links, root, location, entry->d_name, &status);
		}
	}
	closedir(directory);
}

const TopLink *
top_links_find(const TopLinks *links, const char *path, const char **rest)
{
	size_t length = strcspn(path, "/");
	int i;

	for (i = 0; i < links->count; i++)
	{
		const char *name = links->items[i].name;

		if (strncmp(name, path, length) != 0 || name[length] != '\0')
			continue;
		*rest = path + length + strspn(path + length, "/");
		if (**rest == '\0')
			*rest = ".";
		return &links->items[i];
	}
	return NULL;
}

void
top_links_free(TopLinks *links)
{
	int i;

	for (i = 0; i < links->count; i++)
	{
		close(links->items[i].directory);
		free(links->items[i].name);
	}
	free(links->items);
	memset(links, 0, sizeof(*links));
}
