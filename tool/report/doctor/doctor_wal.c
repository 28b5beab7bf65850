/*-------------------------------------------------------------------------
 *
 * doctor_wal.c
 *	  Checks of the WAL archive.
 *
 * Only names are looked at, as "wal list" does; "wal verify" reads.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor_wal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pretty.h"
#include "wal_inventory.h"

#define LIST_HINT "\"nex_backup wal list\" shows what is there, and what is missing."

static void
say_system(Doctor *doctor, const WalInventory *inventory)
{
	const WalRanges *ranges = &inventory->ranges;
	WalName last = {.text = "none"};

	if (ranges->count > 0)
	{
		const WalRange *range = &ranges->items[ranges->count - 1];

		wal_segment_name(range->timeline, range->last, inventory->system.segment_size, &last);
	}
	if (inventory->gaps.count > 0)
		doctor_say(doctor, CHECK_CRITICAL, "WAL",
				   LIST_HINT " No recovery gets past it: make a new base backup.",
				   "system identifier %" PRIu64 ": segments are missing in %zu %s",
				   inventory->system.id, inventory->gaps.count,
				   inventory->gaps.count == 1 ? "place" : "places");
	if (inventory->nconflicts > 0)
		doctor_say(doctor, CHECK_CRITICAL, "WAL", LIST_HINT,
				   "system identifier %" PRIu64 ": there are two different files \"%s\"",
				   inventory->system.id, inventory->conflicts[0]);
	if (inventory->listing.nunknown > 0)
		doctor_say(doctor, CHECK_CRITICAL, "WAL",
				   "Move it to another place, outside the repository.",
				   "\"%s\" is not what nex_backup keeps there, so the end of the WAL is not known",
				   inventory->listing.unknown[0]);
	if (inventory->gaps.count + inventory->nconflicts + inventory->listing.nunknown == 0)
		doctor_say(doctor, CHECK_OK, "WAL", NULL,
				   "system identifier %" PRIu64 ": %s (%s) up to \"%s\"", inventory->system.id,
				   pretty_number_of(inventory->segments, "segment"), pretty_bytes(inventory->bytes),
				   last.text);
}

void
doctor_check_wal(Doctor *doctor)
{
	WalListing unknown = {0};
	uint64_t *ids;
	size_t count;
	size_t i;
	StoreResult result = wal_systems(doctor->repository, &ids, &count, &unknown);

	if (result.code != STORE_OK)
		doctor_say(doctor, CHECK_CRITICAL, "WAL", result.hint, "could not be listed: %s",
				   result.text);
	for (i = 0; result.code == STORE_OK && i < count; i++)
	{
		WalInventory inventory;

		if (wal_inventory_take(doctor->repository, ids[i], &inventory))
			say_system(doctor, &inventory);
		else
			doctor_say(doctor, CHECK_CRITICAL, "WAL", LIST_HINT,
					   "system identifier %" PRIu64 ": could not be looked at", ids[i]);
		wal_inventory_free(&inventory);
	}
	for (i = 0; i < unknown.nunknown; i++)
		doctor_say(doctor, CHECK_WARNING, "WAL",
				   "Move it to another place, outside the repository.",
				   "\"%s\" is not what nex_backup keeps there", unknown.unknown[i]);
	wal_listing_free(&unknown);
	free(ids);
}
