/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  The counters of the operation that is running; there is only ever one.
 *
 *-------------------------------------------------------------------------
 */
#include "progress.h"

#include <time.h>

Progress progress;

void
progress_phase(const char *phase, const char *unit, uint64_t units_total, uint64_t weight_total)
{
	atomic_store(&progress.units_done, 0);
	atomic_store(&progress.weight_done, 0);
	atomic_store(&progress.raw_bytes, 0);
	atomic_store(&progress.stored_bytes, 0);
	atomic_store(&progress.units_total, units_total);
	atomic_store(&progress.weight_total, weight_total);
	atomic_store(&progress.unit, unit);

	/* Last: whoever sees the new name sees the new counters. */
	atomic_store(&progress.phase, phase);
}

void
progress_item(unsigned item, unsigned items, const char *name)
{
	atomic_store(&progress.item, item);
	atomic_store(&progress.item_name, name);
	atomic_store(&progress.items, items);
}

int64_t
progress_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec;
}
