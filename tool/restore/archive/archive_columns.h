/*-------------------------------------------------------------------------
 *
 * archive_columns.h
 *	  The columns of a table, and what their types are made of, as the archive
 *	  of a backup has them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARCHIVE_COLUMNS_H
#define NEX_ARCHIVE_COLUMNS_H

#include "archive_toc.h"

typedef struct ArchiveColumn
{
	char *name;
	char *type; /* as format_type() writes it with an empty search_path */
	bool generated;
} ArchiveColumn;

typedef struct ArchiveColumns
{
	ArchiveColumn *items;
	uint32_t count;
} ArchiveColumns;

/* What a type is made of, once its domains are looked through. */
typedef struct ArchiveType
{
	char *base; /* without the "[]" of an array */
	bool array; /* of one dimension or of more */
	const TocEntry
		*entry;  /* what defines it, a composite type or an enum; NULL: not in the archive */
	bool labels; /* an enum */
} ArchiveType;

/*
 * The columns of a table, with those that it has of its parents or of the type
 * that it is of; or the attributes of a composite type.  What the archive does
 * not say is left out.
 */
extern void archive_columns_read(const ArchiveToc *toc, const TocEntry *entry,
								 ArchiveColumns *columns);
/* NULL if there is none of this name. */
extern const ArchiveColumn *archive_columns_find(const ArchiveColumns *columns, const char *name);
extern void archive_columns_free(ArchiveColumns *columns);

extern void archive_type_read(const ArchiveToc *toc, const char *type, ArchiveType *found);
extern void archive_type_free(ArchiveType *type);

#endif /* NEX_ARCHIVE_COLUMNS_H */
