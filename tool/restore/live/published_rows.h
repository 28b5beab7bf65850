/*-------------------------------------------------------------------------
 *
 * published_rows.h
 *	  Rows of a part that subscribers would get.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PUBLISHED_ROWS_H
#define NEX_PUBLISHED_ROWS_H

#include "connection.h"
#include "rename.h"

/*
 * Would a publication send the rows of the tables that were made, which have
 * none yet?  False (reported) then, or on failure; with --yes it is a warning.
 */
extern bool published_rows_check(const RestorePlan *plan, Connection *connection,
								 const RenameMap *map);

#endif /* NEX_PUBLISHED_ROWS_H */
