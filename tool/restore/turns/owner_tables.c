/*-------------------------------------------------------------------------
 *
 * owner_tables.c
 *	  Tables of others, made by their owners in a live database.
 *
 * When a table is made, the server computes constant parts of its generated
 * columns and of its partition key, and reads literals.  What that runs is
 * refused by what the archive says (live_code.c, live_names.c, live_types.c).
 * But a text can be misread, and a type can rest on another one; so a table
 * that may compute anything is made by its owner (owner_turn.c), where code of
 * the owner gains nothing.  The owner may need the right to create objects in
 * the schema or the tablespace; it has that within our transaction alone, and
 * may not use it for anything else (definitions.c).
 *
 * A table without any of that, or with literals of enums alone, computes
 * nothing, and the session makes it: most tables are of that kind, and a turn
 * costs some milliseconds.  One that may compute something and inherits from a
 * table of another owner is refused: nobody's rights would be right.
 *
 * What a partition key computes is computed by all who open the table from then
 * on, us included.  So it is looked at in the catalogs as soon as the table is
 * there.
 *
 *-------------------------------------------------------------------------
 */
#include "owner_tables.h"

#include <stdlib.h>
#include <string.h>

#include "author_kinds.h"
#include "author_turn.h"
#include "code_owners.h"
#include "known_statements.h"
#include "live_refusal.h"
#include "live_types.h"
#include "log.h"
#include "memory.h"
#include "planned_steps.h"
#include "planner_code.h"
#include "quote.h"
#include "rename.h"
#include "row_copy.h"
#include "settings.h"
#include "sql_build.h"
#include "sql_name.h"
#include "sql_text.h"
#include "turn_settings.h"

static const char trusted_query[] = "SELECT FROM pg_catalog.pg_roles r"
									" WHERE r.rolname = $1::pg_catalog.name"
									" AND " ROW_ROLE_IS_TRUSTED;

/*
 * What others can change of the key of a table: what its expressions call, its
 * operator classes, and what the types of its columns are compared by.
 */
#define KEY_PARTS                                                                                  \
	"SELECT d.refclassid, d.refobjid FROM keys JOIN pg_catalog.pg_depend d"                        \
	"  ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = keys.partrelid"     \
	"  AND d.objsubid = 0 AND d.refobjid <> keys.reloftype"                                        \
	"  AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,"                            \
	"   'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass," \
	"   'pg_catalog.pg_opclass'::pg_catalog.regclass)"                                             \
	" UNION SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, chain.oid FROM chain"                \
	"  JOIN pg_catalog.pg_type t ON t.oid = chain.oid AND t.typbasetype = 0"

#define KEY_IS_HARMLESS EXPRESSION_IS_HARMLESS("keys.partexprs::pg_catalog.text")

static const char key_query[] =
	"WITH RECURSIVE keys AS (SELECT k.*, c.relowner, c.reloftype"
	"  FROM pg_catalog.pg_partitioned_table k JOIN pg_catalog.pg_class c ON c.oid = k.partrelid"
	"  WHERE k.partrelid = pg_catalog.to_regclass($1::pg_catalog.text)),"
	" chain AS (SELECT a.atttypid AS oid FROM keys JOIN pg_catalog.pg_attribute a"
	"   ON a.attrelid = keys.partrelid AND a.attnum = ANY (keys.partattrs)"
	"  UNION SELECT t.typbasetype FROM chain JOIN pg_catalog.pg_type t ON t.oid = chain.oid"
	"   WHERE t.typbasetype <> 0), " CODE_OF(
		KEY_PARTS) " SELECT COALESCE((" CODE_OF_OTHERS "), (SELECT 'its expression' FROM keys"
				   "  JOIN pg_catalog.pg_roles r ON r.oid = keys.relowner WHERE "
				   "NOT " ROW_ROLE_IS_TRUSTED "  AND NOT COALESCE(" KEY_IS_HARMLESS ", true)))";

/* An enum runs nothing, and what was one is one (live_owners.c). */
static bool
is_enum(const ArchiveToc *toc, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *type = &toc->entries[i];

		if (toc_entry_is(type, "TYPE") && strcmp(type->tag, name) == 0 &&
			strcmp(type->schema, schema) == 0)
			return live_types_is_enum(type);
	}
	return false;
}

/* Is there a literal of a type of users?  It has the name with the schema behind it. */
static bool
has_literal(const ArchiveToc *toc, const char *text)
{
	bool found = false;
	char *schema;
	char *name;

	while (!found && (text = strstr(text, "'::")) != NULL)
	{
		text += 3;
		if (sql_name_read_qualified(text, &schema, &name) == NULL)
			continue;
		found = !is_enum(toc, schema, name);
		free(schema);
		free(name);
	}
	return found;
}

