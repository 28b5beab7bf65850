/*-------------------------------------------------------------------------
 *
 * planned_steps.h
 *	  Definitions for which the server plans queries over tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLANNED_STEPS_H
#define NEX_PLANNED_STEPS_H

#include "rename.h"

/*
 * Called before code of others runs, for what was decided by then and is not
 * yet done; false (reported) on failure.
 */
typedef struct BeforeTurn
{
	bool (*run)(void *argument);
	void *argument;
} BeforeTurn;

/*
 * Before anything is restored: false (reported) if it is known already that an
 * entry would run code of others with rights that they would gain by.
 */
extern bool planned_steps_check(const RestorePlan *plan, Connection *connection,
								const RenameMap *map);

/*
 * When all that comes before the entry is there: lock the tables and look at
 * what would be computed.  If that is code of others, the entry is restored
 * with the rights of their owner, and *done says so.  Otherwise it is to be
 * run as any other one.  False (reported) on failure, and if nobody's rights
 * would be right.
 */
extern bool planned_step_run(const RestorePlan *plan, Connection *connection, const RenameMap *map,
							 const TocEntry *entry, const BeforeTurn *before, bool *done);

/*
 * The same of many entries of one kind, whose tables are locked and looked at
 * together: *clean says that none of them is code of others, so that all of them
 * are to be run as any other one, before anybody has a turn.  Otherwise each is
 * to be asked for by itself.  False (reported) on failure.
 */
extern bool planned_steps_clean(const RestorePlan *plan, Connection *connection,
								const RenameMap *map, const TocEntry *const *entries,
								uint32_t count, bool *clean);

#endif /* NEX_PLANNED_STEPS_H */
