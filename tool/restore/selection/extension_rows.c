/*-------------------------------------------------------------------------
 *
 * extension_rows.c
 *	  Rows of extensions' configuration tables in a part of a backup.
 *
 * CREATE EXTENSION makes such a table, so that the archive has no entry of it,
 * and choosing among entries passes it over: spatial_ref_sys of postgis,
 * cron.job, part_config.  Its rows come with the extension, as from pg_dump;
 * and it can be named, as in pg_dump, and brings the extension then.
 *
 *-------------------------------------------------------------------------
 */
#include "extension_rows.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manifest_keep.h"
#include "memory.h"
#include "part_settings.h"
#include "quote.h"
#include "settings.h"

static bool
is_configuration(const Selection *selection, uint32_t place)
{
	const ManifestTable *table = &selection->manifest->tables[place];

	return table->extension != NULL ||
		   (table->serial && selection_table(selection, table->oid) == NULL);
}

void
extension_rows_begin(Selection *selection, const Manifest *manifest)
{
	selection->manifest = manifest;
	selection->rows = xcalloc((size_t) manifest->ntables + 1, 1);
}

bool
extension_rows_mark(Selection *selection, const TablePattern *pattern, bool schemas,
					EntryState state)
{
	bool found = false;
	uint32_t i;

	for (i = 0; i < selection->manifest->ntables; i++)
	{
		const ManifestTable *table = &selection->manifest->tables[i];

		if (!is_configuration(selection, i) ||
			!table_pattern_matches(pattern, schemas ? "" : table->schema,
								   schemas ? table->schema : table->name))
			continue;
		found = true;
		if (selection->rows[i] != ENTRY_EXCLUDED && selection->rows[i] < state)
			selection->rows[i] = (unsigned char) state;
	}
	return found;
}

/* The extension that the backup says it is of, or NULL. */
static const TocEntry *
extension_of(const Selection *selection, const ManifestTable *table)
{
	uint32_t i;

	for (i = 0; table->extension != NULL && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "EXTENSION") && strcmp(entry->tag, table->extension) == 0)
			return entry;
	}
	return NULL;
}

bool
extension_rows_brought(const Selection *selection, const char *name)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "EXTENSION") && selection_includes(selection, entry) &&
			(name == NULL || strcmp(entry->tag, name) == 0))
			return true;
	}
	return false;
}

/* Does the part need an extension of this table that is there already? */
static bool
uses_extension(const Selection *selection, const ManifestTable *table)
{
	const TocEntry *entry = extension_of(selection, table);

	return entry != NULL && selection_state(selection, entry->id) == ENTRY_EXISTING;
}

/* A schema does not bring an extension for the sake of an empty table. */
const TocEntry *
extension_rows_need(const Selection *selection, uint32_t place)
{
	const ManifestTable *table = &selection->manifest->tables[place];
	EntryState state = (EntryState) selection->rows[place];

	if (state != ENTRY_CHOSEN && (state != ENTRY_BELONGS || table->rows == 0))
		return NULL;
	return extension_of(selection, table);
}

/* "extension "postgis"", as far as the backup knows; caller frees. */
static char *
extension_label(const ManifestTable *table)
{
	return table->extension != NULL ? xasprintf("extension \"%s\"", table->extension)
									: xstrdup("an extension");
}

static bool
check_table(const Selection *selection, const Settings *settings, const ManifestTable *table)
{
	char *extension = extension_label(table);
	char *what = xasprintf("Table \"%s.%s\" is a configuration table of %s.", table->schema,
						   table->name, extension);
	bool good = true;

	if (settings->part->as != NULL)
		good = report_error(EXIT_FAILED, what,
							"nex_backup cat shows its rows, --append adds them to a table that "
							"exists.",
							"tables of extensions cannot be restored under another name");
	else if (selection->existing != NULL &&
			 existing_objects_has_relation(selection->existing, table->schema, table->name))
		good =
			report_error(EXIT_FAILED, what, "Add its rows with --append, and --on-conflict=skip.",
						 "table \"%s.%s\" exists already", table->schema, table->name);
	else if (table->extension == NULL && !extension_rows_brought(selection, NULL))
		good = report_error(EXIT_FAILED, what,
							"Add its rows with --append to a database that has the extension.",
							"the backup does not say which extension table \"%s.%s\" comes with",
							table->schema, table->name);
	free(what);
	free(extension);
	return good;
}

bool
extension_rows_check(const Selection *selection, const Settings *settings)
{
	bool good = true;
	uint32_t i;

	for (i = 0; good && !settings->part->append && i < selection->manifest->ntables; i++)
	{
		if (selection->rows[i] == ENTRY_CHOSEN)
			good = check_table(selection, settings, &selection->manifest->tables[i]);
	}
	return good;
}

