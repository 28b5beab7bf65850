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
#include "selection.h"

/* Nobody asks for these by themselves. */
static const char *const silent[] = {"COMMENT",
									 "ACL",
									 "SECURITY LABEL",
									 "SHELL TYPE",
									 "INDEX ATTACH",
									 "SEQUENCE OWNED BY",
									 "MATERIALIZED VIEW DATA",
									 NULL};

/* The table that is missing for this entry, or NULL if nothing is. */
static const TocEntry *
missing_table(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is_relation(other) && !selection_includes(selection, other))
			return other;
	}
	return NULL;
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

static char *
left_out_line(const Selection *selection, const TocEntry *entry)
{
	const TocEntry *missing = missing_table(selection, entry);
	char *label = toc_entry_label(entry);
	char *line;

	if (missing != NULL)
	{
		char *needed = toc_entry_label(missing);

		line = xasprintf("%s (it refers to %s)", label, needed);
		free(needed);
	}
	else
		line = xasprintf("%s (it was not asked for)", label);
	free(label);
	return line;
}

void
selection_report(Selection *selection)
{
	uint32_t i;

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
		else if (state == ENTRY_OUT && is_about_restored(selection, entry))
			lines_add(&selection->left_out, left_out_line(selection, entry));
	}
}
