/*-------------------------------------------------------------------------
 *
 * selection.c
 *	  Choosing a part of a backup by the names that the user gave.
 *
 * pg_restore --table would restore a bare table: no types, no indexes, no
 * grants.  Here the archive's dependencies tell what else is meant
 * (selection_closure.c), and pg_restore is given a list of entries.
 *
 *-------------------------------------------------------------------------
 */
#include "selection.h"

#include <stdlib.h>
#include <string.h>

#include "extension_rows.h"
#include "log.h"
#include "memory.h"
#include "part_settings.h"
#include "selection_closure.h"
#include "selection_grants.h"
#include "selection_publications.h"
#include "selection_report.h"
#include "settings.h"
#include "table_pattern.h"
#include "nearest.h"

/* What belongs to the connection or to the whole database, or is restored in another way. */
static const char *const never[] = {
	"ENCODING", "STDSTRINGS",    "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES",
	"BLOB",     "BLOB METADATA", "BLOBS",      NULL};

/* Shared by many, so that choosing a schema does not choose them for itself. */
static const char *const environments[] = {"SCHEMA", "EXTENSION", "PROCEDURAL LANGUAGE", NULL};

void
selection_forget_report(Selection *selection)
{
	lines_free(&selection->left_out);
	lines_free(&selection->used);
	lines_free(&selection->brought);
}

/* What the hint for a name that is not there is made of. */
static bool
report_no_match(const Selection *selection, const char *option, const TablePattern *pattern,
				bool schemas)
{
	const char **names = xcalloc((size_t) selection->toc.count + 1, sizeof(char *));
	const char *nearest;
	const char *owner = NULL;
	char *hint = NULL;
	int count = 0;
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (schemas ? toc_entry_is(entry, "SCHEMA") : toc_entry_is_relation(entry))
			names[count++] = entry->tag;
	}
	nearest = nearest_name(pattern->letters, names, count);
	for (i = 0; nearest != NULL && i < selection->toc.count && owner == NULL; i++)
	{
		if (selection->toc.entries[i].tag == nearest)
			owner = selection->toc.entries[i].schema;
	}
	if (nearest != NULL)
		hint = xasprintf("Perhaps you meant \"%s%s%s\".", schemas ? "" : owner,
						 schemas || owner[0] == '\0' ? "" : ".", nearest);
	report_error(EXIT_FAILED, NULL,
				 hint != NULL ? hint : "\"nex_backup info --contents\" lists what a backup holds.",
				 "no %s of the backup matches \"%s\" of option \"%s\"",
				 schemas ? "schema" : "table", pattern->text, option);
	free(hint);
	free(names);
	return false;
}

/* Give all relations that match one pattern a state; false (reported) if there are none. */
static bool
mark_tables(Selection *selection, const char *option, const char *text, EntryState state)
{
	TablePattern pattern;
	bool found = false;
	uint32_t i;
	bool good;

	good = table_pattern_parse(option, text, &pattern);
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (!toc_entry_is_relation(entry) ||
			!table_pattern_matches(&pattern, entry->schema, entry->tag))
			continue;
		found = true;
		if (selection->states[entry->place] != ENTRY_EXCLUDED)
			selection->states[entry->place] = (unsigned char) state;
	}
	if (good && extension_rows_mark(selection, &pattern, false, state))
		found = true;
	if (good && !found)
		good = report_no_match(selection, option, &pattern, false);
	table_pattern_free(&pattern);
	return good;
}

static bool
may_be_chosen(const TocEntry *entry)
{
	return !toc_entry_is_any(entry, never) && strncmp(entry->tag, "LARGE OBJECT ", 13) != 0;
}

/* Everything in the schemas that match. */
static bool
mark_schemas(Selection *selection, const char *text)
{
	TablePattern pattern;
	bool found = false;
	uint32_t i;
	bool good;

	good = table_pattern_parse("--schema", text, &pattern);
	if (good && pattern.schema != NULL)
		good = report_error(EXIT_USAGE, "A dot in a name needs double quotes.", NULL,
							"invalid value \"%s\" of option \"--schema\"", text);
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool is_schema = toc_entry_is(entry, "SCHEMA");
		const char *schema = is_schema ? entry->tag : entry->schema;

		if (schema[0] == '\0' || !table_pattern_matches(&pattern, "", schema))
			continue;
		found = true;
		if (may_be_chosen(entry) && selection->states[entry->place] == ENTRY_OUT)
			selection->states[entry->place] = ENTRY_CHOSEN;
	}
	if (good && extension_rows_mark(selection, &pattern, true, ENTRY_BELONGS))
		found = true;
	if (good && !found)
		good = report_no_match(selection, "--schema", &pattern, true);
	table_pattern_free(&pattern);
	return good;
}

