/*-------------------------------------------------------------------------
 *
 * reachable.h
 *	  Can anybody connect to what was restored?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REACHABLE_H
#define NEX_REACHABLE_H

#include "restore_plan.h"

/*
 * With all its settings in force, connect to the database once.  If that fails
 * for what it is, plan->unreachable is set and an error reported: it is
 * complete, but must not take the place of one that works.
 */
extern void reachable_check(const RestorePlan *plan);

#endif /* NEX_REACHABLE_H */
