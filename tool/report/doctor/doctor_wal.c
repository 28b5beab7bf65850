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

#include "backup_list.h"
#include "backup_summary.h"
#include "backups.h"
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

/* Has the archive the history of a timeline?  The first has none. */
static bool
has_history(const WalInventory *inventory, uint32_t timeline)
{
	bool found = timeline == 1;
	size_t i;

	for (i = 0; !found && i < inventory->listing.count; i++)
	{
		const WalName *name = &inventory->listing.files[i].name;

		found = name->kind == WAL_HISTORY && name->timeline == timeline;
	}
	return found;
}

/* Is all WAL of its time there?  A manifest that cannot be read has been reported with the backups.
 */
static void
say_base(Doctor *doctor, const BackupName *name, const WalInventory *inventory)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(doctor->repository, name, &error);
	bool whole = manifest == NULL;
	size_t i;

	for (i = 0; !whole && i < inventory->ranges.count; i++)
	{
		const WalRange *range = &inventory->ranges.items[i];
		const ManifestCluster *cluster = &manifest->cluster;

		whole = range->timeline == cluster->timeline &&
				range->first <= cluster->start / cluster->segment_size &&
				range->last >= (cluster->stop - 1) / cluster->segment_size;
	}
	if (manifest != NULL && !has_history(inventory, manifest->cluster.timeline))
	{
		char *label = backup_label(name);

		doctor_say(doctor, CHECK_CRITICAL, "WAL",
				   "A server of that timeline has it in pg_wal: \"nex_backup wal push\" stores it.",
				   "\"%08X.history\" is missing, so \"%s\" cannot be restored",
				   manifest->cluster.timeline, label);
		free(label);
	}
	if (!whole)
	{
		char *label = backup_label(name);

		doctor_say(doctor, CHECK_CRITICAL, "WAL",
				   LIST_HINT " \"nex_backup base verify\" names it. Make a new base backup.",
				   "WAL of the time of \"%s\" is missing, so it cannot be restored", label);
		free(label);
	}
	manifest_free(manifest);
	free(error);
}

/* The base backups of the server whose WAL this is. */
static void
say_bases(Doctor *doctor, const BackupName *names, int count, const WalInventory *inventory)
{
	int i;

	for (i = 0; i < count; i++)
	{
		if (strtoull(names[i].owner.name, NULL, 16) == inventory->system.id)
			say_base(doctor, &names[i], inventory);
	}
}

/* Servers that have base backups here, and no WAL. */
static void
say_without_wal(Doctor *doctor, const BackupName *names, int count, const uint64_t *ids,
				size_t nids)
{
	size_t j;
	int i;

	for (i = 0; i < count; i++)
	{
		if (i > 0 && backup_same_owner(&names[i], &names[i - 1]))
			continue;
		for (j = 0; j < nids && ids[j] != strtoull(names[i].owner.name, NULL, 16); j++)
			;
		if (j == nids)
			doctor_say(doctor, CHECK_OK, "WAL", NULL,
					   "cluster %s: its base backups are here, and its WAL is not: recovery needs "
					   "that from another repository",
					   names[i].owner.name);
	}
}

void
doctor_check_wal(Doctor *doctor)
{
	WalListing unknown = {0};
	uint64_t *ids;
	size_t count;
	size_t i;
	BackupName *names = NULL;
	int nnames = 0;
	StoreResult result = wal_systems(doctor->repository, &ids, &count, &unknown);

	/* What cannot be listed has been said with the backups. */
	if (!repository_list_clusters(doctor->repository, NULL, &names, &nnames))
		nnames = 0;
	if (result.code != STORE_OK)
		doctor_say(doctor, CHECK_CRITICAL, "WAL", result.hint, "could not be listed: %s",
				   result.text);
	for (i = 0; result.code == STORE_OK && i < count; i++)
	{
		WalInventory inventory;

		if (wal_inventory_take(doctor->repository, ids[i], &inventory))
		{
			say_system(doctor, &inventory);
			say_bases(doctor, names, nnames, &inventory);
		}
		else
			doctor_say(doctor, CHECK_CRITICAL, "WAL", LIST_HINT,
					   "system identifier %" PRIu64 ": could not be looked at", ids[i]);
		wal_inventory_free(&inventory);
	}
	if (result.code == STORE_OK)
		say_without_wal(doctor, names, nnames, ids, count);
	for (i = 0; i < unknown.nunknown; i++)
		doctor_say(doctor, CHECK_WARNING, "WAL",
				   "Move it to another place, outside the repository.",
				   "\"%s\" is not what nex_backup keeps there", unknown.unknown[i]);
	wal_listing_free(&unknown);
	free(names);
	free(ids);
}
