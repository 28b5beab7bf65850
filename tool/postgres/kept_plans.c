/*-------------------------------------------------------------------------
 *
 * kept_plans.c
 *	  Queries that a session asks many times, planned once.
 *
 * A part of a backup that is restored into a live database is looked at table
 * by table, and step by step, by queries over a dozen catalogs.  The server
 * plans such a query for longer than it runs it: twenty milliseconds on a busy
 * machine, thousands of times.  So what comes again is prepared.  Without
 * plan_cache_mode the server would plan the first five times, and perhaps for
 * ever, as arrays of some oids look cheaper than an array of unknown length.
 *
 * Nobody can give a statement of ours another meaning: code of others runs in
 * security-restricted operations alone, which may neither PREPARE nor
 * DEALLOCATE.  A text is compared, not its address: some are made as they are
 * needed.
 *
 *-------------------------------------------------------------------------
 */
#include "kept_plans.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* Texts with values in them come once, and must not be kept forever. */
#define MOST_PLANS 1000

typedef struct KeptPlan
{
	char *sql;
	bool prepared;
} KeptPlan;

struct KeptPlans
{
	KeptPlan *items;
	uint32_t count;
	char *work_mem;
};

struct KeptPlans *
kept_plans_new(const char *work_mem)
{
	struct KeptPlans *plans = xcalloc(1, sizeof(*plans));

	plans->work_mem = xstrdup(work_mem);
	return plans;
}

const char *
kept_plans_work_mem(const struct KeptPlans *plans)
{
	return plans->work_mem;
}

void
kept_plans_free(struct KeptPlans *plans)
{
	uint32_t i;

	for (i = 0; plans != NULL && i < plans->count; i++)
		free(plans->items[i].sql);
	if (plans != NULL)
	{
		free(plans->items);
		free(plans->work_mem);
	}
	free(plans);
}

uint32_t
kept_plans_find(struct KeptPlans *plans, const char *sql, bool *first)
{
	uint32_t i;

	*first = false;
	for (i = 0; i < plans->count; i++)
	{
		if (strcmp(plans->items[i].sql, sql) == 0)
			return i;
	}
	*first = true;
	if (plans->count == MOST_PLANS)
		return 0;
	plans->items = xrealloc(plans->items, ((size_t) i + 1) * sizeof(KeptPlan));
	plans->items[i] = (KeptPlan){xstrdup(sql), false};
	plans->count++;
	return i;
}

bool
kept_plans_prepared(const struct KeptPlans *plans, uint32_t place)
{
	return plans->items[place].prepared;
}

void
kept_plans_note(struct KeptPlans *plans, uint32_t place)
{
	plans->items[place].prepared = true;
}
