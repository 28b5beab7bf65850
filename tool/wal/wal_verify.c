/*-------------------------------------------------------------------------
 *
 * wal_verify.c
 *	  Is the WAL in the archive as it was pushed?
 *
 *-------------------------------------------------------------------------
 */
#include "wal_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "memory.h"
#include "primitives.h"
#include "wal_pack.h"

/* Takes over the problem. */
static void
note_bad(WalVerified *verified, const char *directory, const WalFile *file, char *problem,
		 bool unreadable)
{
	char *name = wal_file_name(file);

	verified->bad = xrealloc(verified->bad, (verified->nbad + 1) * sizeof(WalBad));
	verified->bad[verified->nbad++] =
		(WalBad){xasprintf("%s/%s", directory, name), problem, unreadable};
	verified->nunreadable += unreadable;
	free(name);
}

/* The segment before, of the same timeline; NULL if it is not there. */
static const WalFile *
find_before(const WalInventory *inventory, const WalFile *file)
{
	const WalListing *listing = &inventory->listing;
	uint32_t size = inventory->system.segment_size;
	size_t i = (size_t) (file - listing->files);
	uint64_t number;
	uint64_t other;

	if (!wal_segment_number(&file->name, size, &number))
		return NULL;
	/* They are sorted, and only others of the same name lie between. */
	while (i-- > 0)
	{
		const WalFile *before = &listing->files[i];

		if (before->name.timeline != file->name.timeline)
			return NULL;
		if (before->name.kind != WAL_SEGMENT || !wal_segment_number(&before->name, size, &other) ||
			other >= number)
			continue;
		return other == number - 1 ? before : NULL;
	}
	return NULL;
}

/* Is nothing of its timeline before it?  That may have been removed, as by expire. */
static bool
is_first(const WalInventory *inventory, const WalFile *file)
{
	const WalListing *listing = &inventory->listing;
	size_t i = (size_t) (file - listing->files);

	while (i-- > 0)
	{
		const WalName *before = &listing->files[i].name;

		if (before->timeline != file->name.timeline)
			return true;
		if (before->kind == WAL_SEGMENT && strcmp(before->text, file->name.text) != 0)
			return false;
	}
	return true;
}

/* Does it follow what was there when it was pushed? */
static char *
chain_problem(const WalInventory *inventory, const WalFile *file, const WalRecord *record)
{
	const WalFile *before;

	if (file->name.kind != WAL_SEGMENT || record->previous[0] == '\0')
		return NULL;
	before = find_before(inventory, file);
	if (before == NULL && is_first(inventory, file))
		return NULL;
	if (before == NULL)
		return xstrdup("follows a segment that is gone");
	if (strcmp(before->content, record->previous) != 0)
		return xstrdup("follows another segment than the one that is there");
	return NULL;
}

static void
verify_file(const WalInventory *inventory, const WalFile *file, bool inside, WalVerified *verified)
{
	const WalSystem *system = &inventory->system;
	char *directory = wal_directory(system->id, &file->name);
	WalContentRead content;
	WalVerdict verdict;
	const char *hint;
	Buffer stored;

	verified->read++;
	verified->bytes += file->bytes;
	memset(&content, 0, sizeof(content));
	buffer_init(&stored);
	if (!inside)
		verdict =
			wal_check_stored(system->repository, directory, file, &stored, &content.problem, &hint);
	else
	{
		verdict = wal_unpack(system->repository, system->id, directory, file, &content);
		if (verdict == WAL_GOOD)
			content.problem = chain_problem(inventory, file, &content.record);
	}
	if (content.problem != NULL)
		note_bad(verified, directory, file, xstrdup(content.problem), verdict == WAL_UNREADABLE);
	wal_content_free(&content);
	buffer_free(&stored);
	free(directory);
}

/* One in a hundred, or more. */
static bool
is_picked(int percent)
{
	uint32_t number;

	return random_bytes(&number, sizeof(number)) && number % 100 < (uint32_t) percent;
}

bool
wal_verify(const WalInventory *inventory, VerifyLevel level, int percent, WalVerified *verified)
{
	size_t i;

	memset(verified, 0, sizeof(*verified));
	for (i = 0; level != VERIFY_LEVEL_PRESENT && i < inventory->listing.count; i++)
	{
		if (stop_requested())
			return false;
		if (level != VERIFY_LEVEL_SAMPLE || is_picked(percent))
			verify_file(inventory, &inventory->listing.files[i], level != VERIFY_LEVEL_STORED,
						verified);
	}
	return true;
}

void
wal_verified_free(WalVerified *verified)
{
	size_t i;

	for (i = 0; i < verified->nbad; i++)
	{
		free(verified->bad[i].file);
		free(verified->bad[i].problem);
	}
	free(verified->bad);
}
