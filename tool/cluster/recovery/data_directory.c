/*-------------------------------------------------------------------------
 *
 * data_directory.c
 *	  The data directory that is made of a base backup.
 *
 * Links to tablespaces are made by us, for directories that were empty.  Of
 * other links, those that lead out of the data directory are not made: what
 * they lead to may be in use by the server that was backed up.  The rest comes
 * when no file is written any more.
 *
 *-------------------------------------------------------------------------
 */
#include "data_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cluster_file.h"
#include "interrupt.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "occupied.h"
#include "progress.h"
#include "wal_position.h"

#define CONTROL_UNFINISHED CONTROL_FILE ".nex_backup"
#define MAX_THREADS 64

#define DIRECTORY_MODE 0700

/* ---- looking ---- */

static bool
report_path(const char *path, int error, const char *what)
{
	return report_error(EXIT_FAILED, NULL, NULL, "could not %s \"%s\": %s", what, path,
						strerror(error));
}

/* Is a directory absent, or empty?  False (reported) if that cannot be found out. */
static bool
is_empty(const char *path, bool *empty)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;

	*empty = true;
	if (directory == NULL)
		return errno == ENOENT || report_path(path, errno, "open directory");
	while (*empty && (entry = readdir(directory)) != NULL)
		*empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(directory);
	return true;
}

static bool
check_empty(const char *path, const char *hint)
{
	bool empty;

	return is_empty(path, &empty) &&
		   (empty || report_error(EXIT_FAILED, NULL, hint, "directory \"%s\" is not empty", path));
}

/* The same, and nowhere in what another server has for its own. */
static bool
check_free(const char *path, const char *hint)
{
	char *server;
	bool good;

	if (!check_empty(path, hint))
		return false;
	server = occupied_by(path);
	good = server == NULL || report_error(EXIT_FAILED, NULL, "Choose a directory outside of it.",
										  "directory \"%s\" would be in \"%s\", which belongs to "
										  "a server",
										  path, server);
	free(server);
	return good;
}

static bool
is_mapping_of(const char *mapping, const ManifestTablespace *tablespace)
{
	size_t length = strlen(tablespace->path);

	return strncmp(mapping, tablespace->path, length) == 0 && mapping[length] == '=';
}

const char *
data_directory_of_tablespace(const DataDirectory *target, const ManifestTablespace *tablespace)
{
	int i;

	for (i = 0; i < target->mappings->count; i++)
	{
		const char *mapping = target->mappings->items[i];

		if (is_mapping_of(mapping, tablespace))
			return mapping + strlen(tablespace->path) + 1;
	}
	return tablespace->path;
}

