/*-------------------------------------------------------------------------
 *
 * table_turns.c
 *	  Statements over tables of others that their owners have to run.
 *
 * Some statements behind a CREATE TABLE, and primary keys, make the server
 * compute CHECK constraints (known_statements.c).  The session runs them if
 * nobody else can have a say in what these do.  Otherwise the owner of the
 * table does (owner_turn.c), if the table has taken over nothing of others: a
 * primary key itself needs rights that the owner may not have, and so only its
 * columns are set to NOT NULL by the owner, which leaves nothing to compute.
 *
 * Who can have a say is asked of the catalogs when the table is there: then it
 * has the owner and the constraints that count, also those of parents that the
 * archive knows nothing of.  Nobody else sees the table before COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#include "table_turns.h"

#include <stdlib.h>
#include <string.h>

#include "author_turn.h"
#include "authors.h"
#include "code_owners.h"
#include "known_statements.h"
#include "live_refusal.h"
#include "log.h"
#include "memory.h"
#include "owner_step.h"
#include "owner_tables.h"
#include "planner_code.h"
#include "quote.h"
#include "row_copy.h"
#include "selection_closure.h"
#include "settings.h"
#include "sql_build.h"
#include "sql_name.h"
#include "sql_text.h"
#include "turn_settings.h"

/*
 * Of a table ($1): its owner, whether that is a trusted role, and whether $2
 * is; a constraint that may run code, what of it others can change, and a
 * table above it of somebody else.
 */
static const char table_query[] =
	"WITH RECURSIVE above AS (SELECT pg_catalog.to_regclass($1::pg_catalog.text)"
	"   ::pg_catalog.oid AS oid"
	"  UNION SELECT i.inhparent FROM above JOIN pg_catalog.pg_inherits i ON i.inhrelid = "
	"above.oid),"
	" checks AS (SELECT k.oid, k.conname FROM pg_catalog.pg_constraint k WHERE k.contype = 'c'"
	"  AND k.conrelid = pg_catalog.to_regclass($1::pg_catalog.text)"
	"  AND NOT " EXPRESSION_IS_HARMLESS("k.conbin::pg_catalog.text") "), " CODE_OF(
		"SELECT 'pg_catalog.pg_constraint'::pg_catalog"
		".regclass::pg_catalog.oid, oid FROM checks") " SELECT r.rolname, " ROW_ROLE_IS_TRUSTED ","
													  " EXISTS (SELECT FROM pg_catalog.pg_roles r "
													  "WHERE r.rolname = $2::pg_catalog.name"
													  "  AND " ROW_ROLE_IS_TRUSTED "),"
													  " (SELECT pg_catalog.min(conname) FROM "
													  "checks), (" CODE_OF_OTHERS "),"
													  " (SELECT "
													  "pg_catalog.min(pg_catalog.format('%I.%I', "
													  "n.nspname, a.relname)) FROM above"
													  "  JOIN pg_catalog.pg_class a ON a.oid = "
													  "above.oid"
													  "  JOIN pg_catalog.pg_namespace n ON n.oid = "
													  "a.relnamespace"
													  "  JOIN pg_catalog.pg_roles r ON r.oid = "
													  "a.relowner"
													  "  WHERE a.relowner <> c.relowner AND "
													  "NOT " ROW_ROLE_IS_TRUSTED ")"
													  " FROM pg_catalog.pg_class c JOIN "
													  "pg_catalog.pg_roles r ON r.oid = c.relowner"
													  " WHERE c.oid = "
													  "pg_catalog.to_regclass($1::pg_catalog.text)";

enum
{
	TABLE_OWNER,
	TABLE_OF_TRUSTED,
	TABLE_BY_TRUSTED, /* its author, in the backup */
	TABLE_CHECK,
	TABLE_CODE,
	TABLE_PARENT
};

/* Are there columns of the key that can be null? */
static const char null_query[] =
	"SELECT FROM pg_catalog.pg_attribute a"
	" WHERE a.attrelid = pg_catalog.to_regclass($1::pg_catalog.text) AND NOT a.attnotnull"
	" AND a.attnum > 0 AND a.attname::pg_catalog.text = ANY ($2::pg_catalog.text[])";

static bool
is_at_stake(const RestorePlan *plan)
{
	return plan->fate == TARGET_LIVE && plan->settings->turns->rows_as != ROWS_AS_SESSION;
}

