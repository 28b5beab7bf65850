/*-------------------------------------------------------------------------
 *
 * in_place_objects.h
 *	  What comes before the rows, into a database that exists.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_IN_PLACE_OBJECTS_H
#define NEX_IN_PLACE_OBJECTS_H

#include "connection.h"
#include "rename.h"
#include "restore_plan.h"

/* All objects of the pre-data section, but for what is attached.  False (reported) on failure. */
extern bool in_place_objects(const RestorePlan *plan, Connection *connection, const RenameMap *map);

#endif /* NEX_IN_PLACE_OBJECTS_H */
