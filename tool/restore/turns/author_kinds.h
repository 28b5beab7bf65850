/*-------------------------------------------------------------------------
 *
 * author_kinds.h
 *	  Which entries of an archive their authors make, by kind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AUTHOR_KINDS_H
#define NEX_AUTHOR_KINDS_H

#include "archive_toc.h"
#include "definitions.h"

/* Is it known what becomes of an entry of this kind? */
extern bool author_kind_is_known(const TocEntry *entry);

/*
 * What making the entry changes in the catalogs, and not more; NULL if the
 * session makes it: it is of a kind that has no expressions, types or literals,
 * or this one has none.
 */
extern const CatalogChange *author_kind_changes(const ArchiveToc *toc, const TocEntry *entry);

/* How often the definition sets something of a column, which changes its row in pg_attribute. */
extern long long author_kind_column_changes(const TocEntry *entry);

#endif /* NEX_AUTHOR_KINDS_H */