static void
mark_everything(Selection *selection, bool schema_only)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (may_be_chosen(entry) && selection->states[entry->place] == ENTRY_OUT &&
			!(schema_only && toc_entry_is(entry, "MATERIALIZED VIEW DATA")))
			selection->states[entry->place] = ENTRY_CHOSEN;
	}
}

/* What exists of schemas, extensions and languages is used; all else that was chosen is new. */
static void
use_environments(Selection *selection)
{
	uint32_t i;

	for (i = 0; selection->existing != NULL && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection->states[entry->place] == ENTRY_CHOSEN &&
			toc_entry_is_any(entry, environments) &&
			existing_objects_has(selection->existing, entry))
			selection->states[entry->place] = ENTRY_EXISTING;
	}
}

static void
take_out_refreshes(Selection *selection)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "MATERIALIZED VIEW DATA"))
			selection->states[entry->place] = ENTRY_EXCLUDED;
	}
}

bool
selection_make(Selection *selection, const Settings *settings)
{
	int i;

	selection->states = xcalloc((size_t) selection->toc.count + 1, 1);
	selection->late = xcalloc((size_t) selection->toc.count + 1, sizeof(bool));
	selection->of_members = xcalloc((size_t) selection->toc.count + 1, sizeof(bool));
	selection->everything = settings->part->table.count == 0 && settings->part->schema.count == 0;
	selection->renames = settings->part->as != NULL;
	if (settings->part->schema_only)
		take_out_refreshes(selection);
	for (i = 0; i < settings->part->exclude_table.count; i++)
	{
		if (!mark_tables(selection, "--exclude-table", settings->part->exclude_table.items[i],
						 ENTRY_EXCLUDED))
			return false;
	}
	for (i = 0; i < settings->part->table.count; i++)
	{
		if (!mark_tables(selection, "--table", settings->part->table.items[i], ENTRY_CHOSEN))
			return false;
	}
	for (i = 0; i < settings->part->schema.count; i++)
	{
		if (!mark_schemas(selection, settings->part->schema.items[i]))
			return false;
	}
	if (selection->everything)
		mark_everything(selection, settings->part->schema_only);
	use_environments(selection);
	selection_take_out_strays(selection);
	selection_take_out_defaults(selection);
	selection_take_out_publications(selection);
	selection_close(selection);
	selection_bring_public(selection);
	selection_report(selection);
	return extension_rows_check(selection, settings);
}

void
selection_free(Selection *selection)
{
	archive_toc_free(&selection->toc);
	free(selection->states);
	free(selection->late);
	free(selection->of_members);
	free(selection->lost);
	free(selection->rows);
	free(selection->starts);
	free(selection->dependents);
	selection_forget_report(selection);
	memset(selection, 0, sizeof(*selection));
}

bool
selection_check_existing(const Selection *selection)
{
	Buffer names;
	uint32_t count = 0;
	uint32_t i;

	buffer_init(&names);
	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		char *label;

		if (!selection_includes(selection, entry) ||
			!existing_objects_has(selection->existing, entry))
			continue;
		if (++count > 20)
			continue;
		label = toc_entry_label(entry);
		buffer_printf(&names, "%s%s", count > 1 ? ", " : "", label);
		free(label);
	}
	if (count > 20)
		buffer_printf(&names, " and %u more", count - 20);
	if (count > 0)
	{
		buffer_append_char(&names, '.');
		report_error(EXIT_FAILED, names.data,
					 "Add rows to a table that exists with --append, restore under another name "
					 "with --as or into another database with --to, or drop what is there first.",
					 "%u of the objects to be restored exist already", count);
	}
	buffer_free(&names);
	return count == 0;
}
