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
#include <time.h>

#include "ages.h"
#include "condemned.h"
#include "copied_note.h"
#include "interrupted.h"
#include "log.h"
#include "memory.h"
#include "utc_time.h"

/* How many are removed before it is looked at the lock again. */
#define BATCH 1000

#define IN_USE_PATH "lock/in_use_since"
#define MAX_IN_USE_BYTES 100

/* ---- why nothing is removed ---- */

double
in_use_since(const Repository *repository)
{
	double since = -1;
	Buffer text;

	buffer_init(&text);
	if (storage_read(repository->storage, IN_USE_PATH, MAX_IN_USE_BYTES, &text).code == STORE_OK)
	{
		buffer_append_string(&text, "");
		text.data[strcspn(text.data, "\n")] = '\0';
		since = utc_time_read(text.data);
	}
	buffer_free(&text);
	/* Clocks may have been wrong. */
	return since > 0 && since <= (double) time(NULL) ? since : 0;
}

double
in_use_note(const Repository *repository)
{
	double since = in_use_since(repository);
	time_t now = time(NULL);
	StoreResult result;
	char text[32];

	if (since > 0)
		return since;
	utc_time_write(now, text);
	result = storage_write(repository->storage, IN_USE_PATH, text, strlen(text));
	if (result.code != STORE_OK)
		log_debug("could not write file \"%s/%s\": %s", repository->storage->location, IN_USE_PATH,
				  result.text);
	return (double) now;
}

static void
forget_in_use(const Repository *repository)
{
	if (storage_look(repository->storage, IN_USE_PATH).code != STORE_ABSENT)
		(void) storage_remove(repository->storage, IN_USE_PATH, false);
}

bool
in_use_too_long(double since)
{
	return since > 0 && (double) time(NULL) - since > IN_USE_LATE_HOURS * 3600.0;
}

/* ---- removing ---- */

/* What has become of those that are being removed. */
typedef struct Removal
{
	const Repository *repository;
	Leftovers *leftovers;
	size_t first; /* of the batch */
	bool wal_locked;
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
	else if (result->code == STORE_LOCKED)
	{
		removal->wal_locked |= item->kind == LEFTOVER_WAL;
		removal->leftovers->locked++;
		removal->leftovers->locked_bytes += item->bytes;
		if (result->until > removal->leftovers->locked_until)
			removal->leftovers->locked_until = result->until;
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

		for (;
			 count < BATCH && removal.first + count < leftovers->count &&
			 !(removal.wal_locked && leftovers->items[removal.first + count].kind == LEFTOVER_WAL);
			 count++)
			paths[count] = leftovers->items[removal.first + count].path;
		removal.failed = !repository_lock_held(repository, lock);
		if (!removal.failed)
			storage->remove_many(storage, paths, count, note_removed, &removal);
		removal.first += count;
		/* It comes last; what is behind WAL that is locked stays, too. */
		if (count == 0)
			break;
	}
	free(paths);
	if (!removal.failed)
		forget_in_use(repository);
	return !removal.failed && !interrupted();
}
