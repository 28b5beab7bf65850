/*-------------------------------------------------------------------------
 *
 * moment_text.c
 *	  A moment in words.
 *
 *-------------------------------------------------------------------------
 */
#include "moment_text.h"

#include "memory.h"
#include "wal_position.h"

char *
moment_text(const RecoveryPlan *plan)
{
	const char *where = plan->target.exclusive ? "before" : "at";
	char time[TARGET_TIME_SIZE];
	char lsn[WAL_POSITION_SIZE];

	switch (plan->target.kind)
	{
		case TARGET_TIME:
			recovery_time_text(plan->target.time, time);
			return xasprintf("%s %s", where, time);
		case TARGET_LSN:
			wal_lsn_print(plan->target.lsn, lsn);
			return xasprintf("%s %s", where, lsn);
		case TARGET_XID:
			return xasprintf("%s the end of transaction %u",
							 plan->target.exclusive ? "before" : "after", plan->target.xid);
		case TARGET_NAME:
			return xasprintf("at restore point %s", plan->target.name);
		case TARGET_IMMEDIATE:
			return xasprintf("at the end of base backup %s", plan->base->id);
		case TARGET_END:
			break;
	}
	return xstrdup("at the end of the archived WAL");
}
