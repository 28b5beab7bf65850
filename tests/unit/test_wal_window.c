/*-------------------------------------------------------------------------
 *
 * test_wal_window.c
 *	  What base backups and WAL reach, and that expiry takes nothing away which
 *	  it promises to keep, on made-up histories.
 *
 * The oracle knows nothing of ranges: it goes back from a segment, file by file,
 * to the beginning of a base backup.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "wal_keep.h"

#define SIZE (1024 * 1024)
#define TIMELINES 6
#define SEGMENTS 64
#define BASES 16
#define DAY 86400.0

/* A made-up world: timelines from 1 on, segments from 1 on. */
typedef struct World
{
	int timelines;
	int parent[TIMELINES + 1];
	uint64_t fork[TIMELINES + 1]; /* where the parent was left */
	bool known[TIMELINES + 1];    /* its history is */
	bool there[TIMELINES + 1][SEGMENTS];
	double written[TIMELINES + 1][SEGMENTS]; /* when its end was */
	double now;
	WalBase bases[BASES];
	int nbases;
} World;

static World world;

/* ---- the inventory of it ---- */

static void
add_history(WalInventory *inventory, int timeline)
{
	WalHistory *history;
	int at;
	int i;

	inventory->histories =
		realloc(inventory->histories, (inventory->nhistories + 1) * sizeof(WalHistory));
	history = &inventory->histories[inventory->nhistories++];
	*history = (WalHistory){.timeline = (uint32_t) timeline};
	for (at = timeline; at > 1; at = world.parent[at])
		history->count++;
	history->ancestors = calloc((size_t) history->count, sizeof(WalAncestor));
	i = history->count;
	for (at = timeline; at > 1; at = world.parent[at])
		history->ancestors[--i] = (WalAncestor){(uint32_t) world.parent[at], world.fork[at]};
}

static void
take(WalInventory *inventory)
{
	int timeline;
	int number;

	memset(inventory, 0, sizeof(*inventory));
	inventory->system.segment_size = SIZE;
	for (timeline = 1; timeline <= world.timelines; timeline++)
	{
		if (timeline > 1 && world.known[timeline])
			add_history(inventory, timeline);
		for (number = 0; number < SEGMENTS; number++)
		{
			WalRanges *ranges = &inventory->ranges;
			WalRange *last = ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;

			if (!world.there[timeline][number])
				continue;
			if (last == NULL || last->timeline != (uint32_t) timeline ||
				last->last + 1 != (uint64_t) number)
			{
				ranges->items = realloc(ranges->items, (ranges->count + 1) * sizeof(WalRange));
				last = &ranges->items[ranges->count++];
				*last = (WalRange){(uint32_t) timeline, (uint64_t) number, 0, 0, 0};
			}
			last->last = (uint64_t) number;
			last->age = world.now - world.written[timeline][number];
		}
	}
}

static void
drop(WalInventory *inventory)
{
	size_t i;

	for (i = 0; i < inventory->nhistories; i++)
		free(inventory->histories[i].ancestors);
	free(inventory->histories);
	free(inventory->ranges.items);
}

/* ---- the oracle ---- */

/* The timeline from which a segment is taken on the way to another one. */
static int
timeline_of(int timeline, uint64_t number)
{
	while (timeline > 1 && number < world.fork[timeline] / SIZE)
		timeline = world.parent[timeline];
	return timeline;
}

static bool
reaches(const WalBase *base, int timeline, uint64_t number)
{
	int at = timeline;
	uint64_t end = UINT64_MAX;
	uint64_t i;

	while (at > 1 && (uint32_t) at != base->timeline)
	{
		end = world.fork[at];
		at = world.parent[at];
	}
	if ((uint32_t) at != base->timeline || end < base->stop || number < (base->stop - 1) / SIZE ||
		timeline_of(timeline, number) != timeline)
		return false;
	for (i = base->start / SIZE; i <= number; i++)
	{
		if (i >= SEGMENTS || !world.there[timeline_of(timeline, i)][i])
			return false;
	}
	return true;
}

/* By any of the first so many base backups. */
static bool
any_reaches(const bool *left, bool good, int timeline, uint64_t number)
{
	int i;

	for (i = 0; i < world.nbases; i++)
	{
		if (left[i] && (world.bases[i].good || !good) && reaches(&world.bases[i], timeline, number))
			return true;
	}
	return false;
}

