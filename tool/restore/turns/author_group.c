/*-------------------------------------------------------------------------
 *
 * author_group.c
 *	  Entries that one author makes one after the other, in one turn.
 *
 * Tables, indexes and triggers come in great numbers, and mostly have one
 * owner.  They are made in one turn (owner_step.c) if they are of one kind, of
 * one owner, in one schema and tablespace.  Nothing else is:  what is made can
 * be used by everybody for as long as it has the privileges of a new object,
 * and what they are to be is said behind each turn (rights_meanwhile.c).  That
 * is no matter for a table, which is empty, and is looked at once more before
 * its rows come; indexes and triggers have no privileges.
 *
 * Where the author is given CREATE for its turn, code could use it for what was
 * made a moment ago, which given_rights.c does not know.  A table shows that in
 * pg_type; an index is then made alone.
 *
 *-------------------------------------------------------------------------
 */
#include "author_group.h"

#include <stdlib.h>
#include <string.h>

#include "author_turn.h"
#include "given_rights.h"
#include "in_place_scripts.h"
#include "interrupt.h"
#include "memory.h"

static bool
is_same(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool
goes_with(const AuthorGroup *group, const RenameMap *map, const TocEntry *entry,
		  const char *settings, const CatalogChange *changes)
{
	const TocEntry *first = group->entries[0].entry;

	return !group->alone && changes == group->changes && strcmp(first->kind, entry->kind) == 0 &&
		   strcmp(first->owner, entry->owner) == 0 &&
		   is_same(first->tablespace, entry->tablespace) &&
		   strcmp(author_turn_schema(map, first), author_turn_schema(map, entry)) == 0 &&
		   strcmp(group->settings, settings) == 0;
}

/* May others come to it? */
static bool
decide_alone(AuthorGroup *group, Connection *connection, const RenameMap *map,
			 const TocEntry *entry)
{
	static const char *const kinds[] = {"TABLE", "INDEX", "TRIGGER", NULL};

	/* What a table takes over from others is compared for one table. */
	group->alone = group->changes == NULL || !toc_entry_is_any(entry, kinds);
	if (group->alone || toc_entry_is(entry, "TABLE"))
		return true;
	return given_rights_needed(connection, entry, author_turn_schema(map, entry), &group->alone);
}

bool
author_group_add(AuthorGroup *group, Connection *connection, const RenameMap *map,
				 const TocEntry *entry, const char *settings, const char *statements,
				 const CatalogChange *changes, bool (*before)(void *), void *argument)
{
	if (group->count > 0 && !goes_with(group, map, entry, settings, changes) && !before(argument))
		return false;
	if (group->count == 0)
	{
		author_group_free(group);
		buffer_init(&group->statements);
		group->settings = xstrdup(settings);
		group->changes = changes;
		if (!decide_alone(group, connection, map, entry))
			return false;
	}
	group->entries =
		xrealloc(group->entries, ((size_t) group->count + 1) * sizeof(*group->entries));
	group->entries[group->count++] = (StepEntry){entry, group->lines};
	buffer_printf(&group->statements, "%s\n", statements);
	for (; *statements != '\0'; statements++)
		group->lines += *statements == '\n';
	group->lines++;
	return true;
}

bool
author_group_run(AuthorGroup *group, Connection *connection, const RenameMap *map)
{
	GivenRights rights;
	const TocEntry *first;
	bool good;

	if (group->count == 0)
		return true;
	first = group->entries[0].entry;
	good = (group->settings[0] == '\0' || in_place_run_head(connection, group->settings)) &&
		   given_rights_give(connection, first, author_turn_schema(map, first), &rights);
	if (good)
	{
		good = owner_step_make(connection, group->entries, group->count, group->statements.data,
							   group->changes) &&
			   given_rights_take(connection, first, &rights);
		given_rights_free(&rights);
	}
	author_group_free(group);
	return good && !stop_requested();
}

void
author_group_free(AuthorGroup *group)
{
	free(group->entries);
	free(group->settings);
	buffer_free(&group->statements);
	memset(group, 0, sizeof(*group));
}
