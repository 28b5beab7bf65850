/*-------------------------------------------------------------------------
 *
 * selection_publications.c
 *	  Publications of others, which a part does not change.
 *
 * That a table is published is in its own schema in the archive, and so comes
 * with --schema; but it is a change of the publication, which belongs perhaps
 * to an administrator.  The owner of a schema who restores it cannot do that,
 * and could not when the table was made.  So it is left out where the session
 * has not the right, and said; who has it gets it all.  With --table nothing
 * of publications comes.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "memory.h"
#include "selection_publications.h"

static const TocEntry *
publication_of(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is(other, "PUBLICATION"))
			return other;
	}
	return NULL;
}

/* Would the entry change a publication that the session may not change?  Then which one; or NULL.
 */
static const TocEntry *
foreign_publication(const Selection *selection, const TocEntry *entry)
{
	bool schema = toc_entry_is(entry, "PUBLICATION TABLES IN SCHEMA");
	const TocEntry *publication;
	const char *owner;
	FoundObject found;

	if (selection->existing == NULL || !(schema || toc_entry_is(entry, "PUBLICATION TABLE")))
		return NULL;
	publication = publication_of(selection, entry);
	if (publication == NULL)
		return NULL;
	owner = existing_objects_find(selection->existing, publication, &found) ? found.owner
																			: publication->owner;
	/* Only superusers publish a schema. */
	return existing_objects_may_act_as(selection->existing, schema ? NULL : owner) ? NULL
																				   : publication;
}

void
selection_take_out_publications(Selection *selection)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		if (selection->states[i] == ENTRY_CHOSEN &&
			foreign_publication(selection, &selection->toc.entries[i]) != NULL)
			selection->states[i] = ENTRY_IMPOSSIBLE;
	}
}

char *
selection_publication_line(const Selection *selection, const TocEntry *entry)
{
	const TocEntry *publication = foreign_publication(selection, entry);
	char *label;
	char *line;

	if (publication == NULL || selection_state(selection, entry->id) != ENTRY_IMPOSSIBLE)
		return NULL;
	label = toc_entry_label(entry);
	line = xasprintf("%s (the session may not change publication %s)", label, publication->tag);
	free(label);
	return line;
}
