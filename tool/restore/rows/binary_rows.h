/*-------------------------------------------------------------------------
 *
 * binary_rows.h
 *	  Rows of COPY's text format to rows of its binary format.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BINARY_ROWS_H
#define NEX_BINARY_ROWS_H

#include <stdint.h>

#include "buffer.h"
#include "value_writer.h"

/* Belongs to one thread. */
typedef struct BinaryRows
{
	ValueWriter *writers; /* one a column */
	int columns;
	Buffer value; /* the last value that had escapes, without them */
} BinaryRows;

/* Bytes of text.  A longer row is not converted: two more copies of it would take more memory than
 * the server's time is worth. */
#define BINARY_ROW_LIMIT (16 * 1024 * 1024)

/* What the format has before the first row, and behind the last one. */
extern void binary_rows_begin(Buffer *out);
extern void binary_rows_end(Buffer *out);

/*
 * Convert whole rows of a text until `out` holds `enough` bytes, and add their number to *count.
 * Returns how much of the text they were: less than all of it, with `out` not that full, if the
 * next row is too long or has something that is not written here (see value_writer.h).
 */
extern size_t binary_rows_convert(BinaryRows *rows, const char *text, size_t length, size_t enough,
								  Buffer *out, uint64_t *count);

#endif /* NEX_BINARY_ROWS_H */
