/*-------------------------------------------------------------------------
 *
 * selection_closure.c
 *	  What follows from a choice: what belongs to a table, and what it needs.
 *
 * A dependency in the archive says only "not before that one".  Most say
 * more: a table cannot be without its types.  Some do not: a partition can
 * be without its parent, and a foreign key is better left out than that it
 * drags in another table.  The rules below tell these apart by kind.  What is a
 * part of a table, its definition says (part_of.c): anybody may make something
 * that depends on the table.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "extension_rows.h"
#include "memory.h"
#include "part_of.h"
#include "selection_casts.h"
#include "selection_closure.h"
#include "sql_name.h"

/* These stand at any object. */
static const char *const annotations[] = {"COMMENT", "ACL", "SECURITY LABEL", NULL};

/* Left out unless all tables that they speak of are there. */
static const char *const conditional[] = {"FK CONSTRAINT", "TRIGGER",           "RULE",
										  "POLICY",        "STATISTICS",        "TABLE ATTACH",
										  "INDEX ATTACH",  "SEQUENCE OWNED BY", NULL};

static const char *const indexes[] = {"INDEX", "CONSTRAINT", NULL};

static const char *const parts[] = {"TABLE ATTACH", "INDEX ATTACH", "TRIGGER", NULL};

/* Is it left out unless all tables that it speaks of are there? */
static bool
is_conditional(const TocEntry *entry)
{
	return toc_entry_is_any(entry, conditional) && !part_of_is_view_query(entry);
}

/* Lists of entries that are still to be looked at. */
typedef struct Closure
{
	Selection *selection;
	int *belongings; /* ids whose belongings are to be added */
	uint32_t nbelongings;
	int *needs; /* ids whose needs are to be added */
	uint32_t nneeds;
} Closure;

/* Turn the dependencies around. */
static void
index_dependents(Selection *selection)
{
	const ArchiveToc *toc = &selection->toc;
	size_t count = toc->count;
	int *next = xcalloc(count + 1, sizeof(int));
	uint32_t i;
	int d;

	selection->starts = xcalloc(count + 1, sizeof(int));
	for (i = 0; i < count; i++)
	{
		for (d = 0; d < toc->entries[i].ndepends_on; d++)
		{
			const TocEntry *other = archive_toc_find(toc, toc->entries[i].depends_on[d]);

			if (other != NULL)
				selection->starts[other->place + 1]++;
		}
	}
	for (i = 0; i < count; i++)
		selection->starts[i + 1] += selection->starts[i];
	memcpy(next, selection->starts, (count + 1) * sizeof(int));
	selection->dependents = xcalloc((size_t) selection->starts[count] + 1, sizeof(int));
	for (i = 0; i < count; i++)
	{
		for (d = 0; d < toc->entries[i].ndepends_on; d++)
		{
			const TocEntry *other = archive_toc_find(toc, toc->entries[i].depends_on[d]);

			if (other != NULL)
				selection->dependents[next[other->place]++] = toc->entries[i].id;
		}
	}
	free(next);
}

bool
selection_is_partition(const Selection *selection, const TocEntry *child, const TocEntry *parent)
{
	int i;

	for (i = selection->starts[child->place]; i < selection->starts[child->place + 1]; i++)
	{
		const TocEntry *attach = archive_toc_find(&selection->toc, selection->dependents[i]);
		int d;

		if (!toc_entry_is(attach, "TABLE ATTACH") || strcmp(attach->tag, child->tag) != 0 ||
			strcmp(attach->schema, child->schema) != 0)
			continue;
		for (d = 0; d < attach->ndepends_on; d++)
		{
			if (attach->depends_on[d] == parent->id)
				return true;
		}
	}
	return false;
}

/* An identity column's sequence is made by ALTER TABLE. */
static bool
is_identity(const TocEntry *sequence)
{
	return strncmp(sequence->definition, "ALTER TABLE ", 12) == 0;
}

/* Can the entry not be made without the other one? */
static bool
is_needed(const Selection *selection, const TocEntry *entry, const TocEntry *other)
{
	/* They come with their tables, or are there with them. */
	if (toc_entry_is_any(other, indexes) || toc_entry_is_any(other, parts))
		return false;
	if (toc_entry_is(entry, "TABLE") && toc_entry_is(other, "TABLE"))
		return !selection_is_partition(selection, entry, other);
	if (toc_entry_is(entry, "SEQUENCE") && toc_entry_is(other, "TABLE"))
		return is_identity(entry);
	if (toc_entry_is(entry, "MATERIALIZED VIEW DATA"))
		return toc_entry_is(other, "MATERIALIZED VIEW") && strcmp(entry->tag, other->tag) == 0;
	return true;
}

