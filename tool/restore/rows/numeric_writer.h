/*-------------------------------------------------------------------------
 *
 * numeric_writer.h
 *	  The binary form of numeric.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NUMERIC_WRITER_H
#define NEX_NUMERIC_WRITER_H

#include <stddef.h>

/* A ValueWriter; see value_writer.h. */
extern char *value_write_numeric(char *out, const char *text, size_t length);

#endif /* NEX_NUMERIC_WRITER_H */