static void
note_left_out(Selection *selection, const ManifestTable *table, const char *why)
{
	lines_add(&selection->left_out,
			  xasprintf("%llu row%s of %s.%s (%s)", (unsigned long long) table->rows,
						table->rows == 1 ? "" : "s", table->schema, table->name, why));
}

bool
extension_rows_wanted(Selection *selection, const Settings *settings, uint32_t place)
{
	const ManifestTable *table = &selection->manifest->tables[place];
	EntryState state = (EntryState) selection->rows[place];

	if (state == ENTRY_EXCLUDED || settings->part->schema_only)
		return false;
	if (selection->everything)
		return true;
	if (settings->part->append)
		return state >= ENTRY_BELONGS;
	if (extension_rows_brought(selection, table->extension))
		return true;
	if (table->rows > 0 && (state >= ENTRY_BELONGS || uses_extension(selection, table)))
	{
		char *extension = extension_label(table);
		char *why = state >= ENTRY_BELONGS
						? xasprintf("it comes with %s, which is not restored; --append adds them",
									extension)
						: xasprintf("it comes with %s, which is used as it is; --append with "
									"--on-conflict=skip adds those that are missing",
									extension);

		note_left_out(selection, table, why);
		free(why);
		free(extension);
	}
	return false;
}

/* Configuration tables and sequences: extension, schema, name, kind. */
static const char members_query[] =
	"SELECT e.extname, n.nspname, c.relname, c.relkind"
	" FROM pg_catalog.pg_extension e, pg_catalog.unnest(e.extconfig) x (oid)"
	" JOIN pg_catalog.pg_class c ON c.oid = x.oid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

PGresult *
extension_rows_members(Connection *connection)
{
	return connection_query(connection, members_query, 0, NULL);
}

/* The extension that a table is of now, or NULL. */
static const char *
extension_now(const PGresult *members, const ManifestTable *table)
{
	int i;

	for (i = 0; i < PQntuples(members); i++)
	{
		if (strcmp(PQgetvalue(members, i, 1), table->schema) == 0 &&
			strcmp(PQgetvalue(members, i, 2), table->name) == 0)
			return PQgetvalue(members, i, 0);
	}
	return NULL;
}

bool
extension_rows_settle(const RestorePlan *plan, Connection *connection)
{
	static const bool all_kinds[MEMBER_KINDS] = {
		[MEMBER_HEAD] = true, [MEMBER_ARCHIVE] = true, [MEMBER_SEQUENCES] = true};
	Manifest *manifest = plan->manifest;
	Selection *selection = plan->selection;
	bool *kept = xcalloc((size_t) manifest->ntables + 1, sizeof(bool));
	PGresult *members = NULL;
	uint32_t lost = 0;
	uint32_t i;

	if (!selection->everything)
		members = extension_rows_members(connection);
	for (i = 0; members != NULL && i < manifest->ntables; i++)
	{
		const ManifestTable *table = &manifest->tables[i];
		const char *extension;

		kept[i] = true;
		if (table->extension != NULL || !is_configuration(selection, i))
			continue;
		extension = extension_now(members, table);
		kept[i] = extension != NULL && extension_rows_brought(selection, extension);
		if (kept[i])
			continue;
		lost++;
		if (table->rows > 0)
			note_left_out(selection, table, "no extension that is restored has it");
	}
	if (lost > 0)
		manifest_keep(manifest, kept, all_kinds);
	free(kept);
	PQclear(members);
	return members != NULL || selection->everything;
}

/* Are rows of this extension added? */
static bool
adds_rows_of(const RestorePlan *plan, const PGresult *members, const char *extension)
{
	uint32_t i;

	for (i = 0; i < plan->manifest->ntables; i++)
	{
		const char *now = extension_now(members, &plan->manifest->tables[i]);

		if (now != NULL && strcmp(now, extension) == 0)
			return true;
	}
	return false;
}

bool
extension_rows_has_sequence(const RestorePlan *plan, const PGresult *members, const char *schema,
							const char *name)
{
	int i;

	for (i = 0; i < PQntuples(members); i++)
	{
		const char *extension = PQgetvalue(members, i, 0);

		if (PQgetvalue(members, i, 3)[0] == 'S' && strcmp(PQgetvalue(members, i, 1), schema) == 0 &&
			strcmp(PQgetvalue(members, i, 2), name) == 0)
			return plan->settings->part->append
					   ? adds_rows_of(plan, members, extension)
					   : extension_rows_brought(plan->selection, extension);
	}
	return false;
}
