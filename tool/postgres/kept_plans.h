/*-------------------------------------------------------------------------
 *
 * kept_plans.h
 *	  Queries that a session asks many times, planned once.
 *
 * This file knows which they are; connection.c asks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KEPT_PLANS_H
#define NEX_KEPT_PLANS_H

#include <stdbool.h>
#include <stdint.h>

struct KeptPlans;

/* With the work_mem that the session has otherwise (look_plans.c). */
extern struct KeptPlans *kept_plans_new(const char *work_mem);
extern const char *kept_plans_work_mem(const struct KeptPlans *plans);
extern void kept_plans_free(struct KeptPlans *plans);

/* The number of this text; *first if it was never asked. */
extern uint32_t kept_plans_find(struct KeptPlans *plans, const char *sql, bool *first);

/* Is it prepared?  From now on it is. */
extern bool kept_plans_prepared(const struct KeptPlans *plans, uint32_t place);
extern void kept_plans_note(struct KeptPlans *plans, uint32_t place);

#endif /* NEX_KEPT_PLANS_H */
