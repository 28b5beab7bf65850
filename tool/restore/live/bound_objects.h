/*-------------------------------------------------------------------------
 *
 * bound_objects.h
 *	  What the objects that a part has made in a live database rest on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BOUND_OBJECTS_H
#define NEX_BOUND_OBJECTS_H

#include "rename.h"

/*
 * In the transaction that has made them: false (reported) if one rests on
 * something of another role that it does not rest on in the archive.
 */
extern bool bound_objects_check(const RestorePlan *plan, Connection *connection,
								const RenameMap *map);

/* The same before what was made since may be called by a definition; nothing if it cannot be. */
extern bool bound_objects_settle(const RestorePlan *plan, Connection *connection,
								 const RenameMap *map);

/* The same before rows come, or functions run that may touch tables that were made. */
extern bool bound_objects_settle_rows(const RestorePlan *plan, Connection *connection,
									  const RenameMap *map);

/* The entry has been made. */
extern void bound_objects_note(const RestorePlan *plan, const TocEntry *entry);

#endif /* NEX_BOUND_OBJECTS_H */
