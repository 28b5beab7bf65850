/*-------------------------------------------------------------------------
 *
 * base_tree.c
 *	  The files of a server.
 *
 * Directories are sorted, so that small files come together in the same order
 * each time, and what has not changed gives the same objects.
 *
 *-------------------------------------------------------------------------
 */
#include "base_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_warning.h"
#include "cluster_file.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"

/* Relations that are logged nowhere: only what they are reset to is taken. */
typedef struct Unlogged
{
	uint32_t *numbers;
	size_t count;
} Unlogged;

typedef struct Walk
{
	BaseTree *tree;
	Manifest *manifest;
	const char *data_directory;
} Walk;

static bool
report(const Walk *walk, const char *path, int error, const char *what)
{
	return report_error(
		EXIT_FAILED, NULL,
		error == EACCES ? "Run it as the user that the server runs as, or one of its group." : NULL,
		"could not %s \"%s/%s\": %s", what, walk->data_directory, path, strerror(error));
}

static BaseFile *
add_file(BaseTree *tree, const char *path, FileMapType type, const struct stat *status)
{
	BaseFile *file;

	if ((tree->count & (tree->count - 1)) == 0)
		tree->files =
			xrealloc(tree->files, (tree->count == 0 ? 1 : tree->count * 2) * sizeof(BaseFile));
	file = &tree->files[tree->count++];
	memset(file, 0, sizeof(*file));
	file->path = xstrdup(path);
	file->type = type;
	file->mode = status->st_mode & 07777;
	file->modified = status->st_mtime;
	return file;
}

