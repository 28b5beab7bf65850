/*-------------------------------------------------------------------------
 *
 * rows_there.h
 *	  Which rows of a backup does a table have already?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROWS_THERE_H
#define NEX_ROWS_THERE_H

#include "row_copy.h"

/* Where rows are before they are added. */
#define ROW_STAGE "pg_temp.nex_backup_rows"

/*
 * The query, as SQL, for the number of rows of ROW_STAGE, which has the columns
 * of `source`, whose key the table copy->shown has; NULL if the table has no
 * key, or `role` (NULL: the current one) may not see all its rows.  Caller
 * frees.  False (reported) on failure.
 *
 * The server plans it over the table.  So it is for the owner's turn, or for a
 * session that row_rights_decide() has let ask (`counted`).
 */
extern bool rows_there_query(const RowCopy *copy, const ManifestTable *source, const char *role,
							 char **query);

/* In place of how many rows have their key in the table: no key tells. */
#define ROWS_THERE_UNTOLD UINT64_MAX

/*
 * Of `rows` rows, `added` were added, and `present` have their key in the table
 * now: how many were there before?  All others were kept out.
 */
extern uint64_t rows_there_before(uint64_t rows, uint64_t added, uint64_t present);

#endif /* NEX_ROWS_THERE_H */
