/*-------------------------------------------------------------------------
 *
 * member_grants.c
 *	  Grants on objects of the extensions that a part of a backup brought.
 *
 * The archive names such an object, but not its extension.  The database
 * knows both once the extension has been created, so it is asked for the
 * names of its members as pg_dump writes them.
 *
 *-------------------------------------------------------------------------
 */
#include "member_grants.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "extension_rows.h"
#include "memory.h"
#include "owner_settings.h"
#include "part_lists.h"
#include "settings.h"

/* Extension, schema, and name as an entry's tag has it. */
static const char members_query[] =
	"SELECT e.extname, n.nspname, CASE WHEN p.prokind = 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END"
	"  || pg_catalog.quote_ident(p.proname) || '('"
	"  || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'"
	" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid"
	"  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'"
	" JOIN pg_catalog.pg_proc p ON p.oid = d.objid"
	"  AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
	" JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
	" UNION ALL SELECT e.extname, n.nspname,"
	"  CASE WHEN c.relkind = 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END"
	"  || pg_catalog.quote_ident(c.relname)"
	" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid"
	"  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'"
	" JOIN pg_catalog.pg_class c ON c.oid = d.objid"
	"  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" UNION ALL SELECT e.extname, n.nspname, 'COLUMN ' || pg_catalog.quote_ident(c.relname)"
	"  || '.' || pg_catalog.quote_ident(a.attname)"
	" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid"
	"  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'"
	" JOIN pg_catalog.pg_class c ON c.oid = d.objid"
	"  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" UNION ALL SELECT e.extname, n.nspname, w.word || pg_catalog.quote_ident(t.typname)"
	" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid"
	"  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'"
	" JOIN pg_catalog.pg_type t ON t.oid = d.objid"
	"  AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
	" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace,"
	" (VALUES ('TYPE '), ('DOMAIN ')) w (word)"
	" UNION ALL SELECT e.extname, '', o.kind || pg_catalog.quote_ident(o.name)"
	" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid"
	"  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'"
	" JOIN (SELECT 'SCHEMA ' AS kind, tableoid AS class, oid, nspname AS name"
	"   FROM pg_catalog.pg_namespace"
	"  UNION ALL SELECT 'LANGUAGE ', tableoid, oid, lanname FROM pg_catalog.pg_language"
	"  UNION ALL SELECT 'FOREIGN DATA WRAPPER ', tableoid, oid, fdwname"
	"   FROM pg_catalog.pg_foreign_data_wrapper"
	"  UNION ALL SELECT 'FOREIGN SERVER ', tableoid, oid, srvname"
	"   FROM pg_catalog.pg_foreign_server) o"
	"  ON o.oid = d.objid AND o.class = d.classid";

static bool
is_member(const RestorePlan *plan, const PGresult *members, const TocEntry *entry)
{
	int i;

	for (i = 0; members != NULL && i < PQntuples(members); i++)
	{
		if (strcmp(PQgetvalue(members, i, 1), entry->schema) == 0 &&
			strcmp(PQgetvalue(members, i, 2), entry->tag) == 0 &&
			extension_rows_brought(plan->selection, PQgetvalue(members, i, 0)))
			return true;
	}
	return false;
}

void
member_grants_report(const RestorePlan *plan)
{
	Selection *selection = plan->selection;
	const char *first = NULL;
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < selection->toc.count && !plan->settings->owners->no_privileges; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection->of_members[i] && selection->states[i] == ENTRY_IMPOSSIBLE)
		{
			count++;
			if (first == NULL)
				first = entry->tag;
		}
	}
	if (count == 1)
		lines_add(&selection->left_out,
				  xasprintf("grants on %s (its extension is not restored)", first));
	else if (count > 1)
		lines_add(&selection->left_out,
				  xasprintf("grants on %u objects of extensions that are not restored, "
							"%s among them",
							count, first));
}

bool
member_grants_find(const RestorePlan *plan, Connection *connection, int *ids, uint32_t *count)
{
	Selection *selection = plan->selection;
	PGresult *members;
	uint32_t i;

	*count = 0;
	if (!extension_rows_brought(selection, NULL))
		return true;
	members = connection_query(connection, members_query, 0, NULL);
	for (i = 0; i < selection->toc.count && members != NULL; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (!selection->of_members[i] || selection->states[i] == ENTRY_BELONGS ||
			!is_member(plan, members, entry))
			continue;
		selection->states[i] = ENTRY_BELONGS;
		ids[(*count)++] = entry->id;
	}
	PQclear(members);
	return members != NULL;
}

bool
member_grants_choose(const RestorePlan *plan, Connection *connection, char **list)
{
	int *ids = xcalloc((size_t) plan->selection->toc.count + 1, sizeof(int));
	uint32_t count = 0;
	bool good =
		plan->settings->owners->no_privileges || member_grants_find(plan, connection, ids, &count);

	*list = NULL;
	if (good && count > 0)
		*list = partial_list_of(plan, ids, count);
	free(ids);
	return good && (count == 0 || *list != NULL);
}
