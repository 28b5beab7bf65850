/*-------------------------------------------------------------------------
 *
 * early_indexes.h
 *	  Building the indexes and constraints of big tables while other tables are
 *	  still loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EARLY_INDEXES_H
#define NEX_EARLY_INDEXES_H

#include "restore_plan.h"

typedef struct EarlyIndexes EarlyIndexes;

/* Read the archive's table of contents and choose, perhaps nothing. */
extern EarlyIndexes *early_indexes_plan(const RestorePlan *plan);

/*
 * The order in which to load tables is by this, falling: a table's size, or
 * that of a bigger one whose foreign keys wait for it.
 */
extern uint64_t early_indexes_urgency(const EarlyIndexes *early, int32_t table);

/* All rows of a table (position in the manifest) are committed, or it has none. */
extern void early_indexes_table_loaded(EarlyIndexes *early, int32_t table);

/* The table's rows come later than all others, if at all. */
extern void early_indexes_table_refused(EarlyIndexes *early, int32_t table);

/*
 * Take an index or constraint that can be built now, of the biggest table
 * first.  With `wait` (there are no more rows to load), waits for one until none is left; false if
 * there is none.
 */
extern bool early_indexes_claim(EarlyIndexes *early, bool wait, uint32_t *index);

/* Build it.  An index that cannot be built is left to the post-data section, which reports why. */
extern void early_indexes_build(EarlyIndexes *early, uint32_t index);

/* Note in plan->early what was built, and free. */
extern void early_indexes_finish(EarlyIndexes *early);

#endif /* NEX_EARLY_INDEXES_H */