static bool
check_statement(const TocEntry *entry, const char *statement)
{
	char *label;
	char *detail;

	if (known_statement(statement) != STATEMENT_UNKNOWN)
		return true;
	label = toc_entry_label(entry);
	detail = xasprintf("It is not known what the server computes for \"%.*s\".",
					   (int) strcspn(statement, "\r\n"), statement);
	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "could not restore %s without running code of the live database", label);
	free(detail);
	free(label);
	return false;
}

bool
table_turns_check(const RestorePlan *plan)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && is_at_stake(plan) && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];
		const char *at = entry->definition;
		const char *start;
		const char *end;

		if (!selection_includes(plan->selection, entry) || !known_statements_apply(entry))
			continue;
		while (good && known_statements_next(&at, &start, &end))
		{
			char *statement = xasprintf("%.*s", (int) (end - start), start);

			good = check_statement(entry, statement);
			free(statement);
		}
	}
	return good;
}

bool
table_turns_has(const RestorePlan *plan, const TocEntry *entry)
{
	return is_at_stake(plan) && toc_entry_is_table(entry) && entry->definition != NULL &&
		   (known_statements_have(entry, STATEMENT_COMPUTES) || author_turn_may_need(plan, entry));
}

void
table_turns_split(const char *script, Buffer *first, Buffer *then)
{
	const char *at = script;
	const char *start;
	const char *end;

	buffer_append_string(first, "");
	buffer_append_string(then, "");
	while (known_statements_next(&at, &start, &end))
	{
		char *statement = xasprintf("%.*s\n", (int) (end - start), start);

		buffer_append_string(known_statement(statement) == STATEMENT_COMPUTES ? then : first,
							 statement);
		free(statement);
	}
}

static bool
refuse(const TocEntry *entry, const PGresult *table)
{
	const char *check = PQgetvalue(table, 0, TABLE_CHECK);
	char *detail;

	if (!PQgetisnull(table, 0, TABLE_PARENT))
		detail = xasprintf("The server would compute constraint \"%s\", which may come from table "
						   "%s of somebody else.",
						   check, PQgetvalue(table, 0, TABLE_PARENT));
	else if (!PQgetisnull(table, 0, TABLE_CODE))
		detail = xasprintf("The server would compute constraint \"%s\", but %s can be changed by "
						   "others.",
						   check, PQgetvalue(table, 0, TABLE_CODE));
	else
		detail = xasprintf("The server would compute constraint \"%s\", which \"%s\" wrote.", check,
						   entry->owner);
	live_code_refuse(entry, detail);
	free(detail);
	return false;
}

/* The entry of the table, or of what belongs to it: tables above it in the backup. */
static bool
check_parents(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
			  const char *role)
{
	const TocEntry *table =
		toc_entry_is_table(entry) ? entry : selection_table_of(plan->selection, entry);

	if (table == NULL)
		return live_code_refuse(entry, "It is not known which table it is of.");
	return authors_check_parents(plan, connection, table, role, "a CHECK constraint");
}

/* Who runs it?  *owner is NULL if the session does, else caller frees it. */
static bool
decide(const RestorePlan *plan, Connection *connection, const TocEntry *entry, const char *target,
	   char **owner)
{
	const char *params[2] = {target, entry->owner};
	PGresult *table = connection_query(connection, table_query, 2, params);
	bool good = table != NULL;
	bool trusted;

	*owner = NULL;
	if (good && PQntuples(table) != 1)
		good = report_error(EXIT_FAILED, NULL, NULL, "table %s does not exist", target);
	if (!good || PQgetisnull(table, 0, TABLE_CHECK))
	{
		PQclear(table);
		return good;
	}
	trusted = PQgetvalue(table, 0, TABLE_OF_TRUSTED)[0] == 't';
	if (!PQgetisnull(table, 0, TABLE_PARENT) ||
		(trusted &&
		 (PQgetvalue(table, 0, TABLE_BY_TRUSTED)[0] != 't' || !PQgetisnull(table, 0, TABLE_CODE))))
		good = refuse(entry, table);
	good = good && check_parents(plan, connection, entry,
								 trusted ? NULL : PQgetvalue(table, 0, TABLE_OWNER));
	if (good && !trusted)
		*owner = xstrdup(PQgetvalue(table, 0, TABLE_OWNER));
	PQclear(table);
	return good;
}

