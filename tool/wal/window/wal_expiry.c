/*-------------------------------------------------------------------------
 *
 * wal_expiry.c
 *	  Expiry of base backups together with the WAL behind them.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_expiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expire_settings.h"
#include "interrupt.h"
#include "memory.h"
#include "wal_bases.h"
#include "wal_keep.h"

/* ---- what is there ---- */

/* The next position behind the base backups of one system that begin here. */
static int
end_of_system(const ExpireResult *result, int first)
{
	int end = first;

	while (end < result->count && backup_same_owner(&result->names[end], &result->names[first]))
		end++;
	return end;
}

static bool
is_of_cluster(const BackupName *name)
{
	return name->owner.kind == BACKUP_OF_CLUSTER;
}

/* ---- base backups ---- */

/* Those that the window of one system needs. */
static bool
keep_of_system(const ExpireRequest *request, ExpireResult *result, int first, int end)
{
	const BackupName *names = result->names + first;
	double seconds = request->keep->keep_pitr;
	WalInventory inventory;
	WalBases bases;
	bool there;
	bool *needed;
	int i;

	if (!wal_inventory_take_any(request->repository, wal_system_of(names), &inventory, &there))
	{
		wal_inventory_free(&inventory);
		return false;
	}
	if (there)
	{
		/* Those that cannot be read are kept anyway. */
		(void) wal_bases_read(request->repository, names, end - first, wal_system_of(names),
							  &bases);
		needed = xcalloc((size_t) bases.count + 1, sizeof(bool));
		wal_keep_window(&inventory, &bases, (double) time(NULL), seconds, needed);
		for (i = 0; i < bases.count; i++)
		{
			if (needed[i])
				retention_keep(&result->backups[first + bases.items[i].position], "keep-pitr");
		}
		free(needed);
		free(bases.items);
	}
	wal_inventory_free(&inventory);
	return !interrupted();
}

static bool
keep(const ExpireRequest *request, ExpireResult *result)
{
	bool good = true;
	int first;
	int end;

	for (first = 0; good && first < result->count; first = end)
	{
		end = end_of_system(result, first);
		if (request->keep->keep_pitr > 0 && is_of_cluster(&result->names[first]))
			good = keep_of_system(request, result, first, end);
	}
	return good;
}

/* ---- WAL ---- */

/* Its number, of a segment, or of a part of one. */
static bool
is_before(const WalInventory *inventory, const WalFile *file, uint64_t from)
{
	uint64_t number;

	return (file->name.kind == WAL_SEGMENT || file->name.kind == WAL_PARTIAL) &&
		   wal_segment_number(&file->name, inventory->system.segment_size, &number) &&
		   number < from;
}

static void
note(ExpireResult *result, uint64_t id, const WalFile *file)
{
	ExpiredWal *last = result->nwal > 0 ? &result->wal[result->nwal - 1] : NULL;

	if (last == NULL || last->system_identifier != id || last->timeline != file->name.timeline)
	{
		result->wal = xrealloc(result->wal, (result->nwal + 1) * sizeof(ExpiredWal));
		last = &result->wal[result->nwal++];
		*last = (ExpiredWal){.system_identifier = id, .timeline = file->name.timeline};
		snprintf(last->first, sizeof(last->first), "%.24s", file->name.text);
	}
	snprintf(last->last, sizeof(last->last), "%.24s", file->name.text);
	last->segments += file->name.kind == WAL_SEGMENT;
	last->bytes += file->bytes;
}

static void
add_file(const WalInventory *inventory, const WalFile *file, ExpireResult *result)
{
	uint64_t id = inventory->system.id;
	char *directory = wal_directory(id, &file->name);
	char *prefix = xasprintf("%s/", directory);
	char *name = wal_file_name(file);

	leftovers_add(&result->leftovers, LEFTOVER_WAL, prefix, name, file->bytes, file->age);
	note(result, id, file);
	free(name);
	free(prefix);
	free(directory);
}

/* Files are sorted: of each timeline the oldest come first. */
static void
add_files(const WalInventory *inventory, const WalKept *kept, size_t count, ExpireResult *result)
{
	size_t i;
	size_t j;

	for (i = 0; i < inventory->listing.count; i++)
	{
		const WalFile *file = &inventory->listing.files[i];

		for (j = 0; j < count && kept[j].timeline != file->name.timeline; j++)
			;
		if (j < count && is_before(inventory, file, kept[j].from))
			add_file(inventory, file, result);
	}
}

static bool
find_of_system(const ExpireRequest *request, const BackupName *left, int nleft, uint64_t id,
			   ExpireResult *result)
{
	WalInventory inventory;
	WalBases bases = {NULL, 0};
	bool there;
	bool good = wal_inventory_take_any(request->repository, id, &inventory, &there);

	if (good && there)
	{
		int unread = wal_bases_read(request->repository, left, nleft, id, &bases);
		size_t count;
		WalKept *kept = wal_keep_decide(&inventory, &bases, request->keep->keep_pitr, &count);
		int n = 0;
		int i;

		for (i = 0; i < bases.count; i++)
			n += bases.items[i].good;
		if (unread > 0)
			result->wal_reason = "a base backup cannot be read, so what it needs is unknown";
		else if (n == 0)
			result->wal_reason = "there is no base backup that is known to be undamaged";
		else
			add_files(&inventory, kept, count, result);
		free(kept);
	}
	if (!good)
		result->wal_reason = "it could not be looked at (see the error)";
	free(bases.items);
	wal_inventory_free(&inventory);
	return good && !interrupted();
}

/*
 * Rules for base backups are no word on WAL, which cannot be had again: it goes only where somebody
 * has said how far back moments are wanted.
 */
static bool
find(const ExpireRequest *request, const BackupName *left, int count, ExpireResult *result)
{
	bool good = true;
	int first;

	for (first = 0; good && first < result->count; first = end_of_system(result, first))
	{
		if (!is_of_cluster(&result->names[first]))
			continue;
		if (request->keep->keep_pitr == 0)
			result->wal_reason = "it is removed with --keep-pitr only";
		else
			good =
				find_of_system(request, left, count, wal_system_of(&result->names[first]), result);
	}
	return good;
}

const ExpireWal wal_expiry = {keep, find};
