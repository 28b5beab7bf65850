/*-------------------------------------------------------------------------
 *
 * part_tables.c
 *	  The tables of a part: what they are below, and which rows they wait for.
 *
 * Rows go into the table that they were in, or through the root of its
 * partitions.  What is defined for a partitioned table also acts on rows of its
 * partitions (triggers), and what is defined for a parent may be asked about
 * rows of tables that inherit from it (row security).  So whether a table is
 * complete depends on those above and below it.
 *
 *-------------------------------------------------------------------------
 */
#include "part_tables.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "part_lists.h"
#include "quote.h"
#include "sql_name.h"
#include "toc_walk.h"

static const TocEntry *
find_table(const ArchiveToc *toc, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (toc_entry_is(entry, "TABLE") && strcmp(entry->tag, name) == 0 &&
			strcmp(entry->schema, schema) == 0)
			return entry;
	}
	return NULL;
}

/* Of an entry that attaches a partition, both tables. */
static void
read_attach(PartTables *tables, const TocEntry *attach)
{
	const ArchiveToc *toc = &tables->plan->selection->toc;
	const TocEntry *parent = NULL;
	const TocEntry *child = NULL;
	int d;

	for (d = 0; d < attach->ndepends_on; d++)
	{
		const TocEntry *table = archive_toc_find(toc, attach->depends_on[d]);

		if (table == NULL || !toc_entry_is_table(table))
			continue;
		if (strcmp(table->tag, attach->tag) == 0 && strcmp(table->schema, attach->schema) == 0)
			child = table;
		else
			parent = table;
	}
	if (child != NULL && parent != NULL)
		tables->above[child->place] = parent;
}

static void
read_targets(PartTables *tables)
{
	const RestorePlan *plan = tables->plan;
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	for (i = 0; i < plan->manifest->ntables; i++)
	{
		const TocEntry *above;
		char *schema;
		char *name;

		if (selection_table(plan->selection, plan->manifest->tables[i].oid) == NULL)
			continue;
		partial_row_table(plan, &plan->manifest->tables[i], &schema, &name);
		tables->targets[i] = above = find_table(toc, schema, name);
		free(schema);
		free(name);
		if (above == NULL)
			continue;
		tables->total++;
		tables->waiting[above->place]++;
		while ((above = tables->above[above->place]) != NULL)
			tables->below[above->place]++;
	}
}

void
part_tables_read(const RestorePlan *plan, PartTables *tables)
{
	const ArchiveToc *toc = &plan->selection->toc;
	size_t count = (size_t) toc->count + 1;
	uint32_t i;

	tables->plan = plan;
	tables->total = 0;
	tables->targets = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(*tables->targets));
	tables->above = xcalloc(count, sizeof(*tables->above));
	tables->waiting = xcalloc(count, sizeof(*tables->waiting));
	tables->below = xcalloc(count, sizeof(*tables->below));
	for (i = 0; i < toc->count; i++)
	{
		if (partial_is_in_list(plan, &toc->entries[i], LIST_ATTACH))
			read_attach(tables, &toc->entries[i]);
	}
	read_targets(tables);
}

void
part_tables_free(PartTables *tables)
{
	free(tables->targets);
	free(tables->above);
	free(tables->waiting);
	free(tables->below);
	memset(tables, 0, sizeof(*tables));
}

void
part_tables_loaded(PartTables *tables, uint32_t table)
{
	const TocEntry *above = tables->targets[table];

	if (above == NULL)
		return;
	tables->total--;
	tables->waiting[above->place]--;
	while ((above = tables->above[above->place]) != NULL)
		tables->below[above->place]--;
}

const TocEntry *
part_tables_root(const PartTables *tables, const TocEntry *table)
{
	while (tables->above[table->place] != NULL)
		table = tables->above[table->place];
	return table;
}

bool
part_tables_inherits(const TocEntry *table)
{
	return toc_entry_is_table(table) && table->definition != NULL &&
		   strstr(table->definition, "\nINHERITS (") != NULL;
}

/* Is `table` below `above`? */
static bool
is_below(const PartTables *tables, const TocEntry *table, const TocEntry *above)
{
	const ArchiveToc *toc = &tables->plan->selection->toc;
	const TocEntry *at;
	bool found = false;
	TocWalk walk;
	int d;

	while (table != above && tables->above[table->place] != NULL)
		table = tables->above[table->place];
	if (table == above || !part_tables_inherits(table))
		return table == above;
	toc_walk_begin(&walk, toc);
	toc_walk_add(&walk, table);
	while (!found && (at = toc_walk_next(&walk)) != NULL)
	{
		found = at == above;
		if (tables->above[at->place] != NULL)
			toc_walk_add(&walk, tables->above[at->place]);
		for (d = 0;
			 tables->above[at->place] == NULL && part_tables_inherits(at) && d < at->ndepends_on;
			 d++)
		{
			const TocEntry *parent = archive_toc_find(toc, at->depends_on[d]);

			if (parent != NULL && toc_entry_is_table(parent) && parent->place < at->place)
				toc_walk_add(&walk, parent);
		}
	}
	toc_walk_end(&walk);
	return found;
}

bool
part_tables_wait_below(const PartTables *tables, const TocEntry *table)
{
	const ArchiveToc *toc = &tables->plan->selection->toc;
	uint32_t i;

	for (i = 0; tables->total > 0 && i < toc->count; i++)
	{
		if (tables->waiting[i] > 0 && is_below(tables, &toc->entries[i], table))
			return true;
	}
	return false;
}

bool
part_tables_have_rows(const PartTables *tables, const TocEntry *table)
{
	for (; table != NULL; table = tables->above[table->place])
	{
		if (tables->waiting[table->place] > 0)
			return false;
	}
	return true;
}

char *
part_tables_name(const RenameMap *map, const TocEntry *relation)
{
	const Renamed *renamed = rename_find(map, relation->schema, relation->tag);
	Buffer name;

	buffer_init(&name);
	quote_qualified(&name, renamed != NULL ? renamed->schema : relation->schema,
					renamed != NULL ? renamed->name : relation->tag);
	return buffer_detach(&name);
}

void
partial_row_table(const RestorePlan *plan, const ManifestTable *table, char **schema, char **name)
{
	const Selection *selection = plan->selection;
	uint32_t i;

	*schema = *name = NULL;
	if (sql_name_read_qualified(table->copy + strlen("COPY "), schema, name) != NULL)
	{
		for (i = 0; i < selection->toc.count; i++)
		{
			const TocEntry *entry = &selection->toc.entries[i];

			if (toc_entry_is(entry, "TABLE") && selection_includes(selection, entry) &&
				strcmp(entry->tag, *name) == 0 && strcmp(entry->schema, *schema) == 0)
				return;
		}
	}
	free(*schema);
	free(*name);
	*schema = xstrdup(table->schema);
	*name = xstrdup(table->name);
}
