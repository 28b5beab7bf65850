/*-------------------------------------------------------------------------
 *
 * protections_state.c
 *	  What is known of the protections of a part.
 *
 *-------------------------------------------------------------------------
 */
#include "protections_state.h"
#include "selection_closure.h"

#include <string.h>

#include "selection.h"

/* Tables, views … of the part whose protection it is, one by one; NULL: no more. */
const TocEntry *
protections_next_object(const RestorePlan *plan, const TocEntry *entry, int *d)
{
	while (*d < entry->ndepends_on)
	{
		const TocEntry *object = archive_toc_find(&plan->selection->toc, entry->depends_on[(*d)++]);

		if (object != NULL && toc_entry_is_relation(object) &&
			selection_belongs_to(entry, object) && selection_includes(plan->selection, object))
			return object;
	}
	return NULL;
}

const TocEntry *
protections_find_object(const RestorePlan *plan, const TocEntry *entry)
{
	int d = 0;

	return protections_next_object(plan, entry, &d);
}

const PartTables *
protections_tables(const RestorePlan *plan)
{
	return plan->progress->protections != NULL ? &plan->progress->protections->tables : NULL;
}
