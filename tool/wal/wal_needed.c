/*-------------------------------------------------------------------------
 *
 * wal_needed.c
 *	  The WAL of the time of a base backup.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_needed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "wal_pack.h"

/* So many bad files are enough; what a manifest says of its WAL may be a lie. */
#define MAX_BAD 100

typedef struct WalNeeded
{
	const Manifest *manifest;
	WalSystem system;
	bool read;
	WalListing listing; /* of one directory */
	VerifyReport *report;
} WalNeeded;

/* It is not known whether the file is good. */
static void
note_unreadable(WalNeeded *needed, const char *path, const char *problem, const char *hint)
{
	char *label = manifest_label(needed->manifest);

	if (needed->report->nunreadable++ == 0)
		report_error(EXIT_FAILED, "Nothing is known to be damaged.", hint,
					 "file \"%s\", which base backup \"%s\" needs, %s", path, label, problem);
	free(label);
}

/* Read one that is there. */
static void
check_file(WalNeeded *needed, const char *directory, const WalFile *file)
{
	char *name = wal_file_name(file);
	char *path = xasprintf("%s/%s", directory, name);
	char *problem;
	const char *hint;
	Buffer stored;
	WalVerdict verdict;

	buffer_init(&stored);
	verdict =
		wal_check_stored(needed->system.repository, directory, file, &stored, &problem, &hint);
	if (verdict == WAL_DAMAGED)
		verify_report_bad(needed->report, path, problem);
	else if (verdict == WAL_UNREADABLE)
		note_unreadable(needed, path, problem, hint);
	free(problem);
	buffer_free(&stored);
	free(path);
	free(name);
}

/* A file may be stored twice, with the same content; with another one it is not known which. */
static void
check_name(WalNeeded *needed, const WalName *name)
{
	char *directory = wal_directory(needed->system.id, name);
	const char *content = NULL;
	const char *problem = NULL;
	size_t i;

	for (i = 0; i < needed->listing.count && problem == NULL; i++)
	{
		const WalFile *file = &needed->listing.files[i];

		if (strcmp(file->name.text, name->text) != 0)
			continue;
		if (content != NULL && strcmp(content, file->content) != 0)
			problem = "is there twice, with different contents";
		else if (needed->read)
			check_file(needed, directory, file);
		content = file->content;
	}
	if (content == NULL)
		problem = "is missing";
	if (problem != NULL)
	{
		char *path = xasprintf("%s/%s", directory, name->text);

		verify_report_bad(needed->report, path, problem);
		free(path);
	}
	free(directory);
}

/* List a directory in the place of the one before; false: reported. */
static bool
list(WalNeeded *needed, const char *below)
{
	StoreResult result;

	wal_listing_free(&needed->listing);
	result = wal_list(&needed->system, below, &needed->listing);
	return result.code == STORE_OK || wal_list_failed(&needed->system, &result);
}

/* On a later timeline than the first, no recovery begins without its history. */
static bool
check_history(WalNeeded *needed)
{
	uint32_t timeline = needed->manifest->cluster.timeline;
	char text[WAL_NAME_SIZE];
	WalName name;
	bool good = timeline == 1 || list(needed, WAL_HISTORY_DIRECTORY);

	snprintf(text, sizeof(text), "%08" PRIX32 ".history", timeline);
	if (good && timeline > 1 && wal_name_parse(text, &name))
		check_name(needed, &name);
	wal_listing_free(&needed->listing);
	return good;
}

/* All segments, directory by directory.  False (reported) if one cannot be listed. */
static bool
check_segments(WalNeeded *needed)
{
	const ManifestCluster *cluster = &needed->manifest->cluster;
	uint64_t first = cluster->start / cluster->segment_size;
	uint64_t last = (cluster->stop - 1) / cluster->segment_size;
	int most = needed->report->nbad + MAX_BAD;
	uint32_t listed = 0;
	bool good = true;
	uint64_t number;

	for (number = first; good && number <= last && needed->report->nbad < most && !stop_requested();
		 number++)
	{
		WalName name;

		wal_segment_name(cluster->timeline, number, cluster->segment_size, &name);
		if (number == first || name.log != listed)
		{
			char *below = xasprintf("%08" PRIX32 "/%08" PRIX32, name.timeline, name.log);

			good = list(needed, below);
			listed = name.log;
			free(below);
		}
		if (good)
			check_name(needed, &name);
	}
	wal_listing_free(&needed->listing);
	return good;
}

/* There is no cluster.json.  Is there anything of this server? */
static WalPlace
without_system_file(WalNeeded *needed)
{
	StoreResult result = wal_list(&needed->system, "", &needed->listing);
	WalPlace place = WAL_ELSEWHERE;

	if (result.code != STORE_OK)
	{
		wal_list_failed(&needed->system, &result);
		place = WAL_UNKNOWN;
	}
	else if (needed->listing.count + needed->listing.nunknown > 0)
	{
		char *directory = wal_system_path(needed->system.id);
		char *path = xasprintf("%s/" WAL_SYSTEM_FILE, directory);

		verify_report_bad(needed->report, path, "is missing");
		free(path);
		free(directory);
		place = WAL_HERE;
	}
	wal_listing_free(&needed->listing);
	return place;
}

WalPlace
wal_needed_check(Repository *repository, const Manifest *manifest, bool read, VerifyReport *report)
{
	uint64_t id = strtoull(manifest->database.name, NULL, 16);
	WalNeeded needed = {.manifest = manifest, .read = read, .report = report};
	WalPlace place = WAL_HERE;
	StoreResult result;

	if (!wal_system_open(repository, id, &needed.system, &result))
		place = result.code == STORE_ABSENT ? without_system_file(&needed) : WAL_UNKNOWN;
	else if (!check_segments(&needed) || !check_history(&needed))
		place = WAL_UNKNOWN;
	report->nunreadable += place == WAL_UNKNOWN;
	return place;
}
