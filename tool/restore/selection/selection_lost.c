/*-------------------------------------------------------------------------
 *
 * selection_lost.c
 *	  What DROP … CASCADE took along, and a part does not bring back.
 *
 * A function, type, table or sequence that is restored into a database that
 * exists was not there; so nothing there can use it.  Whatever the backup has
 * that does, a trigger of another table, say, or a view on a view, is gone,
 * and was perhaps not missed.  It is not restored, since it was not asked for,
 * but it is told of.
 *
 * What comes only because it is needed may have been missing for another reason:
 * the database is perhaps another one.  Of that only parts of tables that are
 * there are told: nobody gets an error for a trigger or a policy that is gone.
 *
 * What is there all the same was made again, and is not told of.  A table or a
 * composite type that is there has lost what used the thing that went: no entry
 * of the archive says whether that was a column, a default or a constraint.
 * A foreign key to a partitioned table goes with each of its partitions.
 *
 * With a new database nothing was lost: there only what refers to restored
 * tables is told of (selection_report.c).
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "part_of.h"
#include "selection_closure.h"
#include "selection_lost.h"

bool
selection_is_restrictive(const TocEntry *entry)
{
	return toc_entry_is(entry, "POLICY") && strstr(entry->definition, " AS RESTRICTIVE ") != NULL;
}

/* Partitions of partitions: more is a circle, which no server has made. */
#define MAX_LEVELS 100

/* Told of in another way, or by themselves of no interest. */
static const char *const passed_over[] = {"COMMENT",
										  "ACL",
										  "SECURITY LABEL",
										  "SHELL TYPE",
										  "INDEX ATTACH",
										  "TABLE ATTACH",
										  "SEQUENCE OWNED BY",
										  "MATERIALIZED VIEW DATA",
										  "ROW SECURITY",
										  "DEFAULT ACL",
										  "CAST",
										  "SCHEMA",
										  "EXTENSION",
										  "PROCEDURAL LANGUAGE",
										  NULL};

/* Much is in these that does not use them; dropped, they take along what comes by itself. */
static const char *const environments[] = {"SCHEMA", "PROCEDURAL LANGUAGE", NULL};

static const char *const of_parts[] = {"TABLE", "FOREIGN TABLE", "TYPE", "DOMAIN", NULL};

static const char *const of_tables[] = {"DEFAULT", "CONSTRAINT", "CHECK CONSTRAINT",
										"TRIGGER", "RULE",       "FK CONSTRAINT",
										"POLICY",  "INDEX",      NULL};

/* Is it restored under its own name, so that it was not there? */
static bool
was_missing(const Selection *selection, const TocEntry *entry)
{
	EntryState state = selection_state(selection, entry->id);

	return (selection->renames ? state == ENTRY_NEEDED : state >= ENTRY_NEEDED) &&
		   !toc_entry_is_any(entry, environments);
}

/* Does the entry depend on it twice, and is this the second time? */
static bool
came_before(const TocEntry *entry, int d)
{
	int i;

	for (i = 0; i < d; i++)
	{
		if (entry->depends_on[i] == entry->depends_on[d])
			return true;
	}
	return false;
}

/* A partition of the table, or of a partition, that was missing; NULL: none was. */
static const TocEntry *
missing_partition(const Selection *selection, const TocEntry *table, int levels)
{
	const TocEntry *missing = NULL;
	int i;
	int d;

	for (i = selection->starts[table->place]; i < selection->starts[table->place + 1]; i++)
	{
		const TocEntry *attach = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (attach == NULL || levels == 0 || !toc_entry_is(attach, "TABLE ATTACH"))
			continue;
		for (d = 0; missing == NULL && d < attach->ndepends_on; d++)
		{
			const TocEntry *child = archive_toc_find(&selection->toc, attach->depends_on[d]);

			if (child != NULL && child != table && selection_is_partition(selection, child, table))
				missing = was_missing(selection, child)
							  ? child
							  : missing_partition(selection, child, levels - 1);
		}
	}
	return missing;
}

/*
 * What of that went, if anything: of a foreign key to a partitioned table each
 * partition has a part, and goes with the whole of it.
 */
static const TocEntry *
what_went(const Selection *selection, const TocEntry *entry, const TocEntry *other)
{
	if (was_missing(selection, other) || selection->lost[other->place] != LOST_NOTHING)
		return other;
	if (part_of_refers_to(entry, other))
		return missing_partition(selection, other, MAX_LEVELS);
	return NULL;
}

