/*-------------------------------------------------------------------------
 *
 * wal_reach.c
 *	  What base backups and the WAL behind them reach.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_reach.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

bool
wal_history_known(const WalInventory *inventory, uint32_t timeline)
{
	return timeline == 1 || wal_inventory_history(inventory, timeline) != NULL;
}

bool
wal_may_lead_to(const WalInventory *inventory, const WalBase *base, uint32_t timeline)
{
	const WalHistory *history = wal_inventory_history(inventory, timeline);
	uint64_t end;

	if (base->timeline == timeline || history == NULL)
		return base->timeline <= timeline;
	return wal_history_find(history, base->timeline, &end) && end >= base->stop;
}

/* The segments without a gap that have this one; NULL: it is not there. */
static const WalRange *
range_of(const WalInventory *inventory, uint32_t timeline, uint64_t number)
{
	size_t i;

	for (i = 0; i < inventory->ranges.count; i++)
	{
		const WalRange *range = &inventory->ranges.items[i];

		if (range->timeline == timeline && range->first <= number && number <= range->last)
			return range;
	}
	return NULL;
}

/* The last segment that is of use from this one on: before one that is there twice, which differ.
 */
static uint64_t
before_conflict(const WalInventory *inventory, uint32_t timeline, uint64_t from, uint64_t last)
{
	size_t i;

	for (i = 0; i < inventory->nconflicts; i++)
	{
		WalName name;
		uint64_t number;

		if (wal_name_parse(inventory->conflicts[i], &name) && name.kind == WAL_SEGMENT &&
			name.timeline == timeline &&
			wal_segment_number(&name, inventory->system.segment_size, &number) && number >= from &&
			number <= last)
			last = number - 1;
	}
	return last;
}

/*
 * From a segment of one timeline to where the next one is taken.  False if there is a gap.  Of the
 * last timeline (`next` is UINT64_MAX) *at becomes the segment behind what is there.
 */
static bool
step(const WalInventory *inventory, uint32_t timeline, uint64_t next, uint64_t *at)
{
	const WalRange *range;
	uint64_t last;

	if (*at >= next)
		return true;
	range = range_of(inventory, timeline, *at);
	if (range == NULL)
		return false;
	last = before_conflict(inventory, timeline, *at, range->last);
	if (last < *at || (next != UINT64_MAX && last + 1 < next))
		return false;
	*at = next != UINT64_MAX ? next : last + 1;
	return true;
}

bool
wal_reaches(const WalInventory *inventory, const WalBase *base, uint32_t timeline, uint64_t *last)
{
	uint32_t size = inventory->system.segment_size;
	const WalHistory *history = wal_inventory_history(inventory, timeline);
	uint64_t at = base->start / size;
	bool begun = base->timeline == timeline;
	int i;

	if (!wal_history_known(inventory, timeline) || !wal_may_lead_to(inventory, base, timeline))
		return false;
	for (i = 0; !begun && history != NULL && i < history->count; i++)
	{
		const WalAncestor *ancestor = &history->ancestors[i];

		if (ancestor->timeline >= base->timeline &&
			!step(inventory, ancestor->timeline, ancestor->end / size, &at))
			return false;
	}
	if (!step(inventory, timeline, UINT64_MAX, &at) || at - 1 < (base->stop - 1) / size)
		return false;
	*last = at - 1;
	return true;
}

uint32_t *
wal_timelines(const WalInventory *inventory, size_t *count)
{
	uint32_t *timelines = xcalloc(inventory->ranges.count + 1, sizeof(uint32_t));
	size_t i;

	*count = 0;
	/* Ranges are in the order of their timelines. */
	for (i = 0; i < inventory->ranges.count; i++)
	{
		uint32_t timeline = inventory->ranges.items[i].timeline;

		if (*count == 0 || timelines[*count - 1] != timeline)
			timelines[(*count)++] = timeline;
	}
	return timelines;
}

/* A base backup that comes to this segment of the timeline: one more of a window, or another one.
 */
static void
take_base(const WalInventory *inventory, const WalBases *bases, int position, uint32_t timeline,
		  uint64_t last, WalWindows *windows)
{
	const WalBase *base = &bases->items[position];
	WalWindow *window = windows->items;
	WalWindow *end = windows->items + windows->count;

	while (window < end && (window->timeline != timeline || window->last != last))
		window++;
	if (window < end)
	{
		window->newest = position;
		window->count++;
		return;
	}
	windows->items = xrealloc(windows->items, (windows->count + 1) * sizeof(WalWindow));
	windows->items[windows->count++] = (WalWindow){timeline,
												   position,
												   position,
												   1,
												   base->start / inventory->system.segment_size,
												   last,
												   range_of(inventory, timeline, last)->age};
}

static int
compare(const void *a, const void *b)
{
	const WalWindow *left = a;
	const WalWindow *right = b;

	if (left->timeline != right->timeline)
		return left->timeline < right->timeline ? -1 : 1;
	return left->last < right->last ? -1 : left->last > right->last;
}

void
wal_windows_find(const WalInventory *inventory, const WalBases *bases, WalWindows *windows)
{
	size_t count;
	uint32_t *timelines = wal_timelines(inventory, &count);
	size_t i;
	int j;

	memset(windows, 0, sizeof(*windows));
	for (i = 0; i < count; i++)
	{
		for (j = 0; j < bases->count; j++)
		{
			uint64_t last;

			if (bases->items[j].good &&
				wal_reaches(inventory, &bases->items[j], timelines[i], &last))
				take_base(inventory, bases, j, timelines[i], last, windows);
		}
	}
	if (windows->count > 0)
		qsort(windows->items, windows->count, sizeof(WalWindow), compare);
	free(timelines);
}