/* ---- making one ---- */

static uint64_t
below(uint64_t limit)
{
	return limit > 0 ? (uint64_t) random() % limit : 0;
}

static int
by_place(const void *a, const void *b)
{
	const WalBase *left = a;
	const WalBase *right = b;

	if (left->timeline != right->timeline)
		return left->timeline < right->timeline ? -1 : 1;
	return left->stop < right->stop ? -1 : left->stop > right->stop;
}

/* Servers write one timeline after the other, each from somewhere on an older one. */
static void
make_world(void)
{
	double clock = 1000 * DAY;
	int timeline;
	int i;

	memset(&world, 0, sizeof(world));
	world.timelines = 1 + (int) below(TIMELINES);
	for (timeline = 1; timeline <= world.timelines; timeline++)
	{
		uint64_t first = 1 + below(3);
		uint64_t last;
		uint64_t number;

		world.known[timeline] = below(20) > 0;
		if (timeline > 1)
		{
			int parent = 1 + (int) below((uint64_t) timeline - 1);
			uint64_t end = SEGMENTS - 1;

			while (end > 1 && !world.there[parent][end])
				end--;
			first = parent > 1 ? world.fork[parent] / SIZE : 1;
			first += below(end > first ? end - first + 1 : 1);
			world.parent[timeline] = parent;
			world.fork[timeline] = first * SIZE + below(SIZE);
			if (world.fork[timeline] < world.fork[parent])
				world.fork[timeline] = world.fork[parent];
		}
		last = first + below(SEGMENTS - first);
		for (number = first; number <= last; number++)
		{
			double before = clock;

			clock += DAY * (double) (1 + below(100)) / 100;
			world.written[timeline][number] = clock;
			world.there[timeline][number] = below(40) > 0;
			if (world.nbases < BASES && below(8) == 0)
			{
				uint64_t stop = number * SIZE + 1 + below(SIZE - 1);
				uint64_t start =
					(number - below(number - first + 1 < 4 ? number - first + 1 : 4)) * SIZE;

				if (timeline > 1 && start < world.fork[timeline])
					start = world.fork[timeline];
				world.bases[world.nbases++] = (WalBase){.timeline = (uint32_t) timeline,
														.start = start,
														.stop = stop > start ? stop : start + 1,
														.time = before + (clock - before) / 2,
														.good = below(8) > 0};
			}
		}
	}
	world.now = clock + (double) below(20) * DAY / 2;
	qsort(world.bases, (size_t) world.nbases, sizeof(WalBase), by_place);
	for (i = 0; i < world.nbases; i++)
		world.bases[i].position = i;
}

/* ---- what must hold ---- */

/* Segments are removed in this order; the rest is as it would be if that was cut off. */
static int
remove_wal(const WalKept *kept, size_t count, int most)
{
	int removed = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		uint64_t number;

		for (number = 0; number < SEGMENTS && number < kept[i].from; number++)
		{
			bool *there = &world.there[kept[i].timeline][number];

			if (*there && removed == most)
				return removed;
			removed += *there;
			*there = false;
		}
	}
	return removed;
}

/* Segments that seem to be missing: between others, or behind WAL that leads to a timeline. */
static int
gaps(void)
{
	int found = 0;
	int timeline;

	for (timeline = 1; timeline <= world.timelines; timeline++)
	{
		uint64_t fork = world.fork[timeline] / SIZE;
		bool begun = timeline > 1 && fork > 0 && world.there[world.parent[timeline]][fork - 1];
		uint64_t last = SEGMENTS;
		uint64_t number;

		while (last > 0 && !world.there[timeline][last - 1])
			last--;
		for (number = begun ? fork : 0; number < last; number++)
		{
			begun |= world.there[timeline][number];
			found += begun && !world.there[timeline][number];
		}
	}
	return found;
}

typedef struct Reached
{
	bool of[TIMELINES + 1][SEGMENTS];
} Reached;

static void
look(const bool *left, bool good, Reached *reached)
{
	int timeline;
	uint64_t number;

	for (timeline = 1; timeline <= world.timelines; timeline++)
	{
		for (number = 0; number < SEGMENTS; number++)
			reached->of[timeline][number] = any_reaches(left, good, timeline, number);
	}
}