bool
selection_belongs_to(const TocEntry *entry, const TocEntry *other)
{
	/* These depend on nothing but what they are for, a sequence on the table that owns it. */
	if (toc_entry_is_any(entry, annotations))
		return true;
	if (toc_entry_is(entry, "SEQUENCE"))
		return toc_entry_is(other, "TABLE");
	if (toc_entry_is(entry, "SEQUENCE OWNED BY"))
		return toc_entry_is(other, "SEQUENCE");
	if (toc_entry_is(entry, "INDEX ATTACH"))
		return toc_entry_is_any(other, indexes);
	return part_of_is(entry, other);
}

const TocEntry *
selection_table_of(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *table = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (table != NULL && toc_entry_is_table(table) && part_of_is(entry, table))
			return table;
	}
	return NULL;
}

const TocEntry *
selection_view_query(const Selection *selection, const TocEntry *view)
{
	int i;

	for (i = selection->starts[view->place]; i < selection->starts[view->place + 1]; i++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (part_of_is_view_query(other) && selection_belongs_to(other, view))
			return other;
	}
	return NULL;
}

static void
include(Closure *closure, const TocEntry *entry, EntryState state)
{
	Selection *selection = closure->selection;

	if (selection->states[entry->place] != ENTRY_OUT)
		return;
	if (state == ENTRY_NEEDED && selection->existing != NULL &&
		existing_objects_has(selection->existing, entry))
		state = ENTRY_EXISTING;
	selection->states[entry->place] = (unsigned char) state;
	if (state == ENTRY_EXISTING)
		return;
	closure->belongings[closure->nbelongings++] = entry->id;
	closure->needs[closure->nneeds++] = entry->id;
}

/* Is there, or will be, what this one speaks of? */
static bool
is_there(const Selection *selection, const TocEntry *entry)
{
	EntryState state = selection_state(selection, entry->id);

	if (state >= ENTRY_NEEDED)
		return true;
	if (selection->renames || state == ENTRY_EXCLUDED || selection->existing == NULL)
		return false;
	return state == ENTRY_EXISTING || existing_objects_has(selection->existing, entry);
}

/* Is the index of this name restored, by itself or as that of a constraint? */
static bool
index_is_included(const Selection *selection, const TocEntry *attach, const char *schema,
				  const char *name)
{
	int d;

	for (d = 0; d < attach->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, attach->depends_on[d]);
		PartOf part;
		bool found;

		if (other == NULL || !toc_entry_is_any(other, indexes) ||
			strcmp(other->schema, schema) != 0 || !part_of_read(other, other->definition, &part))
			continue;
		found = part.name != NULL && strcmp(part.name, name) == 0;
		part_of_free(&part);
		if (found)
			return selection_includes(selection, other);
	}
	return false;
}

/* "ALTER INDEX s.i ATTACH PARTITION s.j;": an index that is there already does that by itself. */
static bool
both_indexes_are_included(const Selection *selection, const TocEntry *attach)
{
	const char *text = strstr(attach->definition, "ALTER INDEX ");
	bool included = text != NULL;
	int i;

	for (i = 0; included && i < 2; i++)
	{
		char *schema;
		char *name;

		text = sql_name_read_qualified(
			text + strlen(i == 0 ? "ALTER INDEX " : " ATTACH PARTITION "), &schema, &name);
		if (text == NULL)
			return false;
		included = index_is_included(selection, attach, schema, name) &&
				   (i == 1 || strncmp(text, " ATTACH PARTITION ", 18) == 0);
		free(schema);
		free(name);
	}
	return included;
}

static bool
condition_holds(const Selection *selection, const TocEntry *entry)
{
	bool owned = toc_entry_is(entry, "SEQUENCE OWNED BY");
	int d;

	if (toc_entry_is(entry, "INDEX ATTACH"))
		return both_indexes_are_included(selection, entry);
	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other == NULL)
			continue;
		if (toc_entry_is_relation(other) && !is_there(selection, other))
			return false;
		/* The table that owns a sequence is known from the sequence only. */
		if (owned && toc_entry_is(other, "SEQUENCE") && !condition_holds(selection, other))
			return false;
	}
	return true;
}

/* Add what is part of an entry, and the partitions of a table. */
static void
add_belongings(Closure *closure, const TocEntry *entry)
{
	const Selection *selection = closure->selection;
	EntryState state = selection_state(selection, entry->id);
	int i;

	for (i = selection->starts[entry->place]; i < selection->starts[entry->place + 1]; i++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (toc_entry_is(entry, "TABLE") && toc_entry_is(other, "TABLE") &&
			selection_is_partition(selection, other, entry))
			include(closure, other, state);
		else if (selection_belongs_to(other, entry) && !is_conditional(other))
			include(closure, other, ENTRY_BELONGS);
	}
}

static void
add_needs(Closure *closure, const TocEntry *entry)
{
	Selection *selection = closure->selection;
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && is_needed(selection, entry, other))
			include(closure, other, ENTRY_NEEDED);
	}
}

