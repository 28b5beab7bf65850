/*-------------------------------------------------------------------------
 *
 * wal_end.c
 *	  Where an archive of WAL ends.
 *
 * Only as much is listed as the proof needs: a standby that waits for WAL
 * asks every few seconds.  What cannot be understood proves nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_end.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "wal_history.h"
#include "wal_pack.h"

#define LOOK_AGAIN_SECONDS 1

/* What is asked, and what comes after it. */
typedef struct Look
{
	const WalSystem *system;
	const WalName *name;
	char *later;
} Look;

/* Names of eight digits in a directory: timelines, or the upper halves of LSNs. */
typedef struct Numbers
{
	uint32_t *items;
	size_t count;
	bool histories; /* there is a directory of history files */
	char *unknown;  /* the first name that is not understood */
} Numbers;

static bool
visit_number(const char *name, void *argument)
{
	Numbers *numbers = argument;
	size_t length = strlen(name);
	bool is_number = length == 9 && name[8] == '/' && strspn(name, "0123456789ABCDEF") == 8;

	if (is_number)
	{
		numbers->items = xrealloc(numbers->items, (numbers->count + 1) * sizeof(*numbers->items));
		numbers->items[numbers->count++] = (uint32_t) strtoul(name, NULL, 16);
	}
	else if (strcmp(name, WAL_HISTORY_DIRECTORY "/") == 0)
		numbers->histories = true;
	else if (numbers->unknown == NULL && strcmp(name, WAL_SYSTEM_FILE) != 0 &&
			 strcmp(name, "lost+found/") != 0 && strncmp(name, ".nfs", 4) != 0 &&
			 (length <= 4 || strcmp(name + length - 4, ".tmp") != 0))
		numbers->unknown = xstrdup(name);
	return true;
}

static void
numbers_free(Numbers *numbers)
{
	free(numbers->items);
	free(numbers->unknown);
}

/* What is not understood may be, or hide, what comes after. */
static bool
report_unknown(const WalSystem *system, const char *path)
{
	return report_error(EXIT_FAILED, NULL, "Move it to another place, outside the repository.",
						"\"%s/%s\" is not what nex_backup keeps there, so the end of the WAL is "
						"not known",
						system->repository->storage->location, path);
}

static bool
list_numbers(const WalSystem *system, const char *directory, Numbers *numbers)
{
	Storage *storage = system->repository->storage;
	char *top = wal_system_path(system->id);
	char *path = directory[0] != '\0' ? xasprintf("%s/%s", top, directory) : xstrdup(top);
	StoreResult result;
	bool good = true;

	memset(numbers, 0, sizeof(*numbers));
	result = storage->list(storage, path, visit_number, numbers);
	/* A directory that is absent was seen a moment ago, too. */
	if (result.code != STORE_OK)
		good = wal_list_failed(system, &result);
	else if (numbers->unknown != NULL)
	{
		char *unknown = xasprintf("%s/%s", path, numbers->unknown);

		good = report_unknown(system, unknown);
		free(unknown);
	}
	free(path);
	free(top);
	return good;
}

/*
 * A directory is made with its first file, so one in which nothing lies has lost it, as a disk
 * that is not mounted has.  Between the two there is a moment, in which it is looked at again.
 */
static bool
report_nothing_in(const WalSystem *system, const char *directory)
{
	return report_error(EXIT_FAILED, NULL,
						"If a disk belongs there, mount it; otherwise remove the empty directory, "
						"and push what pg_wal still has of it.",
						"directory \"%s/" WAL_TREE "/%016" PRIx64
						"/%s\" is empty, where WAL was, so the end of the WAL is not known",
						system->repository->storage->location, system->id, directory);
}

/* List a directory that was seen a moment ago, with nothing unknown in it. */
static bool
list_understood(const WalSystem *system, const char *directory, WalListing *listing)
{
	StoreResult result = wal_list(system, directory, listing);

	if (result.code == STORE_OK && listing->absent)
		result = store_failure(STORE_ABSENT, NULL, "a directory has vanished meanwhile");
	if (result.code != STORE_OK)
		return wal_list_failed(system, &result);
	return listing->nunknown == 0 || report_unknown(system, listing->unknown[0]);
}