/* The next thing behind *d that the entry depends on and that was missing, or is lost. */
static const TocEntry *
next_missing(const Selection *selection, const TocEntry *entry, int *d)
{
	while (*d < entry->ndepends_on)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[(*d)++]);

		if (other == NULL || other == entry || came_before(entry, *d - 1))
			continue;
		other = what_went(selection, entry, other);
		if (other != NULL)
			return other;
	}
	return NULL;
}

/* The table, or domain, that the entry is a part of; NULL if it stands by itself. */
static const TocEntry *
whole_of(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; toc_entry_is_any(entry, of_tables) && d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && selection_belongs_to(entry, other) &&
			(toc_entry_is_relation(other) || toc_entry_is(other, "DOMAIN")))
			return other;
	}
	return NULL;
}

/* Is it asked for, or with what is, or lost itself, and not only needed? */
static bool
counts_for_all(const Selection *selection, const TocEntry *other)
{
	return selection->lost[other->place] != LOST_NOTHING ||
		   selection_state(selection, other->id) >= ENTRY_BELONGS;
}

/* Does the table exist only as long as what it depends on? */
static bool
goes_with(const Selection *selection, const TocEntry *entry, const TocEntry *other)
{
	const char *end;
	int i;

	if (!toc_entry_is_table(entry) || toc_entry_is_table(other))
		return true;
	for (i = 0; i < entry->ngoes_with; i++)
	{
		if (entry->goes_with[i] == other->id)
			return true;
	}
	if (selection->toc.complete)
		return false;
	end = toc_entry_after_name(entry, "CREATE TABLE ");
	return toc_entry_is(other, "TYPE") && end != NULL && strncmp(end, " OF ", 4) == 0;
}

static Lost
what_is_lost(const Selection *selection, const TocEntry *entry)
{
	EntryState state = selection_state(selection, entry->id);
	bool there = existing_objects_has(selection->existing, entry) ||
				 existing_objects_has_part(selection->existing, entry);
	const TocEntry *whole = whole_of(selection, entry);
	const TocEntry *other;
	int d = 0;

	if ((state != ENTRY_OUT && state != ENTRY_EXISTING) || toc_entry_is_any(entry, passed_over))
		return LOST_NOTHING;
	if (whole != NULL &&
		(selection_includes(selection, whole) || !existing_objects_has(selection->existing, whole)))
		return LOST_NOTHING;
	while ((other = next_missing(selection, entry, &d)) != NULL)
	{
		bool part = selection->lost[other->place] == LOST_PARTS;

		if (there && !part && toc_entry_is_any(entry, of_parts))
			return LOST_PARTS;
		if (!there && goes_with(selection, entry, other) &&
			(whole != NULL || counts_for_all(selection, other)))
			return LOST_ALL;
	}
	return LOST_NOTHING;
}

void
selection_find_lost(Selection *selection)
{
	uint32_t i;

	selection->lost = xcalloc((size_t) selection->toc.count + 1, 1);
	/* What an entry depends on comes before it. */
	for (i = 0; selection->existing != NULL && i < selection->toc.count; i++)
		selection->lost[i] = (unsigned char) what_is_lost(selection, &selection->toc.entries[i]);
}

/*
 * What of it was missing or is lost, and took it along: "FUNCTION s.f(), TYPE
 * s.t"; empty if only its table is.
 */
static char *
names_of_missing(const Selection *selection, const TocEntry *entry)
{
	const TocEntry *whole = whole_of(selection, entry);
	bool parts = selection->lost[entry->place] == LOST_PARTS;
	const TocEntry *other;
	Buffer names;
	int d = 0;

	buffer_init(&names);
	buffer_append_string(&names, "");
	while ((other = next_missing(selection, entry, &d)) != NULL)
	{
		char *label;

		if (other == whole || selection->lost[other->place] == LOST_PARTS ||
			!(parts || goes_with(selection, entry, other)))
			continue;
		label = toc_entry_label(other);
		buffer_printf(&names, "%s%s", names.length > 0 ? ", " : "", label);
		free(label);
	}
	return buffer_detach(&names);
}

char *
selection_lost_line(const Selection *selection, const TocEntry *entry)
{
	char *label = toc_entry_label(entry);
	char *names = names_of_missing(selection, entry);
	bool alone = names[0] == '\0';
	char *line;

	if (selection->lost[entry->place] == LOST_PARTS)
		line =
			xasprintf("parts of %s (columns, defaults or constraints that use %s)", label, names);
	else
		line =
			xasprintf("%s (%s%s%sit was not asked for%s)", label, alone ? "" : "it uses ", names,
					  alone ? "" : "; ",
					  selection_is_restrictive(entry) ? "; without it more rows are visible" : "");
	free(names);
	free(label);
	return line;
}
