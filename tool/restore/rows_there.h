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

/*
 * The condition, as SQL, that a row t of the table copy->shown has the key of
 * the row r of a stage with the columns of `source`; NULL if the table has no
 * key, or `role` (NULL: the current one) may not see all its rows.  Caller
 * frees.  False (reported) on failure.
 */
extern bool rows_there_condition(const RowCopy *copy, const ManifestTable *source, const char *role,
								 char **condition);

/*
 * Of `rows` rows, `added` were added, and `present` have their key in the table
 * now: how many were there before?  All others were kept out.
 */
extern uint64_t rows_there_before(uint64_t rows, uint64_t added, uint64_t present);

#endif /* NEX_ROWS_THERE_H */
