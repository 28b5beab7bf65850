/*-------------------------------------------------------------------------
 *
 * early_indexes.h
 *	  Building the indexes of big tables while other tables are still loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EARLY_INDEXES_H
#define NEX_EARLY_INDEXES_H

#include "restore.h"

typedef struct EarlyIndexes EarlyIndexes;

/* Read the archive's table of contents and choose, perhaps nothing. */
extern EarlyIndexes *early_indexes_plan(RestorePlan *plan);

/* All rows of a table (position in the manifest) are committed. */
extern void early_indexes_table_loaded(EarlyIndexes *early, int32_t table);

/*
 * Take an index that can be built now, of the biggest table first.  With
 * `wait`, waits for one until none is left; false if there is none.
 */
extern bool early_indexes_claim(EarlyIndexes *early, bool wait, uint32_t *index);

/* Build it.  An index that cannot be built is left to the post-data section, which reports why. */
extern void early_indexes_build(EarlyIndexes *early, uint32_t index);

/* Note in plan->early what was built, and free. */
extern void early_indexes_finish(EarlyIndexes *early);

#endif /* NEX_EARLY_INDEXES_H */
