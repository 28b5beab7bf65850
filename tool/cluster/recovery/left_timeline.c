/*-------------------------------------------------------------------------
 *
 * left_timeline.c
 *	  Has a timeline that a recovery leaves gone on for longer?
 *
 *-------------------------------------------------------------------------
 */
#include "left_timeline.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "path_reader.h"

/* Its last transaction, if it has one behind the place where it was left. */
static bool
find_last(const RecoveryPlan *plan, int step, WalEvent *last)
{
	RecoveryPath path;
	char *problem =
		recovery_path_find(&plan->inventory, plan->base, plan->path.steps[step].timeline, &path);
	bool found = problem == NULL && path_newest(&path, last) &&
				 last->lsn >= plan->path.steps[step + 1].begin;

	recovery_path_free(&path);
	free(problem);
	return found;
}

void
left_timeline_warn(const RecoveryPlan *plan)
{
	uint32_t timeline = plan->path.steps[plan->path.count - 1].timeline;
	char left[TARGET_TIME_SIZE];
	char taken[TARGET_TIME_SIZE];
	char *hint;
	WalEvent last;
	int i;

	for (i = 0; plan->has_newest && i < plan->path.count - 1; i++)
	{
		if (!find_last(plan, i, &last) || last.time <= plan->newest.time)
			continue;
		recovery_time_text(last.time, left);
		recovery_time_text(plan->newest.time, taken);
		hint = xasprintf("If a server went on along timeline %u, --timeline=%u recovers that.",
						 plan->path.steps[i].timeline, plan->path.steps[i].timeline);
		log_warning_hint(
			hint,
			"timeline %u, which timeline %u has left, goes on: its last transaction is "
			"that of %s, and that of timeline %u is of %s",
			plan->path.steps[i].timeline, timeline, left, timeline, taken);
		free(hint);
	}
}
