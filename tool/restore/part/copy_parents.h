/*-------------------------------------------------------------------------
 *
 * copy_parents.h
 *	  --as: a copy is not a child of a table that lives.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_PARENTS_H
#define NEX_COPY_PARENTS_H

#include "connection.h"
#include "rename.h"

/*
 * Take the tables of a part with --as out of those that they inherit from and
 * that do not come with the part, and report it as left out.  To be called
 * when they are made and have no rows yet.  False (reported) on failure.
 */
extern bool copy_parents_leave(const RestorePlan *plan, Connection *connection,
							   const RenameMap *map);

#endif /* NEX_COPY_PARENTS_H */