/* Is a path the other, or below it? */
static bool
is_within(const char *path, const char *other)
{
	size_t length = strlen(other);

	while (length > 1 && other[length - 1] == '/')
		length--;
	return strncmp(path, other, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool
check_tablespaces(const DataDirectory *target, const Manifest *base)
{
	const ManifestCluster *cluster = &base->cluster;
	uint32_t i;
	uint32_t j;

	for (i = 0; i < cluster->ntablespaces; i++)
	{
		const char *path = data_directory_of_tablespace(target, &cluster->tablespaces[i]);

		if (path[0] != '/' || is_within(path, target->path))
			return report_error(EXIT_USAGE, NULL, NULL,
								"tablespace directory \"%s\" must be an absolute path outside of "
								"the data directory",
								path);
		for (j = 0; j < i; j++)
		{
			if (strcmp(path, data_directory_of_tablespace(target, &cluster->tablespaces[j])) == 0)
				return report_error(EXIT_USAGE, NULL, NULL,
									"two tablespaces would be in directory \"%s\"", path);
		}
		if (!check_free(path, "Give the tablespace another directory: "
							  "--tablespace-mapping=OLD=NEW."))
			return false;
	}
	return true;
}

/*
 * An option that means none of the tablespaces is a mistake, which must not put one elsewhere.  In
 * the settings file (source 0) it may be there for another server, and for "globals restore".
 */
static bool
check_mappings(const DataDirectory *target, const Manifest *base)
{
	const ManifestCluster *cluster = &base->cluster;
	int i;

	for (i = 0; target->mappings->source != 0 && i < target->mappings->count; i++)
	{
		const char *mapping = target->mappings->items[i];
		uint32_t j = 0;

		while (j < cluster->ntablespaces && !is_mapping_of(mapping, &cluster->tablespaces[j]))
			j++;
		if (j == cluster->ntablespaces)
			return report_error(EXIT_USAGE, NULL,
								"\"nex_backup base info\" shows the directories of tablespaces.  "
								"One that is created later, by the recovery, cannot be moved.",
								"--tablespace-mapping=%s: base backup %s has no tablespace in this "
								"directory",
								mapping, base->id);
	}
	return true;
}

static bool
report_later(const LaterTablespace *later, const char *problem)
{
	char lsn[WAL_POSITION_SIZE];
	char *detail;

	wal_lsn_print(later->lsn, lsn);
	detail = xasprintf("The WAL creates tablespace %u there at %s.  No option gives it another "
					   "directory, and that of a running server would be overwritten.",
					   later->oid, lsn);
	report_error(EXIT_FAILED, detail,
				 "Restore on another machine, or to a target before this (--target-lsn and "
				 "--exclusive), or take a base backup that is newer.",
				 "directory \"%s\", in which the recovery creates a tablespace, %s", later->path,
				 problem);
	free(detail);
	return false;
}

/* Tablespaces that the WAL creates come to the directory that they had, whatever is mapped. */
static bool
check_later(const DataDirectory *target, const Manifest *base)
{
	const ManifestCluster *cluster = &base->cluster;
	size_t i;
	uint32_t j;

	for (i = 0; i < target->later->count; i++)
	{
		const LaterTablespace *later = &target->later->items[i];
		char *server;
		bool occupied;
		bool empty;

		if (later->path[0] == '\0')
			continue; /* it is in the data directory itself */
		for (j = 0; j < cluster->ntablespaces; j++)
		{
			const ManifestTablespace *tablespace = &cluster->tablespaces[j];
			const char *path = data_directory_of_tablespace(target, tablespace);

			if (strcmp(path, tablespace->path) == 0)
				continue;
			if (tablespace->oid == later->oid)
				return report_later(later, "cannot be mapped to another one");
			if (strcmp(path, later->path) == 0)
				return report_later(later, "is mapped to by another tablespace");
		}
		server = occupied_by(later->path);
		occupied = server != NULL;
		free(server);
		if (occupied)
			return report_later(later, "is in the data directory of a server");
		if (!is_empty(later->path, &empty))
			return false;
		if (!empty)
			return report_later(later, "is not empty");
	}
	return true;
}

/* Does a link lead out of the data directory? */
static bool
leads_outside(const FileMapEntry *entry)
{
	return entry->target[0] == '/' || !cluster_path_valid(entry->target);
}

static bool
check_link(const FileMapEntry *entry, void *argument)
{
	const Manifest *base = argument;

	return entry->type != MAP_LINK || !leads_outside(entry) || !cluster_is_of_server(entry->path) ||
		   report_error(
			   EXIT_INTEGRITY, NULL,
			   "Restore from another base backup.  In the server, move what the link leads "
			   "to into the data directory, or into a tablespace.",
			   "base backup %s lacks what the server keeps in \"%s\", which was a link to "
			   "\"%s\"",
			   base->id, entry->path, entry->target);
}

bool
data_directory_has_space(const char *path, uint64_t bytes)
{
	char *at = xstrdup(path);
	struct statvfs status;
	uint64_t free_bytes;
	char *slash;
	int result;

	while ((result = statvfs(at, &status)) != 0 && errno == ENOENT &&
		   (slash = strrchr(at, '/')) != NULL && slash != at)
		*slash = '\0';
	free(at);
	if (result != 0)
		return true;
	free_bytes = (uint64_t) status.f_bavail * status.f_frsize;
	return free_bytes >= bytes ||
		   report_error(
			   EXIT_FAILED, NULL, NULL,
			   "there is not enough space for \"%s\": %llu MB are needed, %llu MB are free", path,
			   (unsigned long long) (bytes >> 20), (unsigned long long) (free_bytes >> 20));
}

bool
data_directory_check(const DataDirectory *target, const Manifest *base, const BaseContent *content)
{
	if (target->path[0] != '/')
		return report_error(EXIT_USAGE, NULL, NULL, "--data-dir must be an absolute path");
	if (geteuid() == 0)
		return report_error(
			EXIT_USAGE, NULL,
			"Run it as the user that the server will run as, which may not be root.",
			"a cluster is not restored by root");
	/* With tablespaces nobody knows how much goes where. */
	return check_free(target->path, "A cluster is restored to a new directory only.  Stop the "
									"server if it is its own, and move the directory away.") &&
		   check_mappings(target, base) && check_tablespaces(target, base) &&
		   check_later(target, base) && base_content_each(content, check_link, (void *) base) &&
		   (base->cluster.ntablespaces > 0 ||
			data_directory_has_space(target->path, content->bytes));
}

/* ---- making ---- */

typedef struct Filling
{
	DataDirectory *target;
	Repository *repository;
	const Manifest *base;
	const BaseContent *content;
	_Atomic size_t next; /* of the writes */
} Filling;

static bool
report_file(const DataDirectory *target, const char *path, int error, const char *what)
{
	return report_error(EXIT_FAILED, NULL, NULL, "could not %s \"%s/%s\": %s", what, target->path,
						path, strerror(error));
}

static bool
make_directory(const char *path)
{
	char *parent;
	char *slash;

	if (mkdir(path, DIRECTORY_MODE) == 0 || errno == EEXIST)
		return true;
	if (errno != ENOENT)
		return report_path(path, errno, "create directory");
	parent = xstrdup(path);
	slash = strrchr(parent, '/');
	if (slash == NULL || slash == parent)
	{
		free(parent);
		return report_path(path, ENOENT, "create directory");
	}
	*slash = '\0';
	if (!make_directory(parent))
	{
		free(parent);
		return false;
	}
	free(parent);
	return mkdir(path, DIRECTORY_MODE) == 0 || report_path(path, errno, "create directory");
}

static const ManifestTablespace *
find_tablespace(const Manifest *base, const char *path)
{
	uint32_t i;

	for (i = 0; i < base->cluster.ntablespaces; i++)
	{
		char *expected = xasprintf("pg_tblspc/%u", base->cluster.tablespaces[i].oid);
		bool same = strcmp(expected, path) == 0;

		free(expected);
		if (same)
			return &base->cluster.tablespaces[i];
	}
	return NULL;
}

static bool
make_tablespace(const Filling *filling, const char *path)
{
	const ManifestTablespace *tablespace = find_tablespace(filling->base, path);
	const char *directory;

	if (tablespace == NULL)
		return report_error(EXIT_INTEGRITY, NULL, NULL,
							"a file map of base backup %s has a tablespace that its manifest does "
							"not have",
							filling->base->id);
	directory = data_directory_of_tablespace(filling->target, tablespace);
	return make_directory(directory) &&
		   (symlinkat(directory, filling->target->directory, path) == 0 ||
			report_file(filling->target, path, errno, "create link"));
}

/* pg_control has another name until the end. */
static const char *
present_name(const char *path)
{
	return strcmp(path, CONTROL_FILE) == 0 ? CONTROL_UNFINISHED : path;
}

static bool
make_file(const Filling *filling, const FileMapEntry *entry)
{
	const char *path = present_name(entry->path);
	int descriptor = openat(filling->target->directory, path,
							O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
							(mode_t) ((entry->mode & 0777) | 0600));

	if (descriptor < 0)
		return report_file(filling->target, path, errno, "create file");
	close(descriptor);
	return true;
}

/* Directories come before what is in them. */
static bool
make_entry(const FileMapEntry *entry, void *argument)
{
	const Filling *filling = argument;

	if (entry->type == MAP_DIRECTORY)
		return mkdirat(filling->target->directory, entry->path,
					   (mode_t) ((entry->mode & 0777) | DIRECTORY_MODE)) == 0 ||
			   report_file(filling->target, entry->path, errno, "create directory");
	if (entry->type == MAP_TABLESPACE)
		return make_tablespace(filling, entry->path);
	return entry->type != MAP_FILE || make_file(filling, entry);
}

static bool
make_link(const FileMapEntry *entry, void *argument)
{
	const Filling *filling = argument;

	if (entry->type != MAP_LINK)
		return true;
	if (leads_outside(entry))
	{
		if (!filling->target->thrown_away)
			log_warning_hint(
				"It may be used by the server that was backed up.  Make the link, if this "
				"one needs it and has that to itself.",
				"link \"%s\" to \"%s\" was left out", entry->path, entry->target);
		return true;
	}
	return symlinkat(entry->target, filling->target->directory, entry->path) == 0 ||
		   report_file(filling->target, entry->path, errno, "create link");
}

/* The server creates links to them, no directories. */
static bool
make_later(const DataDirectory *target)
{
	size_t i;

	for (i = 0; i < target->later->count; i++)
	{
		const char *path = target->later->items[i].path;

		if (path[0] != '\0' && !make_directory(path))
			return false;
	}
	return true;
}

/* ---- content ---- */

/* A thread, and the file that it has open. */
typedef struct Writer
{
	Filling *filling;
	MemberReader reader;
	Buffer content; /* of an object */
	const FileMapEntry *file;
	int descriptor; /* -1: none */
} Writer;

static bool
open_file(Writer *writer, const FileMapEntry *file)
{
	const DataDirectory *target = writer->filling->target;

	if (writer->descriptor >= 0 && writer->file == file)
		return true;
	if (writer->descriptor >= 0)
		close(writer->descriptor);
	writer->file = file;
	writer->descriptor =
		openat(target->directory, present_name(file->path), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	return writer->descriptor >= 0 || report_file(target, file->path, errno, "open file");
}

static bool
write_part(Writer *writer, const BaseWrite *write)
{
	const char *data = writer->content.data + write->offset;
	size_t done = 0;

	if (!open_file(writer, write->file))
		return false;
	while (done < write->bytes)
	{
		ssize_t written = pwrite(writer->descriptor, data + done, write->bytes - done,
								 (off_t) (write->at + done));

		if (written < 0 && errno != EINTR)
			return report_file(writer->filling->target, write->file->path, errno, "write file");
		if (written > 0)
			done += (size_t) written;
	}
	atomic_fetch_add(&progress.raw_bytes, write->bytes);
	atomic_fetch_add(&progress.weight_done, write->bytes);
	return true;
}

/* All that an object holds. */
static bool
read_object(Writer *writer, uint32_t object)
{
	const Manifest *base = writer->filling->base;
	uint32_t low = 0;
	uint32_t high = base->nmembers;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (base->members[middle].object < object)
			low = middle + 1;
		else
			high = middle;
	}
	buffer_reset(&writer->content);
	for (; low < base->nmembers && base->members[low].object == object; low++)
	{
		if (!member_reader_read(&writer->reader, &base->members[low]))
			return false;
		buffer_append(&writer->content, writer->reader.raw.data, writer->reader.raw.length);
	}
	return true;
}

/* The writes of the next object; false if there are none left. */
static bool
claim(Filling *filling, size_t *first, size_t *end)
{
	const BaseContent *content = filling->content;
	size_t begin = atomic_load(&filling->next);
	size_t behind;

	do
	{
		if (begin >= content->nwrites)
			return false;
		behind = begin + 1;
		while (behind < content->nwrites &&
			   content->writes[behind].object == content->writes[begin].object)
			behind++;
	} while (!atomic_compare_exchange_weak(&filling->next, &begin, behind));
	*first = begin;
	*end = behind;
	return true;
}

static void *
write_objects(void *argument)
{
	Filling *filling = argument;
	Writer writer = {.filling = filling, .descriptor = -1};
	bool good = member_reader_open(&writer.reader, filling->repository, filling->base);
	size_t first;
	size_t end;

	writer.reader.whole = true;
	buffer_init(&writer.content);
	while (good && !stop_requested() && claim(filling, &first, &end))
	{
		good = read_object(&writer, filling->content->writes[first].object);
		for (; good && first < end; first++)
			good = write_part(&writer, &filling->content->writes[first]);
		atomic_fetch_add(&progress.units_done, 1);
	}
	if (!good)
		stop_request();
	if (writer.descriptor >= 0)
		close(writer.descriptor);
	buffer_free(&writer.content);
	member_reader_close(&writer.reader);
	return NULL;
}

static bool
run_threads(Filling *filling, int threads)
{
	pthread_t ids[MAX_THREADS];
	int started = 0;
	int error = 0;
	int i;

	while (started < threads && started < MAX_THREADS && error == 0)
	{
		error = pthread_create(&ids[started], NULL, write_objects, filling);
		started += error == 0;
	}
	for (i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	if (started == 0)
		return report_error(EXIT_FAILED, strerror(error), NULL, "could not start a thread");
	return !stop_requested();
}

bool
data_directory_fill(DataDirectory *target, Repository *repository, const Manifest *base,
					const BaseContent *content, int threads)
{
	Filling filling = {target, repository, base, content, 0};

	if (!make_directory(target->path))
		return false;
	target->directory = open(target->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->directory < 0)
		return report_path(target->path, errno, "open directory");
	target->made = true;
	if (fchmod(target->directory, DIRECTORY_MODE) != 0)
		return report_path(target->path, errno, "set the mode of directory");
	progress_phase("restoring files", "objects", base->nobjects, content->bytes);
	return base_content_each(content, make_entry, &filling) && run_threads(&filling, threads) &&
		   make_later(target) && base_content_each(content, make_link, &filling);
}

bool
data_directory_write(const DataDirectory *target, const char *name, const char *text, size_t length,
					 bool append)
{
	int descriptor =
		openat(target->directory, name,
			   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (append ? O_APPEND : O_EXCL), 0600);
	ssize_t written = descriptor >= 0 ? write(descriptor, text, length) : -1;
	int error = errno;

	if (descriptor >= 0)
		close(descriptor);
	return written == (ssize_t) length ||
		   report_file(target, name, written < 0 ? error : ENOSPC, "write file");
}

bool
data_directory_read(const DataDirectory *target, const char *name, Buffer *text)
{
	int descriptor = openat(target->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char part[8192];
	ssize_t length = -1;

	while (descriptor >= 0 && (length = read(descriptor, part, sizeof(part))) > 0)
		buffer_append(text, part, (size_t) length);
	if (descriptor >= 0)
		close(descriptor);
	buffer_append_char(text, '\0');
	return length == 0;
}

/* A file system may be another one for each tablespace. */
static bool
sync_directory(const char *path)
{
	int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = descriptor >= 0 && syncfs(descriptor) == 0;
	int error = errno;

	if (descriptor >= 0)
		close(descriptor);
	return good || report_path(path, error, "fsync the file system of");
}

/* Is a tablespace among the files?  One that was dropped during the backup need not be. */
static bool
has_tablespace(const DataDirectory *target, uint32_t oid)
{
	char *path = xasprintf("pg_tblspc/%u", oid);
	struct stat status;
	bool there = fstatat(target->directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;

	free(path);
	return there;
}

static bool
make_durable(const DataDirectory *target, const Manifest *base)
{
	uint32_t i;

	progress_phase("making the files durable", "", 0, 0);
	for (i = 0; i < base->cluster.ntablespaces; i++)
	{
		const ManifestTablespace *tablespace = &base->cluster.tablespaces[i];

		if (has_tablespace(target, tablespace->oid) &&
			!sync_directory(data_directory_of_tablespace(target, tablespace)))
			return false;
	}
	return sync_directory(target->path);
}

bool
data_directory_finish(DataDirectory *target, const Manifest *base)
{
	if (!target->thrown_away && !make_durable(target, base))
		return false;
	if (renameat(target->directory, CONTROL_UNFINISHED, target->directory, CONTROL_FILE) != 0)
		return report_file(target, CONTROL_FILE, errno, "rename file");
	return target->thrown_away || sync_directory(target->path);
}

void
data_directory_close(DataDirectory *target)
{
	if (target->directory >= 0)
		close(target->directory);
	target->directory = -1;
}
