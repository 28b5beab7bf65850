/*-------------------------------------------------------------------------
 *
 * late_checks.h
 *	  CHECK constraints that are added after the rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LATE_CHECKS_H
#define NEX_LATE_CHECKS_H

#include "rename.h"

/*
 * Before anything is restored: false (reported) if a constraint would be
 * computed, and nobody's rights would be right for it.
 */
extern bool late_checks_check(const RestorePlan *plan, Connection *connection);

/*
 * Restore the entry, with the rows that there are looked at by whoever may, and
 * with *done true; false: it is to be run as any other entry.  False (reported)
 * on failure.
 */
extern bool late_check_run(Connection *connection, const RenameMap *map, const TocEntry *entry,
						   bool *done);

#endif /* NEX_LATE_CHECKS_H */
