/*-------------------------------------------------------------------------
 *
 * entry_calls.h
 *	  What making an entry of the archive computes, as its definition has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ENTRY_CALLS_H
#define NEX_ENTRY_CALLS_H

#include <stdbool.h>

#include "archive_toc.h"

/* Can building the index or the constraint call functions of users? */
extern bool entry_calls_functions(const TocEntry *entry);

/* Is it a CHECK constraint that is computed for all rows when it is added? */
extern bool entry_checks_rows(const TocEntry *entry);

/*
 * Is it a constraint that is added without a look at the rows, for which nothing
 * is computed and nothing planned: NOT VALID, or (PostgreSQL 18) NOT ENFORCED?
 */
extern bool entry_leaves_rows(const TocEntry *entry);

/* Is it a partitioned table, whose key is compared by an operator class? */
extern bool entry_is_partitioned(const TocEntry *entry);

/* Is it a range type? */
extern bool entry_is_range(const TocEntry *entry);

#endif /* NEX_ENTRY_CALLS_H */
