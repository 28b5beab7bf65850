/*-------------------------------------------------------------------------
 *
 * rename.c
 *	  --as: a table under another name, beside the one that has its name.
 *
 * Restoring under the old name and renaming afterwards would need the live
 * table out of the way, and its lock.  So the names are changed in the
 * script (rename_script.c).
 *
 *-------------------------------------------------------------------------
 */
#include "rename.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "name_pattern.h"
#include "part_of.h"
#include "part_settings.h"
#include "quote.h"
#include "selection_closure.h"
#include "settings.h"
#include "table_pattern.h"

#define MAX_NAME_BYTES 63

bool
rename_parse_target(const char *text, char **schema, char **name)
{
	TablePattern pattern;
	bool good = table_pattern_parse("--as", text, &pattern);
	bool wild = false;

	*schema = *name = NULL;
	if (!good)
	{
		table_pattern_free(&pattern);
		return false;
	}
	*name = name_pattern_letters(pattern.name, &wild);
	good = !wild && strlen(*name) <= MAX_NAME_BYTES;
	if (pattern.schema != NULL)
	{
		*schema = name_pattern_letters(pattern.schema, &wild);
		good = good && !wild && strlen(*schema) <= MAX_NAME_BYTES;
	}
	table_pattern_free(&pattern);
	if (good)
		return true;
	free(*schema);
	free(*name);
	*schema = *name = NULL;
	return report_error(
		EXIT_USAGE,
		"It must be a name or schema.name, without wildcards; a name has 63 bytes at "
		"most.",
		NULL, "invalid value \"%s\" of option \"--as\"", text);
}

/* The relation that was chosen by itself: not a partition of another chosen one. */
static const TocEntry *
chosen_table(const Selection *selection, uint32_t *count)
{
	const TocEntry *chosen = NULL;
	uint32_t i;
	int d;

	*count = 0;
	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool partition = false;

		if (selection_state(selection, entry->id) != ENTRY_CHOSEN || !toc_entry_is_relation(entry))
			continue;
		for (d = 0; d < entry->ndepends_on && !partition; d++)
		{
			const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

			partition = other != NULL && selection_state(selection, other->id) == ENTRY_CHOSEN &&
						selection_is_partition(selection, entry, other);
		}
		if (partition)
			continue;
		chosen = entry;
		(*count)++;
	}
	return chosen;
}

/* The name of the relation that an entry makes: for a constraint that of its index. */
static const char *
relation_name(const TocEntry *entry)
{
	size_t length = strlen(entry->tag);
	const char *name = entry->tag;
	PartOf part;

	if (!toc_entry_is(entry, "CONSTRAINT") || !part_of_read(entry, entry->definition, &part))
		return name;
	/* The tag ends with it. */
	if (part.name != NULL && strlen(part.name) < length)
		name += length - strlen(part.name);
	part_of_free(&part);
	return name;
}

const Renamed *
rename_find(const RenameMap *map, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < map->count; i++)
	{
		if (strcmp(map->items[i].old_name, name) == 0 &&
			strcmp(map->items[i].entry->schema, schema) == 0)
			return &map->items[i];
	}
	return NULL;
}

/* Is it another new name, or for what comes along that of something there? */
static bool
is_given(const RenameMap *map, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < map->count; i++)
	{
		if (strcmp(map->items[i].name, name) == 0 && strcmp(map->items[i].schema, schema) == 0)
			return true;
	}
	return false;
}

/* Is it another new name, or that of something there? */
static bool
is_taken(const Selection *selection, const RenameMap *map, const TocEntry *entry,
		 const char *schema, const char *name)
{
	return is_given(map, schema, name) ||
		   (selection->existing != NULL &&
			existing_objects_has_as(selection->existing, entry, schema, name));
}

/* Cut a name at a character border. */
static void
shorten(char *name, size_t length)
{
	if (strlen(name) <= length)
		return;
	while (length > 0 && ((unsigned char) name[length] & 0xc0) == 0x80)
		length--;
	name[length] = '\0';
}

/* The name of an index or sequence is nobody's wish, unlike that of a partition: check_free(). */
static bool
must_be_another(const Selection *selection, const RenameMap *map, const TocEntry *entry,
				const char *schema, const char *name)
{
	return toc_entry_is_relation(entry) && !toc_entry_is(entry, "SEQUENCE")
			   ? is_given(map, schema, name)
			   : is_taken(selection, map, entry, schema, name);
}

