/*-------------------------------------------------------------------------
 *
 * authors.h
 *	  Definitions that would belong to another role than the one that wrote them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AUTHORS_H
#define NEX_AUTHORS_H

#include "partial.h"
#include "row_rights.h"

/*
 * Before a part is restored with --no-owner: false (reported) if something of
 * it could run code of its author with the rights of the session.
 */
extern bool authors_check(const RestorePlan *plan, Connection *connection);

/* The same for the rows of a table, whose entry may be NULL. */
extern bool authors_check_rows(const RestorePlan *plan, Connection *connection,
							   const TocEntry *entry, const RowRights *rights);

#endif /* NEX_AUTHORS_H */
