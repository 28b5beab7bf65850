/*-------------------------------------------------------------------------
 *
 * default_grants.h
 *	  Keeping the default privileges of a live database away from what is
 *	  restored into it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEFAULT_GRANTS_H
#define NEX_DEFAULT_GRANTS_H

#include "rename.h"

/* Give the entry's object the privileges that a new object has by itself. */
extern bool default_grants_reset(Connection *connection, const RenameMap *map,
								 const TocEntry *entry);

/* The same; the statements that undo it are added to the lines. */
extern bool default_grants_take(Connection *connection, const RenameMap *map, const TocEntry *entry,
								Lines *back);

#endif /* NEX_DEFAULT_GRANTS_H */
