/*-------------------------------------------------------------------------
 *
 * wal_keep.c
 *	  Which base backups a window of moments needs, and which WAL none needs.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_keep.h"

#include <stdlib.h>

#include "memory.h"

/* ---- base backups ---- */

/*
 * The last one before which all are of a moment before that, so that a clock that was set back
 * does not hide one; or the first.
 */
static int
anchor_of(const WalInventory *inventory, const WalBases *bases, const WalWindow *window,
		  double moment)
{
	int anchor = window->oldest;
	int i;

	for (i = window->oldest; i <= window->newest; i++)
	{
		uint64_t last;

		if (!bases->items[i].good ||
			!wal_reaches(inventory, &bases->items[i], window->timeline, &last) ||
			last != window->last)
			continue;
		if (bases->items[i].time > moment)
			break;
		anchor = i;
	}
	return anchor;
}

static bool
all_known(const WalInventory *inventory)
{
	bool known = true;
	size_t i;

	for (i = 0; i < inventory->ranges.count; i++)
		known = known && wal_history_known(inventory, inventory->ranges.items[i].timeline);
	return known;
}

/* The one to which WAL was added last, if that is known of all. */
static const WalWindow *
most_recent(const WalWindows *windows)
{
	const WalWindow *found = NULL;
	size_t i;

	for (i = 0; i < windows->count; i++)
	{
		if (found == NULL || windows->items[i].age <= found->age)
			found = &windows->items[i];
	}
	return found;
}

void
wal_keep_window(const WalInventory *inventory, const WalBases *bases, double now, double seconds,
				bool *needed)
{
	WalWindows windows;
	size_t i;
	int j;

	if (!all_known(inventory))
	{
		for (j = 0; j < bases->count; j++)
			needed[j] = true;
		return;
	}
	wal_windows_find(inventory, bases, &windows);
	for (i = 0; i < windows.count; i++)
	{
		const WalWindow *window = &windows.items[i];

		/* What was stored then was written before that; but a server may only be at rest. */
		if (window == most_recent(&windows) || window->age <= seconds)
			needed[anchor_of(inventory, bases, window, now - seconds)] = true;
	}
	free(windows.items);
}

/* ---- WAL ---- */

static const WalBase *
newest_good(const WalBases *bases)
{
	int i = bases->count - 1;

	while (i >= 0 && !bases->items[i].good)
		i--;
	return i >= 0 ? &bases->items[i] : NULL;
}

/* Seconds since the last segment of a timeline was stored; negative: not known. */
static double
idle_seconds(const WalInventory *inventory, uint32_t timeline)
{
	double age = -1;
	size_t i;

	for (i = 0; i < inventory->ranges.count; i++)
	{
		const WalRange *range = &inventory->ranges.items[i];

		if (range->timeline == timeline)
			age = range->age;
	}
	return age;
}

/* Of a timeline from which no base backup is left. */
static uint64_t
keep_unused(const WalInventory *inventory, uint32_t timeline, double seconds)
{
	double age = idle_seconds(inventory, timeline);

	return age > WAL_IDLE_SECONDS && age > seconds ? UINT64_MAX : 0;
}

static uint64_t
keep_from(const WalInventory *inventory, const WalBases *left, uint32_t timeline, double seconds)
{
	uint64_t from = UINT64_MAX;
	int i;

	for (i = 0; i < left->count; i++)
	{
		const WalBase *base = &left->items[i];
		uint64_t start = base->start / inventory->system.segment_size;

		if (base->timeline != timeline && wal_may_lead_to(inventory, base, timeline))
			return 0;
		if (base->timeline == timeline && start < from)
			from = start;
	}
	return from != UINT64_MAX ? from : keep_unused(inventory, timeline, seconds);
}

/*
 * Does WAL that is kept lead over the beginning of a timeline?  Without that beginning it would
 * seem to be missing, even if no base backup comes there.  `kept` is of those with lower numbers.
 */
static bool
is_led_to(const WalInventory *inventory, const WalKept *kept, size_t count, uint32_t timeline)
{
	const WalHistory *history = wal_inventory_history(inventory, timeline);
	const WalAncestor *parent = history != NULL ? &history->ancestors[history->count - 1] : NULL;
	uint64_t before = parent != NULL ? parent->end / inventory->system.segment_size : 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (parent == NULL ? kept[i].from != UINT64_MAX
						   : kept[i].timeline == parent->timeline && kept[i].from < before)
			return true;
	}
	return false;
}

WalKept *
wal_keep_decide(const WalInventory *inventory, const WalBases *left, double seconds, size_t *count)
{
	const WalBase *newest = newest_good(left);
	uint32_t *timelines = wal_timelines(inventory, count);
	WalKept *kept = xcalloc(*count + 1, sizeof(WalKept));
	size_t i;

	for (i = 0; i < *count; i++)
	{
		kept[i].timeline = timelines[i];
		if (newest != NULL && timelines[i] <= newest->timeline)
			kept[i].from = keep_from(inventory, left, timelines[i], seconds);
		if (timelines[i] > 1 && is_led_to(inventory, kept, i, timelines[i]))
			kept[i].from = 0;
	}
	free(timelines);
	return kept;
}
