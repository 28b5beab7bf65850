/*-------------------------------------------------------------------------
 *
 * long_entries.h
 *	  Definitions of the schema that are too long for any server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LONG_ENTRIES_H
#define NEX_LONG_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/*
 * Cut entries out of an archive of pg_dump: comments and labels with more SQL
 * than `longest_comment` bytes, others with more than `longest`, and what is
 * about them.  Appends a warning to `warnings` for each, as pg_dump writes
 * them, and for each that pg_dump has lost.  True if any was cut.  One that
 * cannot be read is left as it is.
 */
extern bool long_entries_cut(Buffer *archive, size_t longest_comment, size_t longest,
							 Buffer *warnings);

#endif /* NEX_LONG_ENTRIES_H */
