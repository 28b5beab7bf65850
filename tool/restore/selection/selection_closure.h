/*-------------------------------------------------------------------------
 *
 * selection_closure.h
 *	  Everything that follows from what was chosen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_CLOSURE_H
#define NEX_SELECTION_CLOSURE_H

#include "chosen.h"

/* Add everything that follows from what was chosen. */
extern void selection_close(Selection *selection);

/* In the archive, is `child` a partition of `parent`? */
extern bool selection_is_partition(const Selection *selection, const TocEntry *child,
								   const TocEntry *parent);

/* Is the entry, which depends on the other one, a part of it? */
extern bool selection_belongs_to(const TocEntry *entry, const TocEntry *other);

/* The entry of the table that this one is a part of, or NULL. */
extern const TocEntry *selection_table_of(const Selection *selection, const TocEntry *entry);

/*
 * The query of a view that pg_dump had to take apart, or NULL.  That happens
 * if something that the query needs comes after the views: a primary key, for
 * GROUP BY.  The entry of the view itself has columns of NULL only.
 */
extern const TocEntry *selection_view_query(const Selection *selection, const TocEntry *view);

#endif /* NEX_SELECTION_CLOSURE_H */
