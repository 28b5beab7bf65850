/*-------------------------------------------------------------------------
 *
 * forced_keys.c
 *	  Foreign keys of tables whose row security binds their owners.
 *
 *-------------------------------------------------------------------------
 */
#include "forced_keys.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "owner_settings.h"
#include "protections_state.h"
#include "quote.h"
#include "settings.h"

static const char forced_query[] =
	"SELECT pg_catalog.string_agg(pg_catalog.format('ALTER TABLE ONLY %I.%I NO FORCE ROW LEVEL"
	" SECURITY', n.nspname, c.relname), ';'), pg_catalog.string_agg(pg_catalog.format("
	" 'ALTER TABLE ONLY %I.%I FORCE ROW LEVEL SECURITY', n.nspname, c.relname), ';')"
	" FROM pg_catalog.unnest($1::pg_catalog.text[]) u (name) JOIN pg_catalog.pg_class c"
	"  ON c.oid = pg_catalog.to_regclass(u.name)"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE c.relrowsecurity AND c.relforcerowsecurity";

/* Is it in the tree of a table that the key is about? */
static bool
is_of_key(const RestorePlan *plan, const TocEntry *table, const TocEntry *key)
{
	const PartTables *tables = &plan->progress->protections->tables;
	const TocEntry *root = part_tables_root(tables, table);
	int d;

	for (d = 0; d < key->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&plan->selection->toc, key->depends_on[d]);

		if (other != NULL && toc_entry_is(other, "CONSTRAINT"))
			other = protections_find_object(plan, other);
		if (other != NULL && toc_entry_is(other, "TABLE") &&
			part_tables_root(tables, other) == root)
			return true;
	}
	return false;
}

/* Tables of the key's owner that have the words in their definition, as an array. */
static void
find_forced(const RestorePlan *plan, const RenameMap *map, const TocEntry *key, Buffer *array)
{
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	buffer_append_char(array, '{');
	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *table = &toc->entries[i];
		char *name;

		if (!toc_entry_is(table, "TABLE") || !selection_includes(plan->selection, table) ||
			strstr(table->definition, " FORCE ROW LEVEL SECURITY") == NULL ||
			(!plan->settings->owners->no_owner && strcmp(table->owner, key->owner) != 0) ||
			!is_of_key(plan, table, key))
			continue;
		name = part_tables_name(map, table);
		quote_array_item(array, name);
		free(name);
	}
	buffer_append_char(array, '}');
}

bool
protections_open_forced(const RestorePlan *plan, Connection *connection, const RenameMap *map,
						const TocEntry *key, char **open, char **back)
{
	const char *params[1];
	PGresult *result;
	Buffer array;
	bool good = true;

	*open = *back = NULL;
	if (plan->progress->protections == NULL)
		return true;
	buffer_init(&array);
	find_forced(plan, map, key, &array);
	if (strcmp(array.data, "{}") != 0)
	{
		params[0] = array.data;
		result = connection_query(connection, forced_query, 1, params);
		good = result != NULL;
		if (good && !PQgetisnull(result, 0, 0))
		{
			*open = xstrdup(PQgetvalue(result, 0, 0));
			*back = xstrdup(PQgetvalue(result, 0, 1));
		}
		PQclear(result);
	}
	buffer_free(&array);
	return good;
}
