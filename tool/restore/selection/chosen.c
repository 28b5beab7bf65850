/*-------------------------------------------------------------------------
 *
 * chosen.c
 *	  What of a backup was chosen: the state of each entry.
 *
 *-------------------------------------------------------------------------
 */
#include "chosen.h"

EntryState
selection_state(const Selection *selection, int id)
{
	const TocEntry *entry = archive_toc_find(&selection->toc, id);

	return entry != NULL ? (EntryState) selection->states[entry->place] : ENTRY_OUT;
}

bool
selection_includes(const Selection *selection, const TocEntry *entry)
{
	return selection_state(selection, entry->id) >= ENTRY_NEEDED;
}

const TocEntry *
selection_table(const Selection *selection, uint32_t oid)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (entry->oid == oid && toc_entry_is(entry, "TABLE"))
			return entry;
	}
	return NULL;
}
