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

#include "archive_toc.h"
#include "existing_objects.h"
#include "restore.h"
#include "settings.h"

typedef enum EntryState
{
	ENTRY_OUT,        /* not restored */
	ENTRY_EXCLUDED,   /* not restored, because --exclude-table says so */
	ENTRY_IMPOSSIBLE, /* asked for, but something that it needs is excluded */
	ENTRY_EXISTING,   /* needed, and there already: used as it is */
	ENTRY_NEEDED,     /* restored because something cannot be without it */
	ENTRY_BELONGS,    /* restored with what it belongs to: index, trigger, grant */
	ENTRY_CHOSEN      /* restored because it was asked for */
} EntryState;

/* What DROP … CASCADE took of an entry that is not restored. */
typedef enum Lost
{
	LOST_NOTHING,
	LOST_PARTS, /* it is there, without what used something that was dropped */
	LOST_ALL
} Lost;

/* Lines of text for the report to the user. */
struct Lines
{
	char **lines;
	uint32_t count;
};

struct Selection
{
	ArchiveToc toc;
	const ExistingObjects *existing; /* NULL: the database is new */
	bool everything;                 /* no name was asked for, only exclusions or --schema-only */
	bool renames;                    /* --as: what exists does not count as what it refers to */
	unsigned char *states;           /* EntryState by place of the entry */
	bool *late;       /* by place: a partition to be attached to a parent that is there already */
	bool *of_members; /* by place: grants on an object of an extension */
	unsigned char *lost; /* Lost by place: selection_lost.c */
	const Manifest *manifest;
	unsigned char *rows; /* EntryState of tables without an entry, by their place in the manifest:
							extension_rows.c */
	Lines left_out;
	Lines used;    /* existing things that it relies on */
	Lines brought; /* things that were not asked for, but needed */
	int *starts;   /* dependents of an entry are dependents[starts[place] … starts[place + 1]) */
	int *dependents;
};

/*
 * Choose by the settings' --table, --schema and --exclude-table, then follow
 * the dependencies.  False (reported) if a pattern is none or matches nothing.
 * The toc must be loaded before.
 */
extern bool selection_make(Selection *selection, const Settings *settings);
extern void selection_free(Selection *selection);

extern EntryState selection_state(const Selection *selection, int id);

/* Is the entry restored? */
extern bool selection_includes(const Selection *selection, const TocEntry *entry);

/* Report the objects that are restored under a name that is taken; true if there are none. */
extern bool selection_check_existing(const Selection *selection);

/* The entry of the table with this oid, or NULL. */
extern const TocEntry *selection_table(const Selection *selection, uint32_t oid);

extern void lines_add(Lines *lines, char *line); /* takes the line over */
extern void lines_free(Lines *lines);            /* but for the struct itself */

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
