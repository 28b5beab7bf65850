/*-------------------------------------------------------------------------
 *
 * base_archive.c
 *	  Is the WAL that a base backup needs in the archive?
 *
 * The server can wait for its archiver itself, but not say what it waits for,
 * and it does not know which archive that is.  The names in this one do: that of
 * a stored segment says what is in it, too.  Another server may have stored its
 * own under the same name, as one of two copies, or this one before it was set
 * back; then this one's archiver does not get on.  It stores them in order, so
 * the last segment tells of them all.
 *
 *-------------------------------------------------------------------------
 */
#include "base_archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "wal_load.h"
#include "wal_pack.h"
#include "wal_system.h"

#define LOOK_AGAIN_MILLISECONDS 500
#define SAY_AFTER_SECONDS 10

#define WAIT_HINT                                                                                  \
	"The server's log has the reason if its archive_command fails; it must store WAL in this "     \
	"repository: nex_backup wal push %p.  Nothing was published; another backup finds the files "  \
	"that were stored."

#define OTHER_HINT                                                                                 \
	"Another server of this system identifier archives there, or this one did before pg_resetwal " \
	"or before its files were set back. The server's log, or \"nex_backup wal push\", says more. " \
	"Nothing was published."

static uint64_t
system_of(const Manifest *manifest)
{
	return strtoull(manifest->database.name, NULL, 16);
}

bool
base_archive_check(const BaseServer *server, Repository *repository, const Manifest *manifest)
{
	WalSystem system;
	StoreResult result;
	char *archiver;
	bool elsewhere;

	if (wal_system_open(repository, system_of(manifest), &system, &result))
		return system.segment_size == manifest->cluster.segment_size ||
			   report_error(EXIT_FAILED, NULL, NULL,
							"the WAL of this server in repository \"%s\" has segments of another "
							"size",
							repository->storage->location);
	if (result.code != STORE_ABSENT)
		return false;
	archiver = base_server_archiver(server);
	elsewhere = server->archived > 0 || archiver != NULL;
	if (elsewhere)
		report_error(EXIT_FAILED, archiver,
					 "Its archive_command is to be 'nex_backup wal push %p', with the --repo of "
					 "this repository.  If it is, since a moment ago, call pg_switch_wal() first.",
					 "the server archives its WAL, but there is none of it in repository \"%s\"",
					 repository->storage->location);
	else
		log_info("no WAL of this server is archived yet");
	free(archiver);
	return !elsewhere;
}

/* How often a directory of the archive has a segment, with different contents. */
static int
count_of(const WalListing *listing, const char *name)
{
	const char *content = NULL;
	int count = 0;
	size_t i;

	for (i = 0; i < listing->count; i++)
	{
		const WalFile *file = &listing->files[i];

		if (file->name.kind != WAL_SEGMENT || strcmp(file->name.text, name) != 0 ||
			(content != NULL && strcmp(content, file->content) == 0))
			continue;
		content = file->content;
		count++;
	}
	return count;
}

/*
 * What the archive must have under the name of the last segment, which the server has just closed.
 * One that is gone already was archived before; then *content is "".
 */
static bool
read_last(const BaseServer *server, const Repository *repository, const Manifest *manifest,
		  WalContent content)
{
	const ManifestCluster *cluster = &manifest->cluster;
	WalLoaded loaded;
	WalName name;
	char *path;
	bool good = true;

	content[0] = '\0';
	wal_segment_name(cluster->timeline, (cluster->stop - 1) / cluster->segment_size,
					 cluster->segment_size, &name);
	path = xasprintf("%s/pg_wal/%s", server->data_directory, name.text);
	if (access(path, F_OK) == 0)
	{
		good = wal_load(path, system_of(manifest), &loaded) &&
			   wal_name_content(repository, loaded.data.data, loaded.data.length,
								loaded.record.sha256, content);
		wal_loaded_free(&loaded);
	}
	free(path);
	return good;
}

/* Is a segment that is there this server's? */
static bool
check_content(const WalSystem *system, const WalListing *listing, const WalName *name,
			  const WalContent content)
{
	size_t i;

	for (i = 0; i < listing->count && content[0] != '\0'; i++)
	{
		const WalFile *file = &listing->files[i];

		if (file->name.kind == WAL_SEGMENT && strcmp(file->name.text, name->text) == 0 &&
			strcmp(file->content, content) != 0)
			return report_error(EXIT_INTEGRITY, NULL, OTHER_HINT,
								"repository \"%s\" has another segment \"%s\" than this server",
								system->repository->storage->location, name->text);
	}
	return true;
}

