/*-------------------------------------------------------------------------
 *
 * authors.h
 *	  Definitions that would run with the rights of another role than the one
 *	  that wrote them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AUTHORS_H
#define NEX_AUTHORS_H

#include "archive_toc.h"
#include "restore_plan.h"
#include "session_rights.h"

/*
 * Before a part is restored: false (reported) if something of it could run code
 * of its author with the rights of another role, of the session with --no-owner.
 */
extern bool authors_check(const RestorePlan *plan, Connection *connection);

/*
 * An entry of a table is to be computed as the role, or as the session if that
 * is NULL.  False (reported) if a table that it inherits or is a partition of
 * in the backup, of another role, may have brought `what` it runs.
 */
extern bool authors_check_parents(const RestorePlan *plan, Connection *connection,
								  const TocEntry *entry, const char *role, const char *what);

/* The same for the rows of a table, whose entry may be NULL. */
extern bool authors_check_rows(const RestorePlan *plan, Connection *connection,
							   const TocEntry *entry, const RowRights *rights);

#endif /* NEX_AUTHORS_H */
