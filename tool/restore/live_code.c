/*-------------------------------------------------------------------------
 *
 * live_code.c
 *	  Definitions of a backup that would run code of the live database.
 *
 * What a part needs and what is there already is used as it is, and somebody
 * may have changed it since the backup.  Most definitions only name it: it
 * runs when rows come (row_rights.c), or as the owner of the table, as
 * PostgreSQL sees to for indexes and materialized views.  But these would run
 * it at once, with the rights of the session:
 *
 * - a literal of an array of a domain, or of a composite or range type, which
 *   the server reads when it reads the definition: DEFAULT '{1}'::positive[];
 * - the expression of a partition key, whose constant parts are computed;
 * - a CHECK constraint that comes after the rows, for which all rows are
 *   looked at;
 * - a foreign key between types with a cast of a user, for the same reason;
 * - a partition that is attached to a live table whose key is an expression.
 *
 * They are refused; the text of the definition decides, on the safe side.
 *
 *-------------------------------------------------------------------------
 */
#include "live_code.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "row_copy.h"
#include "sql_name.h"

/* A type by its name, held so that no other one can take the name. */
static const char type_query[] =
	"SELECT t.typtype, EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castmethod = 'f'"
	"  AND t.oid IN (k.castsource, k.casttarget))"
	" FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
	" ON n.oid = t.typnamespace JOIN pg_catalog.pg_roles r ON r.oid = t.typowner"
	" WHERE n.nspname = $1::pg_catalog.name AND t.typname = $2::pg_catalog.name"
	" AND NOT r.rolsuper FOR KEY SHARE OF t";

/* Can others than superusers change what a function does that is called like this? */
static const char function_query[] =
	"SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE n.nspname = $1::pg_catalog.name AND NOT r.rolsuper"
	" AND pg_catalog.starts_with($2::pg_catalog.text, f.proname || '(') LIMIT 1";

/* Keys of a partitioned table, and of those that it is a partition of, that are expressions. */
static const char parent_query[] =
	"SELECT FROM pg_catalog.pg_partition_ancestors("
	"  pg_catalog.to_regclass($1::pg_catalog.text)) a (relation)"
	" JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.relation"
	" JOIN pg_catalog.pg_class c ON c.oid = p.partrelid"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE p.partexprs IS NOT NULL AND NOT r.rolsuper";

static bool
refuse(const TocEntry *entry, const TocEntry *used)
{
	char *label = toc_entry_label(entry);
	char *needed = toc_entry_label(used);
	char *detail = xasprintf("%s is there already and can be changed by \"%s\" or others.", needed,
							 used->owner);

	report_error(EXIT_FAILED, detail, ROWS_AS_SESSION_HINT,
				 "could not restore %s without running code of the live database", label);
	free(detail);
	free(needed);
	free(label);
	return false;
}

/* Does any definition run what is used?  Reported. */
static bool
check_definitions(const Selection *selection, const TocEntry *used, const char *literal,
				  const char *kind)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		const char *text = entry->definition;
		const char *key = text != NULL ? strstr(text, "PARTITION BY ") : NULL;

		if (text == NULL || !selection_includes(selection, entry))
			continue;
		/* A key of columns alone has but one opening parenthesis. */
		if ((literal != NULL && strstr(text, literal) != NULL) ||
			(key != NULL && strchr(key, '(') != NULL &&
			 strchr(strchr(key, '(') + 1, '(') != NULL) ||
			toc_entry_is(entry, "CHECK CONSTRAINT") || (kind != NULL && toc_entry_is(entry, kind)))
			return refuse(entry, used);
	}
	return true;
}

static bool
check_type(Connection *connection, const Selection *selection, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	PGresult *result = connection_query(connection, type_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
	{
		char type = PQgetvalue(result, 0, 0)[0];
		Buffer literal;

		buffer_init(&literal);
		buffer_append_string(&literal, "'::");
		quote_qualified(&literal, used->schema, used->tag);
		if (type == 'd')
			buffer_append_char(&literal, '[');
		if (strchr("dcrm", type) != NULL)
			good = check_definitions(selection, used, literal.data, NULL);
		if (good && PQgetvalue(result, 0, 1)[0] == 't')
			good = check_definitions(selection, used, NULL, "FK CONSTRAINT");
		buffer_free(&literal);
	}
	PQclear(result);
	return good;
}

static bool
check_function(Connection *connection, const Selection *selection, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	PGresult *result = connection_query(connection, function_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
		good = check_definitions(selection, used, NULL, NULL);
	PQclear(result);
	return good;
}

/* "ALTER TABLE ONLY s.parent ATTACH PARTITION …": what the key of the parent computes is code. */
static bool
check_parent(Connection *connection, const TocEntry *entry)
{
	static const char prefix[] = "ALTER TABLE ONLY ";
	char *schema = NULL;
	char *name = NULL;
	PGresult *result;
	Buffer parent;
	bool good;

	if (strncmp(entry->definition, prefix, strlen(prefix)) != 0 ||
		sql_name_read_qualified(entry->definition + strlen(prefix), &schema, &name) == NULL)
	{
		free(schema);
		free(name);
		return true;
	}
	buffer_init(&parent);
	quote_qualified(&parent, schema, name);
	result = connection_query(connection, parent_query, 1, (const char *const *) &parent.data);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
		good = report_error(EXIT_FAILED, "Its partition key is an expression of its owner.",
							ROWS_AS_SESSION_HINT,
							"could not attach a partition to %s without running code of the live "
							"database",
							parent.data);
	PQclear(result);
	buffer_free(&parent);
	free(schema);
	free(name);
	return good;
}

bool
live_code_check(const RestorePlan *plan, Connection *connection)
{
	const Selection *selection = plan->selection;
	const char *superuser = PQparameterStatus(connection->pg, "is_superuser");
	bool good = true;
	uint32_t i;

	if (plan->settings->rows_as == ROWS_AS_SESSION || superuser == NULL ||
		strcmp(superuser, "on") != 0)
		return true;
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection_state(selection, entry->id) != ENTRY_EXISTING)
			continue;
		if (toc_entry_is(entry, "TYPE") || toc_entry_is(entry, "DOMAIN"))
			good = check_type(connection, selection, entry);
		else if (toc_entry_is(entry, "FUNCTION"))
			good = check_function(connection, selection, entry);
		else if (toc_entry_is(entry, "OPERATOR") || toc_entry_is(entry, "CAST"))
			good = check_definitions(selection, entry, NULL, "FK CONSTRAINT");
	}
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection->late[entry->id] && selection_includes(selection, entry))
			good = check_parent(connection, entry);
	}
	return good;
}
