/*-------------------------------------------------------------------------
 *
 * contents.c
 *	  info --contents: all objects that a backup holds.
 *
 *-------------------------------------------------------------------------
 */
#include "contents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_toc.h"
#include "json_text.h"
#include "memory.h"
#include "output.h"
#include "quote.h"
#include "repository_view.h"

/* Entries that are not objects: properties of the connection, of the database, or of an object. */
static const char *const no_objects[] = {"ENCODING",
										 "STDSTRINGS",
										 "SEARCHPATH",
										 "DATABASE",
										 "DATABASE PROPERTIES",
										 "COMMENT",
										 "SECURITY LABEL",
										 "ACL",
										 "DEFAULT",
										 "SHELL TYPE",
										 "BLOBS",
										 "BLOB METADATA",
										 "SEQUENCE OWNED BY",
										 "TABLE ATTACH",
										 "INDEX ATTACH",
										 "BLOB",
										 "ROW SECURITY",
										 "MATERIALIZED VIEW DATA",
										 NULL};

/* Where the rows of tables are found by oid: one lookup a table, sorted once. */
static int
compare_oids(const void *a, const void *b)
{
	uint32_t x = (*(const ManifestTable *const *) a)->oid;
	uint32_t y = (*(const ManifestTable *const *) b)->oid;

	return x < y ? -1 : x > y;
}

static const ManifestTable *
find_table(const ManifestTable **tables, uint32_t count, const TocEntry *entry)
{
	ManifestTable key;
	const ManifestTable *sought = &key;
	const ManifestTable **found;

	if (!toc_entry_is(entry, "TABLE"))
		return NULL;
	key.oid = entry->oid;
	found = bsearch(&sought, tables, count, sizeof(*tables), compare_oids);
	return found != NULL ? *found : NULL;
}

static json_t *
entry_json(const TocEntry *entry, const ManifestTable *table)
{
	json_t *value = json_object();

	json_object_set_new(value, "kind", json_text(entry->kind));
	json_object_set_new(value, "schema",
						entry->schema[0] != '\0' ? json_text(entry->schema) : json_null());
	json_object_set_new(value, "name", json_text(entry->tag));
	json_object_set_new(value, "owner", json_text(entry->owner));
	if (table != NULL && entry->owner == NULL)
		json_object_set_new(value, "extension", json_text(table->extension));
	if (table != NULL)
	{
		json_object_set_new(value, "rows", json_count(table->rows));
		json_object_set_new(value, "raw_bytes", json_count(table->raw_bytes));
		json_object_set_new(value, "stored_bytes", json_count(table->stored_bytes));
		json_object_set_new(value, "heap_bytes", json_count(table->heap_bytes));
	}
	return value;
}

static void
add_text_row(TextTable *text, const TocEntry *entry, const ManifestTable *table)
{
	const char *cells[7] = {entry->kind,
							entry->schema,
							entry->tag,
							entry->owner,
							table != NULL ? pretty_count(table->rows) : "",
							table != NULL ? pretty_bytes(table->raw_bytes) : "",
							table != NULL ? pretty_bytes(table->stored_bytes) : ""};

	text_table_row(text, cells);
}

/* A configuration table of an extension, which the archive does not name. */
static bool
is_of_extension(const ManifestTable *table, const ArchiveToc *toc)
{
	uint32_t i;

	for (i = 0; table->extension == NULL && i < toc->count; i++)
	{
		if (!table->serial ||
			(toc_entry_is(&toc->entries[i], "TABLE") && toc->entries[i].oid == table->oid))
			return false;
	}
	return true;
}

/* Rows of extensions: their tables are not objects of the archive, but can be chosen. */
static void
add_extension_tables(const Manifest *manifest, const ArchiveToc *toc, json_t *objects,
					 TextTable *text)
{
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
	{
		const ManifestTable *table = &manifest->tables[i];
		TocEntry entry;

		if (!is_of_extension(table, toc))
			continue;
		memset(&entry, 0, sizeof(entry));
		entry.kind = "TABLE";
		entry.schema = table->schema;
		entry.tag = table->name;
		if (text != NULL)
		{
			entry.owner = table->extension != NULL ? xasprintf("(extension %s)", table->extension)
												   : xstrdup("(an extension)");
			add_text_row(text, &entry, table);
			free(entry.owner);
			continue;
		}
		json_array_append_new(objects, entry_json(&entry, table));
	}
}

static void
print_json(const BackupName *name, json_t *objects, uint64_t large_objects)
{
	output_json(json_pack("{s:o, s:s, s:o, s:o}", "database", owner_json(&name->owner), "backup",
						  name->id, "objects", objects, "large_objects",
						  json_count(large_objects)));
}

bool
contents_print(Repository *repository, const BackupName *name, const Manifest *manifest, bool json)
{
	static const char *const headings[7] = {"kind", "schema", "name",  "owner",
											"rows", "size",   "stored"};
	const ManifestTable **tables = xcalloc((size_t) manifest->ntables + 1, sizeof(*tables));
	json_t *objects = json ? json_array() : NULL;
	TextTable *text = json ? NULL : text_table_create(7, headings, "llllrrr");
	ArchiveToc toc;
	bool good = archive_toc_load(repository, manifest, &toc);
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
		tables[i] = &manifest->tables[i];
	qsort(tables, manifest->ntables, sizeof(*tables), compare_oids);
	for (i = 0; good && i < toc.count; i++)
	{
		const TocEntry *entry = &toc.entries[i];
		const ManifestTable *table = find_table(tables, manifest->ntables, entry);

		if (toc_entry_is_any(entry, no_objects))
			continue;
		if (json)
			json_array_append_new(objects, entry_json(entry, table));
		else
			add_text_row(text, entry, table);
	}
	if (good)
		add_extension_tables(manifest, &toc, objects, text);
	if (good && json)
		print_json(name, json_incref(objects), manifest->totals.large_objects);
	if (text != NULL)
		text_table_print(text);
	if (good && !json && manifest->totals.large_objects > 0)
		show_text("and %s\n", pretty_number_of(manifest->totals.large_objects, "large object"));
	json_decref(objects);
	archive_toc_free(&toc);
	free(tables);
	return good;
}
