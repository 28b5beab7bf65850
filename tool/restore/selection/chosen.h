/*-------------------------------------------------------------------------
 *
 * chosen.h
 *	  What of a backup was chosen: the state of each entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHOSEN_H
#define NEX_CHOSEN_H

#include "archive_toc.h"
#include "existing_objects.h"
#include "lines.h"
#include "restore_plan.h"

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

typedef struct Selection
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
} Selection;

extern EntryState selection_state(const Selection *selection, int id);

/* Is the entry restored? */
extern bool selection_includes(const Selection *selection, const TocEntry *entry);

/* The entry of the table with this oid, or NULL. */
extern const TocEntry *selection_table(const Selection *selection, uint32_t oid);

#endif /* NEX_CHOSEN_H */
