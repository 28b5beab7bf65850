/*-------------------------------------------------------------------------
 *
 * bad_row.h
 *	  Which row a failed COPY stumbled over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BAD_ROW_H
#define NEX_BAD_ROW_H

#include "copy_stream.h"

/*
 * The ctid of the row after the first `rows` rows of the chunk, as text, or
 * NULL if it cannot be told.  Ends the worker's transaction and begins
 * another one.  Caller frees.
 */
extern char *bad_row_find(const CopyStream *stream, int table, uint64_t rows);

/* May a failed COPY be the fault of one row: too wide, or damaged?  If so, what to do about it. */
extern const char *bad_row_hint(const PGresult *result);

#endif /* NEX_BAD_ROW_H */
