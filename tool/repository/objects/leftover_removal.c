/*-------------------------------------------------------------------------
 *
 * leftover_removal.c
 *	  Remove files that no backup needs.
 *
 *-------------------------------------------------------------------------
 */
#include "leftover_removal.h"

#include <stdlib.h>
#include <string.h>

#include "condemned.h"
#include "copied_note.h"
#include "interrupted.h"
#include "log.h"
#include "memory.h"

/* How many are removed before it is looked at the lock again. */
#define BATCH 1000

/* What has become of those that are being removed. */
typedef struct Removal
{
	const Repository *repository;
	Leftovers *leftovers;
	size_t first; /* of the batch */
	bool failed;
} Removal;

static bool
note_removed(size_t position, const StoreResult *result, void *argument)
{
	Removal *removal = argument;
	const Leftover *item = &removal->leftovers->items[removal->first + position];

	if (result->code == STORE_OK)
	{
		removal->leftovers->number[item->kind]++;
		removal->leftovers->bytes[item->kind] += item->bytes;
	}
	else if (result->code != STORE_ABSENT)
	{
		removal->failed = true;
		report_error(EXIT_FAILED, NULL, result->hint, "could not remove file \"%s/%s\": %s",
					 removal->repository->storage->location, item->path, result->text);
	}
	return !removal->failed && !interrupted();
}

bool
leftovers_expect(Repository *repository, Leftovers *leftovers)
{
	size_t i;

	if (!repository->storage->can.lease)
		return true;
	if (!condemned_sift(repository, leftovers, true))
		return false;
	memset(leftovers->number, 0, sizeof(leftovers->number));
	memset(leftovers->bytes, 0, sizeof(leftovers->bytes));
	for (i = 0; i < leftovers->count; i++)
	{
		leftovers->number[leftovers->items[i].kind]++;
		leftovers->bytes[leftovers->items[i].kind] += leftovers->items[i].bytes;
	}
	return true;
}

bool
leftovers_remove(Repository *repository, const StoreLock *lock, Leftovers *leftovers)
{
	Storage *storage = repository->storage;
	Removal removal = {.repository = repository, .leftovers = leftovers};
	char **paths;

	if (storage->can.lease && !condemned_sift(repository, leftovers, false))
		return false;
	if (leftovers->count > 0 && storage->can.barrier_needed)
		copied_note_remove(repository);
	paths = xcalloc(BATCH, sizeof(char *));

	memset(leftovers->number, 0, sizeof(leftovers->number));
	memset(leftovers->bytes, 0, sizeof(leftovers->bytes));
	while (removal.first < leftovers->count && !removal.failed && !interrupted())
	{
		size_t count = 0;

		for (; count < BATCH && removal.first + count < leftovers->count; count++)
			paths[count] = leftovers->items[removal.first + count].path;
		removal.failed = !repository_lock_held(repository, lock);
		if (!removal.failed)
			storage->remove_many(storage, paths, count, note_removed, &removal);
		removal.first += count;
	}
	free(paths);
	return !removal.failed && !interrupted();
}
