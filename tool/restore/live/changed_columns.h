/*-------------------------------------------------------------------------
 *
 * changed_columns.h
 *	  Columns of a live table that are not what they were at the backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHANGED_COLUMNS_H
#define NEX_CHANGED_COLUMNS_H

#include "connection.h"
#include "selection.h"

typedef struct ChangedColumns
{
	Lines altered; /* whose values would not come back as they were: table, column, both types */
	Lines missing; /* tables, and their columns of which the backup has no values */
} ChangedColumns;

/*
 * Compare the columns of the live table `oid` with those that the entry of the
 * archive has; `shown` is the table's name for messages.  Adds to the lines.
 * False (reported) on failure.
 */
extern bool changed_columns_find(const ArchiveToc *toc, Connection *connection,
								 const TocEntry *entry, uint32_t oid, const char *shown,
								 ChangedColumns *changed);
extern void changed_columns_free(ChangedColumns *changed);

/* All lines in one, for a DETAIL: not more than twenty.  Caller frees. */
extern char *changed_columns_text(const Lines *lines);

#endif /* NEX_CHANGED_COLUMNS_H */
