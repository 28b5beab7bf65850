/*-------------------------------------------------------------------------
 *
 * selection_grants.c
 *	  Grants and comments on objects that have no entry in the archive.
 *
 * What PostgreSQL or an extension brings is not in the archive, but what was
 * granted on it is.  Such an entry depends on an id that is not there, so its
 * object is known by the entry's name alone.
 *
 * With schema public these entries go where its objects go: without them a
 * role could do more in the new database than in the original.  In a database
 * that exists, the schema is used as it is, like any other one.
 *
 * Grants on an object of an extension can be given only where the extension is
 * restored, too.  Which one it is of, the archive does not say, so this is
 * found out when the extensions are there (member_grants.c).
 *
 * Default privileges of a schema are a part of it: they come with the schema.
 * One that is there keeps its own, which decide who gets what others create
 * there later; so does the database.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "selection_grants.h"

static const char *const annotations[] = {"COMMENT", "ACL", "SECURITY LABEL", NULL};

static const char *const system_schemas[] = {"pg_catalog", "information_schema", NULL};

/* Has its object no entry?  Grants on a column depend on those on the table, as well. */
static bool
is_stray(const Selection *selection, const TocEntry *entry)
{
	int d;

	if (!toc_entry_is_any(entry, annotations) || entry->ndepends_on == 0)
		return false;
	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && !toc_entry_is_any(other, annotations))
			return false;
	}
	return true;
}

static bool
is_of_public(const TocEntry *entry)
{
	return strcmp(entry->tag, "SCHEMA public") == 0;
}

/* An object of PostgreSQL itself, which every database has. */
static bool
is_of_system(const TocEntry *entry)
{
	int i;

	for (i = 0; system_schemas[i] != NULL; i++)
	{
		if (strcmp(entry->schema, system_schemas[i]) == 0)
			return true;
	}
	return strcmp(entry->tag, "LANGUAGE plpgsql") == 0;
}

/*
 * Everything into a new database brings all of them.  Otherwise what is
 * there, the schemas and the system included, stays as it is.
 */
void
selection_take_out_strays(Selection *selection)
{
	bool everything = selection->everything && selection->existing == NULL;
	uint32_t i;

	for (i = 0; i < selection->toc.count && !everything; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		unsigned char *state = &selection->states[entry->place];

		if (!is_stray(selection, entry))
			continue;
		if (is_of_public(entry) || is_of_system(entry))
		{
			if (selection->everything || is_of_public(entry))
				*state = ENTRY_OUT;
			continue;
		}
		selection->of_members[entry->place] = true;
		*state = *state == ENTRY_CHOSEN ? ENTRY_IMPOSSIBLE : ENTRY_OUT;
	}
}

/* Is the schema, or the whole database if there is none, there already? */
static bool
is_of_existing(const Selection *selection, const char *schema)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "SCHEMA") && strcmp(entry->tag, schema) == 0)
			return selection->states[entry->place] == ENTRY_EXISTING;
	}
	return true;
}

void
selection_take_out_defaults(Selection *selection)
{
	uint32_t i;

	for (i = 0; selection->existing != NULL && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "DEFAULT ACL") && selection->states[entry->place] == ENTRY_CHOSEN &&
			is_of_existing(selection, entry->schema))
			selection->states[entry->place] = ENTRY_IMPOSSIBLE;
	}
}

void
selection_bring_public(Selection *selection)
{
	bool used = false;
	uint32_t i;

	if (selection->existing != NULL || selection->renames)
		return;
	for (i = 0; i < selection->toc.count && !used; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		used = strcmp(entry->schema, "public") == 0 && selection_includes(selection, entry);
	}
	for (i = 0; i < selection->toc.count && used; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (is_of_public(entry) && is_stray(selection, entry) &&
			selection_state(selection, entry->id) == ENTRY_OUT)
			selection->states[entry->place] = ENTRY_BELONGS;
	}
}