/*
 * What comes along takes the new table name in the place of the old one in its
 * own name.  In another schema it keeps its name, if that is free.
 */
static char *
companion_name(const Selection *selection, const RenameMap *map, const TocEntry *entry,
			   const char *schema, const char *name)
{
	const char *table = map->items[0].old_name;
	const char *as = map->items[0].name;
	size_t length = strlen(table);
	char *wish;
	int n;

	if (strcmp(entry->schema, schema) != 0 && !is_taken(selection, map, entry, schema, name))
		return xstrdup(name);
	if (strncmp(name, table, length) == 0)
		wish = xasprintf("%s%s", as, name + length);
	else
		wish = xasprintf("%s_%s", as, name);
	shorten(wish, MAX_NAME_BYTES);
	for (n = 1; must_be_another(selection, map, entry, schema, wish); n++)
	{
		char *suffix = xasprintf("_%d", n);
		char *other;

		shorten(wish, MAX_NAME_BYTES - strlen(suffix));
		other = xasprintf("%s%s", wish, suffix);
		free(suffix);
		free(wish);
		wish = other;
	}
	return wish;
}

static void
add_item(RenameMap *map, const TocEntry *entry, const char *old_name, char *schema, char *name)
{
	Renamed *item;

	map->items = xrealloc(map->items, ((size_t) map->count + 1) * sizeof(Renamed));
	item = &map->items[map->count++];
	item->entry = entry;
	item->old_name = xstrdup(old_name);
	item->schema = schema;
	item->name = name;
}

static bool
check_free(const Selection *selection, const RenameMap *map)
{
	uint32_t i;

	for (i = 0; selection->existing != NULL && i < map->count; i++)
	{
		const Renamed *item = &map->items[i];

		if (existing_objects_has_relation(selection->existing, item->schema, item->name))
			return report_error(EXIT_FAILED, NULL, "Give another name with --as, or drop it first.",
								"\"%s.%s\" exists already", item->schema, item->name);
	}
	return true;
}

bool
rename_plan(const Selection *selection, const Settings *settings, RenameMap *map)
{
	static const char *const kinds[] = {"TABLE",         "VIEW",       "MATERIALIZED VIEW",
										"FOREIGN TABLE", "SEQUENCE",   "INDEX",
										"CONSTRAINT",    "STATISTICS", NULL};
	const TocEntry *table;
	char *schema;
	char *name;
	uint32_t count;
	uint32_t i;

	memset(map, 0, sizeof(*map));
	if (settings->part->as == NULL)
		return true;
	table = chosen_table(selection, &count);
	if (count != 1)
		return report_error(EXIT_USAGE, NULL, "Restore them one by one, or into another database.",
							"--as gives one table another name, and %u were chosen", count);
	if (!rename_parse_target(settings->part->as, &schema, &name))
		return false;
	add_item(map, table, table->tag, xstrdup(schema != NULL ? schema : table->schema),
			 xstrdup(name));
	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		const char *old_name = relation_name(entry);
		const char *new_schema = schema != NULL ? schema : entry->schema;

		if (entry != table && toc_entry_is_any(entry, kinds) &&
			selection_state(selection, entry->id) >= ENTRY_BELONGS)
			add_item(map, entry, old_name, xstrdup(new_schema),
					 companion_name(selection, map, entry, new_schema, old_name));
	}
	free(schema);
	free(name);
	return check_free(selection, map);
}

void
rename_free(RenameMap *map)
{
	uint32_t i;

	for (i = 0; i < map->count; i++)
	{
		free(map->items[i].old_name);
		free(map->items[i].schema);
		free(map->items[i].name);
	}
	free(map->items);
	map->items = NULL;
	map->count = 0;
}

void
rename_list_tables(const Selection *selection, const RenameMap *map, Buffer *array)
{
	uint32_t i;

	buffer_append_char(array, '{');
	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		const Renamed *renamed;
		Buffer name;

		if (!toc_entry_is_table(entry) || !selection_includes(selection, entry))
			continue;
		renamed = rename_find(map, entry->schema, entry->tag);
		buffer_init(&name);
		quote_qualified(&name, renamed != NULL ? renamed->schema : entry->schema,
						renamed != NULL ? renamed->name : entry->tag);
		quote_array_item(array, name.data);
		buffer_free(&name);
	}
	buffer_append_char(array, '}');
}