/* May the server compute anything of the table's text when it makes the table? */
static bool
may_compute(const ArchiveToc *toc, const TocEntry *entry)
{
	const char *text = entry->definition;

	return toc_entry_is_table(entry) && text != NULL &&
		   (strstr(text, "GENERATED") != NULL || strstr(text, "PARTITION BY") != NULL ||
			strstr(text, " OF ") != NULL || has_literal(toc, text));
}

/* The names behind INHERITS in a CREATE TABLE, or NULL: "s.a, s.b);". */
static const char *
parents_in(const char *text)
{
	int depth = 0;

	for (text = sql_skip_blank(text); *text != '\0' && *text != ';';)
	{
		const char *end = sql_token_end(text);

		depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
		if (depth == 0 && end - text == 8 && strncmp(text, "INHERITS", 8) == 0)
		{
			text = sql_skip_blank(end);
			return *text == '(' ? text + 1 : NULL;
		}
		text = sql_skip_blank(end);
	}
	return NULL;
}

static const TocEntry *
find_table(const ArchiveToc *toc, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (toc_entry_is_table(entry) && strcmp(entry->tag, name) == 0 &&
			strcmp(entry->schema, schema) == 0)
			return entry;
	}
	return NULL;
}

/* Does it inherit from a table of another owner, or of whom the archive does not say? */
static bool
has_other_parent(const RestorePlan *plan, const TocEntry *entry)
{
	const char *at = parents_in(entry->definition);
	bool other = false;
	char *schema;
	char *name;

	while (at != NULL && !other)
	{
		const TocEntry *parent;

		at = sql_name_read_qualified(sql_skip_blank(at), &schema, &name);
		if (at == NULL)
			break;
		parent = find_table(&plan->selection->toc, schema, name);
		other = parent == NULL || strcmp(parent->owner, entry->owner) != 0;
		free(schema);
		free(name);
		at = sql_skip_blank(at);
		at = *at == ',' ? at + 1 : NULL;
	}
	return other;
}

bool
owner_tables_decide(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
					bool *owners)
{
	const char *params[1] = {entry->owner};
	PGresult *result;

	*owners = false;
	if (!author_turn_may_need(plan, entry))
		return true;
	result = connection_query(connection, trusted_query, 1, params);
	*owners = result != NULL && PQntuples(result) == 0;
	PQclear(result);
	if (*owners && may_compute(&plan->selection->toc, entry) && has_other_parent(plan, entry))
		return live_code_refuse(entry, "It inherits from a table of another owner, and may compute "
									   "something when it is created.");
	return result != NULL;
}

void
owner_tables_split(const char *script, Buffer *settings, Buffer *statements)
{
	const char *at = script;
	const char *start;
	const char *end;

	buffer_append_string(settings, "");
	while (known_statements_next(&at, &start, &end))
	{
		char *statement = xasprintf("%.*s\n", (int) (end - start), start);
		SqlText *body = sql_in(statements);

		if (strncmp(statement, "SET ", 4) == 0 || strncmp(statement, "SELECT ", 7) == 0)
			buffer_append_string(settings, statement);
		else
		{
			sql_append(body, "EXECUTE ");
			sql_literal(body, statement);
			sql_append(body, ";\n");
		}
		free(statement);
	}
	buffer_append_string(statements, "");
}

const CatalogChange *
owner_tables_changes(const RestorePlan *plan, const TocEntry *entry)
{
	const char *text = entry->definition;

	/* What it takes over from others changes its columns, too: their names and types are compared.
	 */
	if (parents_in(text) != NULL || strstr(text, " OF ") != NULL)
		return NULL;
	return author_kind_changes(&plan->selection->toc, entry);
}

static bool
check_key(Connection *connection, const RenameMap *map, const TocEntry *entry)
{
	const Renamed *renamed = rename_find(map, entry->schema, entry->tag);
	const char *params[1];
	PGresult *result;
	SqlText table;
	char *detail;
	bool good;

	sql_init(&table);
	sql_qualified(&table, renamed != NULL ? renamed->schema : entry->schema,
				  renamed != NULL ? renamed->name : entry->tag);
	params[0] = sql_string(&table);
	result = connection_query(connection, key_query, 1, params);
	good = result != NULL;
	if (good && !PQgetisnull(result, 0, 0))
	{
		detail = xasprintf("Its partition key runs %s, which can be changed by others.",
						   PQgetvalue(result, 0, 0));
		good = live_code_refuse(entry, detail);
		free(detail);
	}
	PQclear(result);
	sql_free(&table);
	return good;
}

bool
owner_tables_check_keys(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	if (plan->fate != TARGET_LIVE || plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (selection_includes(plan->selection, entry) && toc_entry_is_table(entry) &&
			entry->definition != NULL && strstr(entry->definition, "PARTITION BY") != NULL)
			good = check_key(connection, map, entry);
	}
	return good;
}
