/*-------------------------------------------------------------------------
 *
 * inline_parts.h
 *	  What each part of CREATE TABLE or CREATE DOMAIN names itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_INLINE_PARTS_H
#define NEX_INLINE_PARTS_H

#include "archive_toc.h"

typedef enum InlineKind
{
	INLINE_WHOLE,     /* no part: the key of a partitioned table, the default of a domain */
	INLINE_COLUMN,    /* what a column is by default, or is generated as */
	INLINE_CONSTRAINT /* of a table or domain */
} InlineKind;

typedef enum InlineRead
{
	INLINE_ABSENT,
	INLINE_FOUND,
	INLINE_UNREADABLE /* not what pg_dump writes: whoever asks must expect anything */
} InlineRead;

/*
 * The text of a part in a definition, which is that of the entry, perhaps with
 * names changed (--as).  Absent is what does not stand there, as what a table
 * has of its parents; what computes nothing has an empty text.  Caller frees.
 */
extern InlineRead inline_part_read(const TocEntry *entry, const char *definition, InlineKind kind,
								   const char *name, char **text);

/*
 * What the server computes, as far as it is constant, when it makes the table:
 * generated columns and the key, one behind the other.  Caller frees.
 */
extern InlineRead inline_computed_read(const TocEntry *entry, char **text);

/* Does the text of a part name this function or operator, with its schema? */
extern bool inline_part_names(const char *part, const TocEntry *used);

/* The table that a table inherits from, by number; NULL behind the last. */
extern const TocEntry *inline_parts_parent(const ArchiveToc *toc, const TocEntry *table,
										   uint32_t number);

#endif /* NEX_INLINE_PARTS_H */