/* The first segment that is not there, from *number to `last`; false (reported) on failure. */
static bool
find_missing(const WalSystem *system, uint32_t timeline, uint64_t last, const WalContent content,
			 uint64_t *number)
{
	WalListing listing = {0};
	uint32_t listed = 0;
	bool any = false;
	bool good = true;

	while (good && *number <= last)
	{
		WalName name;
		int count;

		wal_segment_name(timeline, *number, system->segment_size, &name);
		if (!any || name.log != listed)
		{
			char *below = xasprintf("%08" PRIX32 "/%08" PRIX32, name.timeline, name.log);
			StoreResult result;

			wal_listing_free(&listing);
			result = wal_list(system, below, &listing);
			good = result.code == STORE_OK || wal_list_failed(system, &result);
			free(below);
			any = true;
			listed = name.log;
		}
		count = good ? count_of(&listing, name.text) : 0;
		if (count > 1)
			good = report_error(EXIT_INTEGRITY, NULL,
								"Two servers wrote it; \"nex_backup wal list\" shows more.",
								"repository \"%s\" has two different files \"%s\"",
								system->repository->storage->location, name.text);
		if (good && count == 1 && *number == last)
			good = check_content(system, &listing, &name, content);
		if (count != 1)
			break;
		(*number)++;
	}
	wal_listing_free(&listing);
	return good;
}

/*
 * Whoever stores a segment stores the history of its timeline before it, if the server has it.
 * Without one a recovery does not begin.
 */
static bool
check_history(const WalSystem *system, uint32_t timeline)
{
	WalListing listing = {0};
	StoreResult result;
	bool there = false;
	bool good;
	size_t i;

	if (timeline == 1)
		return true;
	result = wal_list(system, WAL_HISTORY_DIRECTORY, &listing);
	good = result.code == STORE_OK || wal_list_failed(system, &result);
	for (i = 0; i < listing.count; i++)
		there = there || (listing.files[i].name.kind == WAL_HISTORY &&
						  listing.files[i].name.timeline == timeline);
	wal_listing_free(&listing);
	return good &&
		   (there ||
			report_error(EXIT_FAILED, NULL,
						 "Put that file back into pg_wal: another server of this timeline "
						 "or another archive has it.  The next backup then stores it, too.",
						 "the history of timeline %u is neither in repository \"%s\" nor in "
						 "the server's pg_wal (\"%08" PRIX32 ".history\")",
						 timeline, system->repository->storage->location, timeline));
}

static bool
report_late(const BaseServer *server, const Repository *repository, const Manifest *manifest,
			uint64_t number, int seconds)
{
	char *archiver = base_server_archiver(server);
	WalName name;

	wal_segment_name(manifest->cluster.timeline, number, manifest->cluster.segment_size, &name);
	report_error(EXIT_FAILED, archiver, WAIT_HINT,
				 "segment %s, which the backup needs, was not archived to repository \"%s\" within "
				 "%d seconds",
				 name.text, repository->storage->location, seconds);
	free(archiver);
	return false;
}

static void
say_waiting(const Manifest *manifest, uint64_t number)
{
	WalName name;

	wal_segment_name(manifest->cluster.timeline, number, manifest->cluster.segment_size, &name);
	log_info("waiting for the server to archive segment %s", name.text);
}

bool
base_archive_wait(const BaseServer *server, Repository *repository, const Manifest *manifest,
				  int seconds)
{
	const ManifestCluster *cluster = &manifest->cluster;
	const struct timespec pause = {0, LOOK_AGAIN_MILLISECONDS * 1000000L};
	uint64_t number = cluster->start / cluster->segment_size;
	uint64_t last = (cluster->stop - 1) / cluster->segment_size;
	double began = monotonic_seconds();
	bool said = false;
	WalSystem system = {0};
	WalContent content;

	if (!read_last(server, repository, manifest, content))
		return false;
	progress_phase("waiting for the WAL to be archived", "segments", last - number + 1, 0);
	while (!stop_requested())
	{
		uint64_t before = number;
		StoreResult result;

		if (wal_system_open(repository, system_of(manifest), &system, &result))
		{
			if (!find_missing(&system, cluster->timeline, last, content, &number))
				return false;
		}
		else if (result.code != STORE_ABSENT)
			return false;
		atomic_fetch_add(&progress.units_done, number - before);
		if (number > last)
			return check_history(&system, cluster->timeline);
		if (monotonic_seconds() - began > seconds)
			return report_late(server, repository, manifest, number, seconds);
		if (!said && monotonic_seconds() - began > SAY_AFTER_SECONDS)
		{
			say_waiting(manifest, number);
			said = true;
		}
		nanosleep(&pause, NULL);
	}
	return false;
}