/* What is reached of a time, if the histories are known. */
static void
assert_reached(const Reached *before, const Reached *after, double since)
{
	int timeline;
	int number;

	for (timeline = 1; timeline <= world.timelines; timeline++)
	{
		for (number = 0; number < SEGMENTS; number++)
		{
			if (before->of[timeline][number] && world.written[timeline][number] >= since &&
				!after->of[timeline][number])
				fail_msg("segment %d of timeline %d was in reach", number, timeline);
		}
	}
}

static void
try_world(void)
{
	double seconds = (double) below(30) * DAY;
	WalBases bases = {world.bases, world.nbases};
	WalBases remaining = {NULL, 0};
	WalInventory inventory;
	bool all[BASES];
	bool left[BASES] = {false};
	bool needed[BASES] = {false};
	Reached promised;
	Reached kept_before;
	Reached after;
	WalKept *kept;
	size_t count;
	int before;
	int i;

	memset(all, true, sizeof(all));
	look(all, true, &promised);
	take(&inventory);
	wal_keep_window(&inventory, &bases, world.now, seconds, needed);
	/* Other rules keep some more; and those that are not good, or not. */
	remaining.items = calloc(BASES, sizeof(WalBase));
	for (i = 0; i < world.nbases; i++)
	{
		left[i] = needed[i] || below(4) == 0;
		if (left[i])
			remaining.items[remaining.count++] = world.bases[i];
	}
	look(left, true, &after);
	assert_reached(&promised, &after, world.now - seconds);
	look(left, false, &kept_before);
	before = gaps();
	kept = wal_keep_decide(&inventory, &remaining, seconds, &count);
	(void) remove_wal(kept, count, (int) below(30));
	assert_true(gaps() <= before);
	(void) remove_wal(kept, count, TIMELINES * SEGMENTS);
	assert_true(gaps() <= before);
	look(left, false, &after);
	assert_reached(&kept_before, &after, 0);
	look(left, true, &after);
	assert_reached(&promised, &after, world.now - seconds);
	free(kept);
	free(remaining.items);
	drop(&inventory);
}

static void
test_random(void **state)
{
	const char *given = getenv("NEX_SEED");
	unsigned seed = given != NULL ? (unsigned) strtoul(given, NULL, 10) : (unsigned) time(NULL);
	int i;

	(void) state;
	printf("# NEX_SEED=%u\n", seed);
	srandom(seed);
	for (i = 0; i < 4000; i++)
	{
		make_world();
		try_world();
	}
}

/* Windows end where the oracle comes to, and begin with the oldest good base backup. */
static void
test_windows(void **state)
{
	int n;

	(void) state;
	for (n = 0; n < 500; n++)
	{
		WalBases bases = {world.bases, 0};
		WalInventory inventory;
		WalWindows windows;
		size_t i;

		make_world();
		bases.count = world.nbases;
		take(&inventory);
		wal_windows_find(&inventory, &bases, &windows);
		for (i = 0; i < windows.count; i++)
		{
			const WalWindow *window = &windows.items[i];
			int timeline = (int) window->timeline;

			assert_true(reaches(&world.bases[window->oldest], timeline, window->last));
			assert_true(reaches(&world.bases[window->newest], timeline, window->last));
			assert_false(reaches(&world.bases[window->oldest], timeline, window->last + 1));
			assert_true(world.bases[window->oldest].good);
		}
		free(windows.items);
		drop(&inventory);
	}
}

/* ---- plain cases ---- */

static void
begin(int timelines, int last)
{
	int timeline;
	int number;

	memset(&world, 0, sizeof(world));
	world.timelines = timelines;
	world.now = 1000 * DAY;
	for (timeline = 1; timeline <= timelines; timeline++)
	{
		world.known[timeline] = true;
		world.parent[timeline] = timeline - 1;
		for (number = 1; number <= last; number++)
		{
			world.there[timeline][number] = true;
			world.written[timeline][number] = world.now - (last - number) * DAY;
		}
	}
}

static void
base(int timeline, int segment, bool good)
{
	int i = world.nbases++;

	world.bases[i] = (WalBase){.timeline = (uint32_t) timeline,
							   .start = (uint64_t) segment * SIZE + 40,
							   .stop = (uint64_t) segment * SIZE + 400,
							   .time = world.written[timeline][segment] - 100,
							   .good = good,
							   .position = i};
}

