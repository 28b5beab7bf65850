/*-------------------------------------------------------------------------
 *
 * recovery_path.c
 *	  The segments of WAL that a recovery replays.
 *
 * A segment is taken from the newest timeline of the path that has begun by
 * then, the one in which it began included: it has what was there before, too.
 * What an older timeline wrote behind that does not belong to the path.
 *
 *-------------------------------------------------------------------------
 */
#include "recovery_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

static void
add_step(RecoveryPath *path, uint32_t timeline, uint64_t begin)
{
	path->steps = xrealloc(path->steps, (size_t) (path->count + 1) * sizeof(PathStep));
	path->steps[path->count++] = (PathStep){timeline, begin};
}

/* The timelines from that of the base backup to the wanted one. */
static void
find_steps(RecoveryPath *path, const Manifest *base, uint32_t timeline)
{
	const WalHistory *history = timeline != base->cluster.timeline
									? wal_inventory_history(path->inventory, timeline)
									: NULL;
	uint64_t begin = base->cluster.start;
	int i;

	for (i = 0; history != NULL && i < history->count; i++)
	{
		const WalAncestor *ancestor = &history->ancestors[i];

		if (path->count > 0 || ancestor->timeline == base->cluster.timeline)
			add_step(path, ancestor->timeline, begin);
		if (path->count > 0)
			begin = ancestor->end;
	}
	add_step(path, timeline, begin);
}

/* Find a segment by its name among the files, which are sorted by it. */
static const WalFile *
find_file(const WalListing *listing, const char *name)
{
	size_t low = 0;
	size_t high = listing->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (strcmp(listing->files[middle].name.text, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < listing->count && strcmp(listing->files[low].name.text, name) == 0
			   ? &listing->files[low]
			   : NULL;
}

/* The step that a segment is of. */
static int
step_of(const RecoveryPath *path, uint64_t number)
{
	int i = path->count - 1;

	while (i > 0 && number < path->steps[i].begin / path->inventory->system.segment_size)
		i--;
	return i;
}

void
recovery_path_name(const RecoveryPath *path, uint64_t number, WalName *name)
{
	wal_segment_name(path->steps[step_of(path, number)].timeline, number,
					 path->inventory->system.segment_size, name);
}

const WalFile *
recovery_path_segment(const RecoveryPath *path, uint64_t number)
{
	WalName name;

	recovery_path_name(path, number, &name);
	return find_file(&path->inventory->listing, name.text);
}

/* A name that two different files have cannot be used. */
static bool
is_ambiguous(const RecoveryPath *path, const char *name)
{
	size_t i;

	for (i = 0; i < path->inventory->nconflicts; i++)
	{
		if (strcmp(path->inventory->conflicts[i], name) == 0)
			return true;
	}
	return false;
}

uint64_t
recovery_path_behind_gap(const RecoveryPath *path)
{
	const WalRanges *ranges = &path->inventory->ranges;
	uint64_t found = path->last;
	size_t i;

	for (i = 0; i < ranges->count; i++)
	{
		const WalRange *range = &ranges->items[i];
		uint64_t number;
		WalName name;

		/* What a timeline wrote behind its end on the path does not count. */
		for (number = range->last; number > found && number >= range->first; number--)
		{
			recovery_path_name(path, number, &name);
			if (name.timeline == range->timeline)
				found = number;
		}
	}
	return found > path->last ? found : 0;
}

/*
 * A server asks for a segment of each timeline of the path that has begun by then, the newest
 * first, down to the one from which it read the segment before.
 */
const WalFile *
recovery_path_left(const RecoveryPath *path, const PathStep **step)
{
	uint64_t number = path->last + 1;
	int current = step_of(path, path->last);
	int i = step_of(path, number);
	const WalFile *file = NULL;

	*step = &path->steps[i];
	while (file == NULL && --i >= current)
	{
		WalName name;

		wal_segment_name(path->steps[i].timeline, number, path->inventory->system.segment_size,
						 &name);
		file = find_file(&path->inventory->listing, name.text);
	}
	return file;
}

char *
recovery_path_find(const WalInventory *inventory, const Manifest *base, uint32_t timeline,
				   RecoveryPath *path)
{
	uint32_t size = inventory->system.segment_size;
	uint64_t needed = (base->cluster.stop - 1) / size;
	const WalFile *file;
	WalName name;
	char history[32];

	memset(path, 0, sizeof(*path));
	path->inventory = inventory;
	find_steps(path, base, timeline);
	snprintf(history, sizeof(history), "%08" PRIX32 ".history", timeline);
	if (is_ambiguous(path, history))
		return xasprintf(
			"file %s, without which the server does not recover along timeline %" PRIu32
			", is there twice",
			history, timeline);
	path->first = base->cluster.start / size;
	path->last = path->first - 1;
	while ((file = recovery_path_segment(path, path->last + 1)) != NULL &&
		   !is_ambiguous(path, file->name.text))
		path->last++;
	if (path->last >= needed && path->last + 1 > path->first)
		return NULL;
	recovery_path_name(path, path->last + 1, &name);
	return xasprintf("WAL segment %s, without which base backup %s is not consistent, is %s",
					 name.text, base->id, file != NULL ? "there twice" : "missing");
}

void
recovery_path_free(RecoveryPath *path)
{
	free(path->steps);
	memset(path, 0, sizeof(*path));
}