static bool
has_number(const Numbers *numbers, uint32_t number)
{
	size_t i;

	for (i = 0; i < numbers->count; i++)
	{
		if (numbers->items[i] == number)
			return true;
	}
	return false;
}

/* Has a timeline its history there? */
static bool
has_history(const WalListing *histories, uint32_t timeline)
{
	size_t i;

	for (i = 0; i < histories->count; i++)
	{
		if (histories->files[i].name.kind == WAL_HISTORY &&
			histories->files[i].name.timeline == timeline)
			return true;
	}
	return false;
}

/* Always false. */
static bool
found_later(Look *look, const char *later)
{
	look->later = xstrdup(later);
	return false;
}

/* Nothing behind the segment in one directory: false (reported) otherwise. */
static bool
nothing_later_in(Look *look, uint32_t log)
{
	const WalName *name = look->name;
	char *directory = xasprintf("%08" PRIX32 "/%08" PRIX32, name->timeline, log);
	WalListing listing = {0};
	bool begins = log == name->log && name->segment == 0;
	bool good = list_understood(look->system, directory, &listing);
	size_t i;

	if (good && listing.count == 0 && !listing.unfinished && !begins)
	{
		sleep(LOOK_AGAIN_SECONDS);
		wal_listing_free(&listing);
		good = list_understood(look->system, directory, &listing);
	}
	for (i = 0; good && i < listing.count; i++)
	{
		const WalName *other = &listing.files[i].name;
		int order = wal_segment_compare(other, name);

		/* It may have come by now itself. */
		if (order > 0 || (order == 0 && other->kind == WAL_SEGMENT))
			good = found_later(look, other->text);
	}
	/* Nothing was lost of what its first segment begins. */
	if (good && listing.count == 0 && !listing.unfinished && !begins)
		good = report_nothing_in(look->system, directory);
	wal_listing_free(&listing);
	free(directory);
	return good;
}

/*
 * The same on its whole timeline.  One of which nothing is there began at least,
 * as its history says, or is not known.
 */
static bool
nothing_later(Look *look, const Numbers *timelines, const WalListing *histories)
{
	const WalSystem *system = look->system;
	uint32_t timeline = look->name->timeline;
	char *directory = xasprintf("%08" PRIX32, timeline);
	Numbers logs = {0};
	bool good = true;
	size_t i;

	if (has_number(timelines, timeline))
	{
		good = list_numbers(system, directory, &logs);
		if (good && logs.count == 0)
		{
			sleep(LOOK_AGAIN_SECONDS);
			numbers_free(&logs);
			good = list_numbers(system, directory, &logs) &&
				   (logs.count > 0 || report_nothing_in(system, directory));
		}
	}
	else if (!has_history(histories, timeline))
		good = report_error(EXIT_FAILED, NULL,
							"\"nex_backup wal list\" shows what is there. If a disk belongs below "
							"\"" WAL_TREE "\", mount it.",
							"repository \"%s\" has nothing of timeline %" PRIu32
							", so its end is not known",
							system->repository->storage->location, timeline);
	for (i = 0; good && i < logs.count; i++)
		good = logs.items[i] < look->name->log || nothing_later_in(look, logs.items[i]);
	numbers_free(&logs);
	free(directory);
	return good;
}

