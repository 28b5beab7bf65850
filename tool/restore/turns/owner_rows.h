/*-------------------------------------------------------------------------
 *
 * owner_rows.h
 *	  Rows added to a table with the rights of its owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_ROWS_H
#define NEX_OWNER_ROWS_H

#include "row_copy.h"
#include "session_rights.h"

/*
 * Send the members of a table (position in the manifest) and add them to
 * copy->shown, its quoted name, as the owner; *added is the number of rows
 * that the table took.  With `skip`, rows that conflict are left out; *present
 * is the number of those that have their key in the table then.
 */
extern RowCopyStatus owner_rows_add(RowCopy *copy, const RowRights *rights, int32_t table,
									bool skip, uint64_t *added, uint64_t *present);

#endif /* NEX_OWNER_ROWS_H */