/* A directory without what is in it. */
static void
add_emptied(BaseTree *tree, const char *path, const struct stat *status)
{
	add_file(tree, path, MAP_DIRECTORY, status);
	/* The server expects it there, and makes no other of those that are emptied. */
	if (strcmp(path, "pg_wal") == 0)
		add_file(tree, "pg_wal/archive_status", MAP_DIRECTORY, status);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
free_names(char **names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* The names in a directory, sorted.  0 or an errno value. */
static int
read_names(int descriptor, char ***names, size_t *count)
{
	DIR *directory = fdopendir(descriptor);
	const struct dirent *entry;
	int error;

	*names = NULL;
	*count = 0;
	if (directory == NULL)
	{
		error = errno;
		close(descriptor);
		return error;
	}
	while (errno = 0, (entry = readdir(directory)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((*count & (*count - 1)) == 0)
			*names = xrealloc(*names, (*count == 0 ? 1 : *count * 2) * sizeof(char *));
		(*names)[(*count)++] = xstrdup(entry->d_name);
	}
	error = errno;
	closedir(directory);
	if (*count > 0)
		qsort(*names, *count, sizeof(char *), compare_names);
	return error;
}

/* Which relations in a directory have a fork that they are reset to? */
static void
find_unlogged(char *const *names, size_t count, Unlogged *unlogged)
{
	RelationFile file;
	size_t i;

	unlogged->numbers = xcalloc(count + 1, sizeof(uint32_t));
	unlogged->count = 0;
	for (i = 0; i < count; i++)
	{
		if (relation_file_parse(names[i], &file) && file.fork == FORK_INIT && file.segment == 0)
			unlogged->numbers[unlogged->count++] = file.number;
	}
}

static bool
is_unlogged(const Unlogged *unlogged, const RelationFile *file)
{
	size_t i;

	for (i = 0; i < unlogged->count && file->fork != FORK_INIT; i++)
	{
		if (unlogged->numbers[i] == file->number)
			return true;
	}
	return false;
}

static bool walk_directory(Walk *walk, const char *path, bool with_content);

/* The oid of the tablespace that a link is of, "pg_tblspc/16385"; 0: of none. */
static uint32_t
tablespace_of(const char *path)
{
	uint32_t oid =
		strncmp(path, "pg_tblspc/", 10) == 0 ? (uint32_t) strtoul(path + 10, NULL, 10) : 0;
	char *link = xasprintf("pg_tblspc/%u", oid);
	bool same = strcmp(link, path) == 0;

	free(link);
	return same ? oid : 0;
}

static void
add_tablespace(const Walk *walk, uint32_t oid, const char *target)
{
	ManifestCluster *cluster = &walk->manifest->cluster;

	cluster->tablespaces =
		xrealloc(cluster->tablespaces, (cluster->ntablespaces + 1) * sizeof(ManifestTablespace));
	cluster->tablespaces[cluster->ntablespaces++] = (ManifestTablespace){
		oid, target[0] == '/' ? xstrdup(target)
							  : xasprintf("%s/pg_tblspc/%s", walk->data_directory, target)};
}

/* A tablespace has one directory for each version of the catalogs; others belong to other servers.
 */
static bool
walk_tablespace(Walk *walk, const char *path, int descriptor)
{
	char *prefix = xasprintf("PG_%d_", walk->manifest->server.version_num / 10000);
	char **names = NULL;
	size_t count = 0;
	bool good = true;
	int error = read_names(descriptor, &names, &count);
	size_t i;

	for (i = 0; i < count && error == 0 && good; i++)
	{
		char *below = xasprintf("%s/%s", path, names[i]);

		if (strncmp(names[i], prefix, strlen(prefix)) == 0)
			good = walk_directory(walk, below, true);
		free(below);
	}
	free_names(names, count);
	free(prefix);
	return error == 0 ? good : report(walk, path, error, "read tablespace directory");
}

/*
 * The links are what the server has, as the backup has begun: what the catalogs said before that
 * is not, and a tablespace that was made meanwhile may be in no WAL of this backup.  One that is
 * gone with its link is being dropped.
 */
static bool
take_tablespace(Walk *walk, const char *path, uint32_t oid, const char *target,
				const struct stat *status)
{
	int descriptor = openat(walk->tree->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = errno;
	struct stat again;

	if (descriptor < 0 && error == ENOENT &&
		fstatat(walk->tree->directory, path, &again, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		return true;
	if (descriptor < 0)
		return report(walk, path, error, "open tablespace directory");
	add_tablespace(walk, oid, target);
	add_file(walk->tree, path, MAP_TABLESPACE, status);
	return walk_tablespace(walk, path, descriptor);
}

/* Only those to tablespaces lead to files of the server. */
static bool
take_link(Walk *walk, const char *path, const struct stat *status)
{
	char target[MAP_PATH_MAX + 1];
	ssize_t length = readlinkat(walk->tree->directory, path, target, sizeof(target));
	uint32_t oid = tablespace_of(path);
	BaseFile *file;
	char *text;

	if (length < 0 && errno == ENOENT)
		return true;
	if (length < 0 || length > MAP_PATH_MAX)
		return report(walk, path, length < 0 ? errno : ENAMETOOLONG, "read link");
	target[length] = '\0';
	if (oid > 0)
		return take_tablespace(walk, path, oid, target, status);
	if (cluster_is_of_server(path))
		return report_error(EXIT_FAILED, NULL,
							"Move what it points to into the data directory, or into a tablespace.",
							"\"%s/%s\" is a symbolic link, so files of the server would not be in "
							"the backup",
							walk->data_directory, path);
	file = add_file(walk->tree, path, MAP_LINK, status);
	file->target = xstrdup(target);
	text = xasprintf("\"%s\" in the data directory is a symbolic link, so what it points to is not "
					 "in this backup",
					 path);
	backup_warning(walk->manifest,
				   "Back it up apart from this, or move it into the data directory.", text);
	free(text);
	return true;
}

static void
take_file(Walk *walk, const char *directory, const char *path, const char *name,
		  const Unlogged *unlogged, const struct stat *status)
{
	bool relations = cluster_holds_relations(directory);
	RelationFile relation = {0};
	bool is_relation = relations && relation_file_parse(name, &relation);
	BaseFile *file;

	if (is_relation && is_unlogged(unlogged, &relation))
		return;
	file = add_file(walk->tree, path, MAP_FILE, status);
	file->bytes = file->there = (uint64_t) status->st_size;
	file->relation = is_relation;
	file->whole = !is_relation && file->bytes < WHOLE_BYTES;
	file->segment = relation.segment;
	walk->tree->bytes += file->bytes;
	if (strcmp(path, "postgresql.conf") == 0)
		walk->tree->has_configuration = true;
}

static bool
take_entry(Walk *walk, const char *directory, const char *name, const Unlogged *unlogged)
{
	char *path = directory[0] == '\0' ? xstrdup(name) : xasprintf("%s/%s", directory, name);
	struct stat status;
	bool good = true;

	if (strlen(path) > MAP_PATH_MAX)
		good = report(walk, path, ENAMETOOLONG, "back up");
	else if (fstatat(walk->tree->directory, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
		good = errno == ENOENT || report(walk, path, errno, "look at");
	else
	{
		/* One that is emptied, as pg_wal, may be on another disk. */
		bool is_directory = S_ISDIR(status.st_mode) || cluster_use(path, true) == CLUSTER_EMPTY;
		ClusterUse use = cluster_use(path, is_directory);

		if (use == CLUSTER_LEAVE_OUT)
			good = true;
		else if (is_directory && S_ISLNK(status.st_mode))
		{
			status.st_mode = S_IFDIR | 0700;
			add_emptied(walk->tree, path, &status);
		}
		else if (is_directory)
			good = walk_directory(walk, path, use == CLUSTER_TAKE);
		else if (S_ISLNK(status.st_mode))
			good = take_link(walk, path, &status);
		else if (S_ISREG(status.st_mode))
			take_file(walk, directory, path, name, unlogged, &status);
	}
	free(path);
	return good;
}

/* A directory that vanishes meanwhile is that of a database that was dropped. */
static bool
walk_directory(Walk *walk, const char *path, bool with_content)
{
	int descriptor = openat(walk->tree->directory, path[0] == '\0' ? "." : path,
							O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;
	Unlogged unlogged;
	char **names = NULL;
	size_t count = 0;
	bool good = true;
	int error = 0;
	size_t i;

	if (descriptor < 0 || fstat(descriptor, &status) != 0)
		return errno == ENOENT || report(walk, path, errno, "open directory");
	if (!with_content)
	{
		close(descriptor);
		add_emptied(walk->tree, path, &status);
		return true;
	}
	if (path[0] != '\0')
		add_file(walk->tree, path, MAP_DIRECTORY, &status);
	error = read_names(descriptor, &names, &count);
	find_unlogged(names, count, &unlogged);
	for (i = 0; i < count && error == 0 && good; i++)
		good = !stop_requested() && take_entry(walk, path, names[i], &unlogged);
	free(unlogged.numbers);
	free_names(names, count);
	return error == 0 ? good : report(walk, path, error, "read directory");
}

bool
base_tree_read(const char *data_directory, Manifest *manifest, BaseTree *tree)
{
	Walk walk = {tree, manifest, data_directory};

	return walk_directory(&walk, "", true);
}

void
base_tree_free(BaseTree *tree)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
	{
		free(tree->files[i].path);
		free(tree->files[i].target);
	}
	free(tree->files);
	if (tree->directory >= 0)
		close(tree->directory);
	memset(tree, 0, sizeof(*tree));
	tree->directory = -1;
}

int
base_tree_open(const BaseTree *tree, const char *path)
{
	return openat(tree->directory, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}
