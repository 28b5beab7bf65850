/*-------------------------------------------------------------------------
 *
 * row_parents.h
 *	  What a live table has taken over from tables of others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROW_PARENTS_H
#define NEX_ROW_PARENTS_H

#include "session_rights.h"

/*
 * The table runs `rights->code` when rows come, as rights->owner or as the
 * session.  False (reported) if a table of another role, which it inherits or
 * is a partition of, or a partition of it, may have brought that.
 */
extern bool row_parents_check(Connection *connection, const char *oid, const char *shown,
							  const RowRights *rights);

#endif /* NEX_ROW_PARENTS_H */
