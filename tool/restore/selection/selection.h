/*-------------------------------------------------------------------------
 *
 * selection.h
 *	  The part of a backup that is to be restored: what was asked for, what
 *	  belongs to it, and what it needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_H
#define NEX_SELECTION_H

#include "chosen.h"

typedef struct Settings Settings;

/* What DROP … CASCADE took of an entry that is not restored. */
typedef enum Lost
{
	LOST_NOTHING,
	LOST_PARTS, /* it is there, without what used something that was dropped */
	LOST_ALL
} Lost;

/*
 * Choose by the settings' --table, --schema and --exclude-table, then follow
 * the dependencies.  False (reported) if a pattern is none or matches nothing.
 * The toc must be loaded before.
 */
extern bool selection_make(Selection *selection, const Settings *settings);
extern void selection_free(Selection *selection);

/* Report the objects that are restored under a name that is taken; true if there are none. */
extern bool selection_check_existing(const Selection *selection);

/* selection_closure.c: everything that follows from what was chosen. */
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

/* Empty the lines: rows alone leave out nothing. */
extern void selection_forget_report(Selection *selection);

/*
 * selection_grants.c: grants and comments on objects that have no entry.  The
 * first takes those out that do not come by being asked for, the second the
 * default privileges of what is there, the third brings the grants of schema
 * public with what is in it, once everything else is decided.
 */
extern void selection_take_out_strays(Selection *selection);
extern void selection_take_out_defaults(Selection *selection);
extern void selection_bring_public(Selection *selection);

/*
 * selection_publications.c: take out changes of publications that the session
 * may not change; the line that says so, or NULL, which the caller frees.
 */
extern void selection_take_out_publications(Selection *selection);
extern char *selection_publication_line(const Selection *selection, const TocEntry *entry);

/*
 * selection_casts.c: does a cast come with what is restored; and is it neither
 * restored nor there, although what is restored could use it?
 */
extern bool selection_cast_comes(const Selection *selection, const TocEntry *cast);
extern bool selection_cast_is_lost(const Selection *selection, const TocEntry *cast);

/*
 * selection_lost.c: find what is neither restored nor there because something
 * that it uses was not there; and the line that says so, which the caller frees.
 */
extern void selection_find_lost(Selection *selection);
extern char *selection_lost_line(const Selection *selection, const TocEntry *entry);

/* selection_report.c: fill the lines. */
extern void selection_report(Selection *selection);

/* Is it a policy without which more rows are visible? */
extern bool selection_is_restrictive(const TocEntry *entry);

#endif /* NEX_SELECTION_H */
