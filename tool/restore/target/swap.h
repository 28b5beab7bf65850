/*-------------------------------------------------------------------------
 *
 * swap.h
 *	  Putting the restored database in the place of the live one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SWAP_H
#define NEX_SWAP_H

#include "restore_plan.h"

/*
 * Before anything is done: can the live database be renamed, and with
 * --discard-old dropped, at the end?  False (reported) if not.
 */
extern bool target_database_can_be_replaced(const RestorePlan *plan);

/* Put the filled database in the place of the live one, which is kept (or dropped with
 * --discard-old). */
extern bool target_database_swap(RestorePlan *plan);

/*
 * Keep the database that we filled, and say by which commands it takes the
 * place of the live one; `what` is the beginning of that sentence.
 */
extern void target_database_keep(const RestorePlan *plan, const char *what);

#endif /* NEX_SWAP_H */
