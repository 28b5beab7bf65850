/*-------------------------------------------------------------------------
 *
 * in_place_post.h
 *	  What comes after the rows, into a database that exists.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_IN_PLACE_POST_H
#define NEX_IN_PLACE_POST_H

#include "rename.h"
#include "restore_plan.h"

/*
 * Everything after the rows, into a database that exists,
 * where code of others runs in between.
 */
extern bool in_place_post_data(const RestorePlan *plan, Connection *connection,
							   const RenameMap *map);

/* Attach partitions of tables that are restored, and have no rows yet. */
extern bool in_place_attach(const RestorePlan *plan, Connection *connection, const RenameMap *map);

#endif /* NEX_IN_PLACE_POST_H */
