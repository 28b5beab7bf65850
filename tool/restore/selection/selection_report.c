/*-------------------------------------------------------------------------
 *
 * selection_report.c
 *	  What a selection left out, used and brought along, a line a thing.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "selection_casts.h"
#include "selection_closure.h"
#include "selection_lost.h"
#include "selection_publications.h"
#include "selection_report.h"

/* Nobody asks for these by themselves. */
static const char *const silent[] = {"COMMENT",
									 "ACL",
									 "SECURITY LABEL",
									 "SHELL TYPE",
									 "INDEX ATTACH",
									 "SEQUENCE OWNED BY",
									 "MATERIALIZED VIEW DATA",
									 NULL};

static bool
is_missing(const Selection *selection, const TocEntry *entry)
{
	return selection_state(selection, entry->id) < ENTRY_EXISTING;
}

/* The table that is missing for this entry, or NULL if nothing is. */
static const TocEntry *
missing_table(const Selection *selection, const TocEntry *entry)
{
	const TocEntry *query = selection_view_query(selection, entry);
	int d;

	if (query != NULL)
		entry = query;
	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is_relation(other) && is_missing(selection, other))
			return other;
	}
	return NULL;
}

/* Is it a part of something that is missing itself? */
static bool
is_part_of_missing(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && selection_belongs_to(entry, other) && is_missing(selection, other))
			return true;
	}
	return false;
}

/*
 * Does it speak of a table that is restored?  Beside the live table only what
 * would be a part of the copy counts.
 */
static bool
is_about_restored(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is_relation(other) && selection_includes(selection, other) &&
			(!selection->renames || selection_belongs_to(entry, other)))
			return true;
	}
	return false;
}

/* Is it there, under its own name? */
static bool
is_there(const Selection *selection, const TocEntry *entry)
{
	return selection->existing != NULL && !selection->renames &&
		   (existing_objects_has(selection->existing, entry) ||
			existing_objects_has_part(selection->existing, entry));
}

/* "DEFAULT PRIVILEGES FOR TABLES of role r in schema s (…)" */
static char *
default_privileges_line(const TocEntry *entry)
{
	bool database = entry->schema[0] == '\0';

	return xasprintf("%s of role %s%s%s (the %s exists, and keeps its own)", entry->tag,
					 entry->owner, database ? "" : " in schema ", entry->schema,
					 database ? "database" : "schema");
}

static char *
left_out_line(const Selection *selection, const TocEntry *entry)
{
	const TocEntry *missing = missing_table(selection, entry);
	char *line = selection_publication_line(selection, entry);
	char *label;

	if (line != NULL)
		return line;

	if (toc_entry_is(entry, "DEFAULT ACL"))
		return default_privileges_line(entry);
	label = toc_entry_label(entry);
	if (missing != NULL)
	{
		char *needed = toc_entry_label(missing);

		line =
			xasprintf("%s (it refers to %s%s)", label, needed,
					  selection_is_restrictive(entry) ? "; without it more rows are visible" : "");
		free(needed);
	}
	else
		line = xasprintf(toc_entry_is(entry, "CAST")
							 ? "%s (it is not there; what uses it converts values in another way)"
							 : "%s (it was not asked for)",
						 label);
	free(label);
	return line;
}

/* Is it to be told of that it is left out? */
static bool
is_left_out(const Selection *selection, const TocEntry *entry)
{
	EntryState state = selection_state(selection, entry->id);

	return (state == ENTRY_OUT && is_about_restored(selection, entry) &&
			!is_there(selection, entry)) ||
		   selection_cast_is_lost(selection, entry) ||
		   (state == ENTRY_IMPOSSIBLE && !is_part_of_missing(selection, entry));
}

void
selection_report(Selection *selection)
{
	uint32_t i;

	selection_find_lost(selection);
	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		EntryState state = selection_state(selection, entry->id);

		if (toc_entry_is_any(entry, silent))
			continue;
		if (state == ENTRY_EXISTING)
			lines_add(&selection->used, toc_entry_label(entry));
		else if (state == ENTRY_NEEDED)
			lines_add(&selection->brought, toc_entry_label(entry));
		if (is_left_out(selection, entry))
			lines_add(&selection->left_out, left_out_line(selection, entry));
		else if (selection->lost[i] != LOST_NOTHING)
			lines_add(&selection->left_out, selection_lost_line(selection, entry));
	}
}
