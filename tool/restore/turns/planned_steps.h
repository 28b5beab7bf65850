/*-------------------------------------------------------------------------
 *
 * planned_steps.h
 *	  Definitions for which the server plans queries over tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLANNED_STEPS_H
#define NEX_PLANNED_STEPS_H

#include "definitions.h"
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
 * Run a statement that computes nothing of others (such as one that adds a
 * constraint without a look at the rows), then let the owner run others
 * (owner_turn.c); either can be NULL.  False (reported) on failure.
 */
extern bool planned_step_take_turn(Connection *connection, const TocEntry *entry, const char *owner,
								   const char *first, const char *then);

/* Let the owner make the object of the entry, by no more than `changes`; NULL: a table. */
extern bool planned_step_make(Connection *connection, const TocEntry *entry, const char *owner,
							  const char *statements, const CatalogChange *changes);

#endif /* NEX_PLANNED_STEPS_H */