bool
table_turns_run(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
				const char *statements)
{
	char *schema;
	char *name;
	char *owner;
	SqlText table;
	bool good;

	if (!known_statement_table(sql_skip_blank(statements), &schema, &name))
		return *sql_skip_blank(statements) == '\0' || check_statement(entry, statements);
	sql_init(&table);
	sql_qualified(&table, schema, name);
	good = decide(plan, connection, entry, sql_string(&table), &owner);
	if (good && owner != NULL)
		good = owner_step_run(connection, entry, owner, NULL, statements);
	else if (good)
		good = owner_step_run(connection, entry, NULL, statements, NULL);
	free(owner);
	sql_free(&table);
	free(schema);
	free(name);
	return good;
}

/* The columns of "PRIMARY KEY (a, "B c" WITHOUT OVERLAPS)": quoted one by one; false at the end. */
static bool
next_column(const char **at, char **column)
{
	const char *end = sql_name_read(*at + strspn(*at, "(, "), column);

	if (end == NULL)
		return false;
	*at = end + strcspn(end, ",)");
	return true;
}

/* The columns as an array, and as statements that set them to NOT NULL. */
static bool
read_key(const char *text, const SqlText *table, Buffer *array, SqlText *statements)
{
	static const char key[] = " PRIMARY KEY (";
	const char *at = NULL;
	const char *next = text;
	char *column;

	/* The name of a constraint can hold anything, but comes before. */
	while (*next != '\0')
	{
		if (strncmp(next, key, strlen(key)) == 0)
			at = next + strlen(key) - 1;
		next = *next == ' ' ? next + 1 : sql_token_end(next);
	}
	buffer_append_char(array, '{');
	while (at != NULL && *at != ')' && next_column(&at, &column))
	{
		quote_array_item(array, column);
		sql_append(statements, "ALTER TABLE ONLY ");
		sql_text(statements, table);
		sql_append(statements, " ALTER COLUMN ");
		sql_identifier(statements, column);
		sql_append(statements, " SET NOT NULL;\n");
		free(column);
	}
	buffer_append_char(array, '}');
	return at != NULL && *at == ')' && array->length > 2;
}

static bool
can_be_null(Connection *connection, const char *table, const char *columns, bool *can)
{
	const char *params[2] = {table, columns};
	PGresult *result = connection_query(connection, null_query, 2, params);

	*can = result != NULL && PQntuples(result) > 0;
	PQclear(result);
	return result != NULL;
}

static bool
prepare_columns(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
				const char *table, const char *columns, const char *statements,
				const BeforeTurn *before)
{
	char *owner;
	bool can;
	bool good;

	if (!can_be_null(connection, table, columns, &can))
		return false;
	if (!can)
		return true;
	if (!decide(plan, connection, entry, table, &owner))
		return false;
	if (owner == NULL)
		return true;
	good = before->run(before->argument) &&
		   owner_step_run(connection, entry, owner, NULL, statements) &&
		   can_be_null(connection, table, columns, &can);
	if (good && can)
		good = live_code_refuse(entry, "Its columns are not NOT NULL.");
	free(owner);
	return good;
}

bool
table_turns_prepare_key(const RestorePlan *plan, Connection *connection, const RenameMap *map,
						const TocEntry *entry, const BeforeTurn *before)
{
	char *text;
	char *schema;
	char *name;
	SqlText table;
	SqlText statements;
	Buffer columns;
	bool good;

	if (!is_at_stake(plan) || !known_statements_have(entry, STATEMENT_KEY))
		return true;
	text = rename_text(map, entry->definition);
	sql_init(&table);
	sql_init(&statements);
	buffer_init(&columns);
	good = known_statement_table(sql_skip_blank(text), &schema, &name);
	if (good)
		sql_qualified(&table, schema, name);
	good = good && read_key(text, &table, &columns, &statements);
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not read the definition of %s \"%s\"",
					 entry->kind, entry->tag);
	good = good && prepare_columns(plan, connection, entry, sql_string(&table), columns.data,
								   sql_string(&statements), before);
	buffer_free(&columns);
	sql_free(&statements);
	sql_free(&table);
	free(schema);
	free(name);
	free(text);
	return good;
}