/* Add conditional entries of what is included, if their condition holds; true if any was added. */
static bool
add_conditional(Closure *closure)
{
	Selection *selection = closure->selection;
	bool added = false;
	uint32_t i;
	int d;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool belongs = false;

		if (selection->states[entry->place] != ENTRY_OUT || !is_conditional(entry))
			continue;
		for (d = 0; d < entry->ndepends_on && !belongs; d++)
		{
			const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

			belongs = other != NULL && selection_includes(selection, other) &&
					  selection_belongs_to(entry, other);
		}
		if (!belongs || !condition_holds(selection, entry))
			continue;
		include(closure, entry, ENTRY_BELONGS);
		added = true;
	}
	return added;
}

/* Add casts of what is included or used; true if any was added. */
static bool
add_casts(Closure *closure)
{
	Selection *selection = closure->selection;
	bool added = false;
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection->states[entry->place] != ENTRY_OUT || !selection_cast_comes(selection, entry))
			continue;
		include(closure, entry, ENTRY_NEEDED);
		added = true;
	}
	return added;
}

/* What belongs to a table comes first: its own sequence must not pass for somebody else's. */
static void
follow(Closure *closure)
{
	const ArchiveToc *toc = &closure->selection->toc;

	do
	{
		while (closure->nbelongings > 0 || closure->nneeds > 0)
		{
			if (closure->nbelongings > 0)
				add_belongings(closure,
							   archive_toc_find(toc, closure->belongings[--closure->nbelongings]));
			else
				add_needs(closure, archive_toc_find(toc, closure->needs[--closure->nneeds]));
		}
	} while (add_conditional(closure) || add_casts(closure));
}

/* Partitions of what is excluded are excluded, too. */
static void
exclude_partitions(Selection *selection)
{
	uint32_t i;
	int d;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (!toc_entry_is(entry, "TABLE"))
			continue;
		for (d = 0; d < entry->ndepends_on; d++)
		{
			const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

			if (other != NULL && selection->states[other->place] == ENTRY_EXCLUDED &&
				selection_is_partition(selection, entry, other))
				selection->states[entry->place] = ENTRY_EXCLUDED;
		}
	}
}

/* Is all there that the entry needs, and all that it speaks of if it is conditional? */
static bool
is_possible(const Selection *selection, const TocEntry *entry)
{
	const TocEntry *query;
	int i;

	for (i = 0; i < entry->ndepends_on; i++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[i]);

		if (other != NULL && is_needed(selection, entry, other) &&
			selection_state(selection, other->id) < ENTRY_EXISTING &&
			!(is_conditional(entry) && is_there(selection, other)))
			return false;
	}
	query = selection_view_query(selection, entry);
	if (query != NULL && !selection_includes(selection, query))
		return false;
	return !is_conditional(entry) || condition_holds(selection, entry);
}

/* Take out what cannot be, because something that it needs is excluded. */
static void
take_out_impossible(Selection *selection)
{
	bool changed;
	uint32_t i;

	do
	{
		changed = false;
		for (i = 0; i < selection->toc.count; i++)
		{
			const TocEntry *entry = &selection->toc.entries[i];

			if (selection_includes(selection, entry) && !is_possible(selection, entry))
			{
				selection->states[entry->place] =
					selection_state(selection, entry->id) == ENTRY_CHOSEN ? ENTRY_IMPOSSIBLE
																		  : ENTRY_OUT;
				changed = true;
			}
		}
	} while (changed);
}

/*
 * A parent that is there already would build indexes of its own on a partition
 * without any; and what enables or disables a trigger of a partition needs the
 * trigger, which only the attaching brings.
 */
static void
find_late_partitions(Selection *selection)
{
	uint32_t i;
	int d;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (!selection_includes(selection, entry) ||
			!(toc_entry_is(entry, "TABLE ATTACH") || toc_entry_is(entry, "TRIGGER")))
			continue;
		for (d = 0; d < entry->ndepends_on; d++)
		{
			const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

			if (other != NULL && !selection_includes(selection, other) &&
				(toc_entry_is(other, "TABLE") || toc_entry_is(other, "TRIGGER")))
				selection->late[entry->place] = true;
		}
	}
}

void
selection_close(Selection *selection)
{
	Closure closure;
	uint32_t i;

	memset(&closure, 0, sizeof(closure));
	closure.selection = selection;
	closure.belongings = xcalloc((size_t) selection->toc.count + 1, sizeof(int));
	closure.needs = xcalloc((size_t) selection->toc.count + 1, sizeof(int));
	index_dependents(selection);
	exclude_partitions(selection);
	for (i = 0; i < selection->toc.count; i++)
	{
		int id = selection->toc.entries[i].id;

		if (selection->states[i] != ENTRY_CHOSEN)
			continue;
		closure.belongings[closure.nbelongings++] = id;
		closure.needs[closure.nneeds++] = id;
	}
	for (i = 0; i < selection->manifest->ntables; i++)
	{
		const TocEntry *extension = extension_rows_need(selection, i);

		if (extension != NULL)
			include(&closure, extension, ENTRY_NEEDED);
	}
	follow(&closure);
	take_out_impossible(selection);
	find_late_partitions(selection);
	free(closure.belongings);
	free(closure.needs);
}
