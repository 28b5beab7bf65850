/*-------------------------------------------------------------------------
 *
 * long_entries.h
 *	  Definitions of the schema that do not belong in a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LONG_ENTRIES_H
#define NEX_LONG_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/*
 * Copy an archive of pg_dump without some of its entries: comments and labels
 * with more SQL than `longest_comment` bytes, others with more than `longest`,
 * and what is about them.  Appends a warning to `warnings` for each, as pg_dump
 * writes them, and for each that pg_dump has lost.  The entry of what is set for
 * the database goes always, without a warning: the backup has a member for that.
 * True if any was cut.  An archive that cannot be read is copied as it is.
 */
extern bool long_entries_cut(const char *archive, size_t length, size_t longest_comment,
							 size_t longest, Buffer *kept, Buffer *warnings);

#endif /* NEX_LONG_ENTRIES_H */