/* Was the segment's timeline left behind it by the one of this history? */
static bool
check_history(Look *look, const WalFile *file)
{
	const WalSystem *system = look->system;
	const WalName *name = look->name;
	char *directory = wal_directory(system->id, &file->name);
	WalHistory history = {0};
	WalContentRead content;
	uint64_t number = 0;
	uint64_t end;
	bool good = wal_unpack(system->repository, system->id, directory, file, &content) == WAL_GOOD;
	const char *problem = content.problem;

	if (good)
		problem = wal_history_parse(content.data.data, content.data.length, file->name.timeline,
									&history);
	if (problem != NULL)
		good = report_error(EXIT_INTEGRITY, NULL, content.hint,
							"history file \"%s\" in repository \"%s\" %s, so the end of timeline "
							"%" PRIu32 " is not known",
							file->name.text, system->repository->storage->location, problem,
							name->timeline);
	else if (!wal_segment_number(name, system->segment_size, &number))
		good = report_error(EXIT_USAGE, NULL, NULL, "there is no segment \"%s\"", name->text);
	else if (wal_history_find(&history, name->timeline, &end) &&
			 number < end / system->segment_size)
		good = found_later(look, file->name.text);
	wal_history_free(&history);
	wal_content_free(&content);
	free(directory);
	return good;
}

/* A base backup that began in the segment, or behind it, says that the server had it. */
static bool
no_backup_needs(Look *look, const WalListing *histories)
{
	const WalName *name = look->name;
	bool good = true;
	size_t i;

	for (i = 0; good && i < histories->count; i++)
	{
		const WalName *label = &histories->files[i].name;

		if (label->kind == WAL_BACKUP_LABEL && label->timeline == name->timeline &&
			wal_segment_compare(label, name) >= 0)
			good = found_later(look, label->text);
	}
	return good;
}

/* No timeline that began behind the segment says that there must be one. */
static bool
no_descendant_needs(Look *look, const Numbers *timelines, const WalListing *histories)
{
	const WalSystem *system = look->system;
	const WalName *name = look->name;
	bool good = true;
	size_t i;

	for (i = 0; good && i < timelines->count; i++)
	{
		uint32_t timeline = timelines->items[i];

		if (timeline > name->timeline && !has_history(histories, timeline))
			good = report_error(EXIT_INTEGRITY, NULL,
								"Push it: it is in pg_wal of the servers of that timeline.",
								"file \"%08" PRIX32 ".history\" is missing from repository \"%s\", "
								"so the end of timeline %" PRIu32 " is not known",
								timeline, system->repository->storage->location, name->timeline);
	}
	for (i = 0; good && i < histories->count; i++)
	{
		const WalFile *file = &histories->files[i];

		if (file->name.kind == WAL_HISTORY && file->name.timeline > name->timeline)
			good = check_history(look, file);
	}
	return good;
}

/*
 * The server looks for timelines one by one, and takes the first number that has
 * no history for the end of them.
 */
static bool
no_later_timeline(Look *look, const Numbers *timelines, const WalListing *histories)
{
	const WalName *name = look->name;
	char later[64];
	size_t i;

	for (i = 0; i < timelines->count; i++)
	{
		if (timelines->items[i] >= name->timeline)
		{
			snprintf(later, sizeof(later), "timeline %" PRIu32, timelines->items[i]);
			return found_later(look, later);
		}
	}
	for (i = 0; i < histories->count; i++)
	{
		if (histories->files[i].name.kind == WAL_HISTORY &&
			histories->files[i].name.timeline > name->timeline)
			return found_later(look, histories->files[i].name.text);
	}
	return true;
}

WalEnd
wal_end_look(const WalSystem *system, const WalName *name, char **later)
{
	Look look = {system, name, NULL};
	Numbers timelines;
	WalListing histories = {0};
	bool good =
		list_numbers(system, "", &timelines) &&
		(!timelines.histories || list_understood(system, WAL_HISTORY_DIRECTORY, &histories));

	if (good && name->kind == WAL_HISTORY)
		good = no_later_timeline(&look, &timelines, &histories);
	else if (good)
		good = nothing_later(&look, &timelines, &histories) && no_backup_needs(&look, &histories) &&
			   no_descendant_needs(&look, &timelines, &histories);
	wal_listing_free(&histories);
	numbers_free(&timelines);
	*later = look.later;
	return look.later != NULL ? WAL_END_GAP : good ? WAL_END_BEYOND : WAL_END_UNKNOWN;
}
