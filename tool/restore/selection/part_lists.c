/*-------------------------------------------------------------------------
 *
 * part_lists.c
 *	  Which entries of a part are restored together.
 *
 *-------------------------------------------------------------------------
 */
#include "part_lists.h"

#include <stdlib.h>
#include <string.h>

#include "archive_listing.h"
#include "chosen.h"
#include "memory.h"

/* No other list has such a number: an entry's is positive, and a pass's is small. */
#define FIRST_LIST_NUMBER (-100)

bool
rights_are_of_relation(const TocEntry *entry)
{
	static const char *const words[] = {"TABLE ", "SEQUENCE ", "COLUMN ", NULL};
	int i;

	for (i = 0; toc_entry_is(entry, "ACL") && words[i] != NULL; i++)
	{
		if (strncmp(entry->tag, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

/*
 * USAGE of a server or a wrapper is what their authors need to make foreign
 * tables, and nobody's code runs by it; pg_dump writes it behind the object.
 */
static bool
is_early_grant(const TocEntry *entry)
{
	return strncmp(entry->tag, "FOREIGN SERVER ", strlen("FOREIGN SERVER ")) == 0 ||
		   strncmp(entry->tag, "FOREIGN DATA WRAPPER ", strlen("FOREIGN DATA WRAPPER ")) == 0;
}

bool
partial_is_in_list(const RestorePlan *plan, const TocEntry *entry, PartialList which)
{
	const Selection *selection = plan->selection;
	bool late = selection->late[entry->place];
	bool pre = entry->section == TOC_PRE_DATA && !late;
	bool grant = toc_entry_is(entry, "ACL") && !is_early_grant(entry);
	bool attach = toc_entry_is(entry, "TABLE ATTACH") && plan->fate == TARGET_LIVE;
	bool refresh = toc_entry_is(entry, "MATERIALIZED VIEW DATA") && plan->fate == TARGET_LIVE;
	bool last = plan->fate == TARGET_LIVE && grant && rights_are_of_relation(entry);

	if (!selection_includes(selection, entry))
		return false;
	switch (which)
	{
		case LIST_PRE_DATA:
			return pre;
		case LIST_OBJECTS:
			return pre && !grant && !attach;
		case LIST_GRANTS:
			return last || (pre && grant && plan->fate != TARGET_LIVE);
		case LIST_RIGHTS:
			return pre && grant && plan->fate == TARGET_LIVE && !last;
		case LIST_LATE_RIGHTS:
			return !pre && grant && plan->fate == TARGET_LIVE && !last;
		case LIST_ATTACH:
			return pre && attach;
		case LIST_POST_DATA:
			return !pre && !late && !(grant && plan->fate == TARGET_LIVE) && !refresh;
		case LIST_LATE:
			return late && !grant;
		case LIST_REFRESH:
			return refresh;
	}
	return false;
}

static char *
write_list(const RestorePlan *plan, const int *ids, uint32_t count, int number)
{
	int error;
	char *list = archive_list_write(plan, ids, count, number, &error);

	if (list == NULL)
		archive_list_failed(plan, error);
	return list;
}

char *
partial_list(const RestorePlan *plan, PartialList which)
{
	const Selection *selection = plan->selection;
	int *ids = xcalloc((size_t) selection->toc.count + 1, sizeof(int));
	uint32_t count = 0;
	char *list;
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		if (partial_is_in_list(plan, &selection->toc.entries[i], which))
			ids[count++] = selection->toc.entries[i].id;
	}
	list = write_list(plan, ids, count, FIRST_LIST_NUMBER - (int) which);
	free(ids);
	return list;
}

char *
partial_list_of(const RestorePlan *plan, const int *ids, uint32_t count)
{
	/* Each entry is in one of them. */
	return write_list(plan, ids, count, FIRST_LIST_NUMBER - (int) LIST_REFRESH - ids[0]);
}