/* From where on timeline N is kept. */
static uint64_t
kept_from(uint32_t timeline, double seconds)
{
	WalBases bases = {world.bases, world.nbases};
	WalInventory inventory;
	WalKept *kept;
	uint64_t from = 0;
	size_t count;
	size_t i;

	take(&inventory);
	kept = wal_keep_decide(&inventory, &bases, seconds, &count);
	for (i = 0; i < count; i++)
		from = kept[i].timeline == timeline ? kept[i].from : from;
	free(kept);
	drop(&inventory);
	return from;
}

static void
test_one_timeline(void **state)
{
	(void) state;
	begin(1, 40);
	assert_int_equal(kept_from(1, 0), 0); /* without a base backup */
	base(1, 20, false);
	assert_int_equal(kept_from(1, 0), 0); /* nor by one that is not good */
	base(1, 30, true);
	assert_int_equal(kept_from(1, 0), 20); /* but such a one keeps its WAL */
	world.bases[0].good = true;
	assert_int_equal(kept_from(1, 0), 20);
}

static void
test_anchors(void **state)
{
	WalBases bases = {world.bases, 4};
	WalInventory inventory;
	bool needed[4] = {false};

	(void) state;
	begin(1, 40);
	base(1, 10, true);
	base(1, 20, true);
	base(1, 25, true);
	base(1, 35, true);
	take(&inventory);
	wal_keep_window(&inventory, &bases, world.now, 14 * DAY, needed);
	assert_false(needed[0] || needed[1] || needed[3]);
	assert_true(needed[2]); /* 15 days old */
	drop(&inventory);
	/* One that is damaged is no anchor. */
	world.bases[2].good = false;
	memset(needed, 0, sizeof(needed));
	take(&inventory);
	wal_keep_window(&inventory, &bases, world.now, 14 * DAY, needed);
	assert_true(needed[1] && !needed[0] && !needed[3]);
	drop(&inventory);
	/* Behind a gap in the window another one is needed. */
	world.there[1][30] = false;
	memset(needed, 0, sizeof(needed));
	take(&inventory);
	wal_keep_window(&inventory, &bases, world.now, 14 * DAY, needed);
	assert_true(needed[1] && needed[3] && !needed[0]);
	drop(&inventory);
}

/* Timeline 2 leaves 1 in segment 20; both were archived up to segment 40. */
static void
test_two_timelines(void **state)
{
	int number;

	(void) state;
	begin(2, 40);
	world.fork[2] = 20 * SIZE + 1000;
	for (number = 1; number < 20; number++)
		world.there[2][number] = false;
	base(1, 10, true);
	base(2, 30, true);
	assert_int_equal(kept_from(1, 0), 10);
	assert_int_equal(kept_from(2, 0), 0); /* the base backup of timeline 1 leads there */
	/* Without it, and after a day of rest, timeline 1 is of no use. */
	world.bases[0] = world.bases[1];
	world.nbases = 1;
	assert_int_equal(kept_from(1, 0), 0);
	world.now += 2 * DAY;
	assert_true(kept_from(1, 0) == UINT64_MAX);
	assert_int_equal(kept_from(1, 7 * DAY), 0);
	assert_int_equal(kept_from(2, 0), 30);
	assert_int_equal(kept_from(2, 7 * DAY), 0); /* what leads there is kept */
	/* A server of a newer timeline has no base backup yet. */
	world.bases[0].timeline = 1;
	world.now += 20 * DAY;
	assert_int_equal(kept_from(1, 0), 30);
	assert_int_equal(kept_from(2, 0), 0);
}

/* Timeline 2 was a try that was given up; the server goes on along timeline 1. */
static void
test_given_up(void **state)
{
	WalBases bases = {world.bases, 3};
	WalInventory inventory;
	bool needed[3] = {false};
	int number;

	(void) state;
	begin(2, 40);
	world.fork[2] = 20 * SIZE + 1000;
	for (number = 1; number <= 40; number++)
	{
		world.there[2][number] = number == 20 || number == 21;
		world.written[2][number] = world.written[1][20];
	}
	base(1, 10, true);
	base(1, 24, true);
	base(1, 35, true);
	take(&inventory);
	wal_keep_window(&inventory, &bases, world.now, 14 * DAY, needed);
	assert_true(needed[1] && !needed[0] && !needed[2]);
	wal_keep_window(&inventory, &bases, world.now, 30 * DAY, needed);
	assert_true(needed[0]);
	drop(&inventory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_timeline),  cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_two_timelines), cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_windows),       cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
