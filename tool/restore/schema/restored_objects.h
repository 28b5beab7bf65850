/*-------------------------------------------------------------------------
 *
 * restored_objects.h
 *	  Does a database have what the archive of its schema lists?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORED_OBJECTS_H
#define NEX_RESTORED_OBJECTS_H

#include "restore_plan.h"

/*
 * Count the objects of the working database, by kind, and compare the counts
 * with the archive's table of contents.  False (reported) if there are fewer.
 */
extern bool restored_objects_check(const RestorePlan *plan);

/*
 * Note which materialized views have no rows: those that had none, and those
 * that read one of them.  False (reported) on failure.
 */
extern bool restored_objects_unpopulated(const RestorePlan *plan, Connection *connection);

#endif /* NEX_RESTORED_OBJECTS_H */
