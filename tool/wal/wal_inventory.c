/*-------------------------------------------------------------------------
 *
 * wal_inventory.c
 *	  What WAL there is of one system identifier.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_inventory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "wal_pack.h"

static int
compare_files(const void *a, const void *b)
{
	const WalFile *left = a;
	const WalFile *right = b;
	int order = strcmp(left->name.text, right->name.text);

	return order != 0 ? order : strcmp(left->content, right->content);
}

static WalRange *
add_range(WalRanges *ranges, uint32_t timeline, uint64_t first, uint64_t last)
{
	WalRange *range;

	ranges->items = xrealloc(ranges->items, (ranges->count + 1) * sizeof(WalRange));
	range = &ranges->items[ranges->count++];
	*range = (WalRange){timeline, first, last, 0, -1};
	return range;
}

/* Put a segment behind those that are there; gaps between them are noted. */
static void
take_segment(WalInventory *inventory, const WalFile *file, uint64_t number)
{
	WalRanges *ranges = &inventory->ranges;
	WalRange *last = ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;

	inventory->segments++;
	if (last == NULL || last->timeline != file->name.timeline)
		last = add_range(ranges, file->name.timeline, number, number);
	else if (number > last->last + 1)
	{
		add_range(&inventory->gaps, file->name.timeline, last->last + 1, number - 1);
		last = add_range(ranges, file->name.timeline, number, number);
	}
	last->last = number;
	last->bytes += file->bytes;
	last->age = file->age;
}

static void
take_conflict(WalInventory *inventory, const char *name)
{
	size_t count = inventory->nconflicts;

	if (count > 0 && strcmp(inventory->conflicts[count - 1], name) == 0)
		return;
	inventory->conflicts =
		xrealloc(inventory->conflicts, (count + 1) * sizeof(*inventory->conflicts));
	inventory->conflicts[inventory->nconflicts++] = name;
}

static void
take_history(WalInventory *inventory, const WalFile *file)
{
	const WalSystem *system = &inventory->system;
	char *directory = wal_directory(system->id, &file->name);
	WalContentRead content;
	WalHistory history;

	if (wal_unpack(system->repository, system->id, directory, file, &content) == WAL_GOOD &&
		wal_history_parse(content.data.data, content.data.length, file->name.timeline, &history) ==
			NULL)
	{
		inventory->histories =
			xrealloc(inventory->histories, (inventory->nhistories + 1) * sizeof(WalHistory));
		inventory->histories[inventory->nhistories++] = history;
	}
	else
		inventory->histories_unread = true;
	wal_content_free(&content);
	free(directory);
}

static void
take_files(WalInventory *inventory)
{
	const WalListing *listing = &inventory->listing;
	size_t i;

	for (i = 0; i < listing->count; i++)
	{
		const WalFile *file = &listing->files[i];
		bool again = i > 0 && strcmp(listing->files[i - 1].name.text, file->name.text) == 0;
		uint64_t number;

		inventory->bytes += file->bytes;
		if (again && strcmp(listing->files[i - 1].content, file->content) != 0)
			take_conflict(inventory, file->name.text);
		if (file->name.kind == WAL_HISTORY)
			take_history(inventory, file);
		else if (file->name.kind == WAL_SEGMENT && !again &&
				 wal_segment_number(&file->name, inventory->system.segment_size, &number))
			take_segment(inventory, file, number);
	}
}

/* First and last segment of a timeline; false if there is none. */
static bool
bounds_of(const WalInventory *inventory, uint32_t timeline, uint64_t *first, uint64_t *last)
{
	bool found = false;
	size_t i;

	for (i = 0; i < inventory->ranges.count; i++)
	{
		const WalRange *range = &inventory->ranges.items[i];

		if (range->timeline != timeline)
			continue;
		if (!found)
			*first = range->first;
		*last = range->last;
		found = true;
	}
	return found;
}

/*
 * Where a timeline was left by another one: that begins with the segment in which this was, and
 * all before it must be there.  If nothing of that is, expire has removed it, and perhaps more.
 */
static void
look_at_switch(WalInventory *inventory, const WalHistory *history)
{
	const WalAncestor *parent = &history->ancestors[history->count - 1];
	uint64_t at = parent->end / inventory->system.segment_size;
	uint64_t first = 0;
	uint64_t last = 0;

	if (!bounds_of(inventory, parent->timeline, &first, &last) || first >= at)
		return;
	if (last + 1 < at)
		add_range(&inventory->gaps, parent->timeline, last + 1, at - 1);
	if (bounds_of(inventory, history->timeline, &first, &last) && first > at)
		add_range(&inventory->gaps, history->timeline, at, first - 1);
}

bool
wal_inventory_take(Repository *repository, uint64_t system_identifier, WalInventory *inventory)
{
	StoreResult result;
	size_t i;

	memset(inventory, 0, sizeof(*inventory));
	if (!wal_system_open(repository, system_identifier, &inventory->system, &result))
		return result.code == STORE_ABSENT &&
			   report_error(EXIT_INTEGRITY, NULL, NULL,
							"file \"" WAL_SYSTEM_FILE "\" of system identifier %" PRIu64
							" is missing from repository \"%s\"",
							system_identifier, repository->storage->location);
	result = wal_list(&inventory->system, "", &inventory->listing);
	if (result.code != STORE_OK)
		return wal_list_failed(&inventory->system, &result);
	if (inventory->listing.count > 0)
		qsort(inventory->listing.files, inventory->listing.count, sizeof(WalFile), compare_files);
	take_files(inventory);
	for (i = 0; i < inventory->nhistories; i++)
		look_at_switch(inventory, &inventory->histories[i]);
	return true;
}

bool
wal_inventory_take_any(Repository *repository, uint64_t system_identifier, WalInventory *inventory,
					   bool *there)
{
	const WalSystem system = {.repository = repository, .id = system_identifier};
	WalListing listing;
	StoreResult result = wal_list(&system, "", &listing);

	*there = listing.count + listing.nunknown > 0;
	wal_listing_free(&listing);
	memset(inventory, 0, sizeof(*inventory));
	if (result.code != STORE_OK)
		return wal_list_failed(&system, &result);
	return !*there || wal_inventory_take(repository, system_identifier, inventory);
}

void
wal_inventory_free(WalInventory *inventory)
{
	size_t i;

	for (i = 0; i < inventory->nhistories; i++)
		wal_history_free(&inventory->histories[i]);
	free(inventory->histories);
	free(inventory->conflicts);
	free(inventory->ranges.items);
	free(inventory->gaps.items);
	wal_listing_free(&inventory->listing);
}

const WalHistory *
wal_inventory_history(const WalInventory *inventory, uint32_t timeline)
{
	size_t i;

	for (i = 0; i < inventory->nhistories; i++)
	{
		if (inventory->histories[i].timeline == timeline)
			return &inventory->histories[i];
	}
	return NULL;
}
