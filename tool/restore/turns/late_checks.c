/*-------------------------------------------------------------------------
 *
 * late_checks.c
 *	  CHECK constraints that are added after the rows.
 *
 * Mostly a CHECK constraint is part of its table.  One that uses the row type
 * of its own table, say, is an entry of its own, and when it is added, it is
 * computed for all rows with the rights of whoever adds it.  It need not call
 * any function of its author: query_to_xml() runs what it is given, and
 * lo_export() writes files.  So what it calls decides nothing here, and its
 * owner everything:
 *
 * - a superuser's, or that of the session's role, is added as it is; what it
 *   calls was looked at before (live_code.c, live_names.c);
 * - that of another role's table is added without a look at the rows (NOT
 *   VALID), and validated in the turn of that role (owner_turn.c);
 * - that of a table with parents of another role is refused (authors.c);
 * - that of another role's domain is refused: tables of anybody may have the
 *   domain, and would all be computed at once.  So is one whose table would
 *   belong to the session (--no-owner).
 *
 *-------------------------------------------------------------------------
 */
#include "late_checks.h"

#include <stdlib.h>
#include <string.h>

#include "authors.h"
#include "entry_calls.h"
#include "live_refusal.h"
#include "log.h"
#include "memory.h"
#include "owner_step.h"
#include "part_settings.h"
#include "rename.h"
#include "row_copy.h"
#include "restored_domains.h"
#include "settings.h"
#include "sql_build.h"
#include "sql_name.h"

/* The table as it is now: is it the role's that wrote the constraint? */
static const char table_query[] =
	"SELECT c.oid, r.rolname = $2::pg_catalog.name FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE c.oid = pg_catalog.to_regclass($1::pg_catalog.text)";

static const char valid_query[] =
	"SELECT FROM pg_catalog.pg_constraint WHERE conrelid = $1::pg_catalog.oid"
	" AND conname = $2::pg_catalog.name AND contype = 'c' AND convalidated";

static const char trusted_query[] = "SELECT FROM pg_catalog.pg_roles r"
									" WHERE r.rolname = $1::pg_catalog.name"
									" AND " ROW_ROLE_IS_TRUSTED;

static bool
is_trusted(Connection *connection, const TocEntry *entry, bool *trusted)
{
	const char *params[1] = {entry->owner};
	PGresult *result = connection_query(connection, trusted_query, 1, params);

	*trusted = result != NULL && PQntuples(result) == 1;
	PQclear(result);
	return result != NULL;
}

static bool
refuse(const TocEntry *entry, const char *why)
{
	char *detail = xasprintf("\"%s\" wrote it, and %s.", entry->owner, why);

	live_code_refuse(entry, detail);
	free(detail);
	return false;
}

/* What the constraint of a partition says may have been written for its root. */
static bool
check_parents(const RestorePlan *plan, Connection *connection, const TocEntry *entry, bool trusted)
{
	const TocEntry *table = selection_table_of(plan->selection, entry);

	if (table == NULL)
		return live_code_refuse(entry, "It is not known which table it is of.");
	return authors_check_parents(plan, connection, table, trusted ? NULL : entry->owner,
								 "a CHECK constraint");
}

/* Functions that come with the part, too: others may have written them. */
static bool
runs_others(const RestorePlan *plan, Connection *connection, const TocEntry *entry, bool *others)
{
	static const char *const kinds[] = {"FUNCTION", "AGGREGATE", "OPERATOR", NULL};
	int d;

	*others = false;
	for (d = 0; !*others && d < entry->ndepends_on; d++)
	{
		const TocEntry *used = archive_toc_find(&plan->selection->toc, entry->depends_on[d]);
		bool trusted;

		if (used == NULL || !toc_entry_is_any(used, kinds))
			continue;
		if (!is_trusted(connection, used, &trusted))
			return false;
		*others = !trusted;
	}
	return true;
}

/*
 * One of a domain counts for all values that are read after it, in a policy or
 * an index of the part, even if it is not valid.
 */
static bool
check_of_domain(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
				bool trusted)
{
	bool others = false;

	if (!trusted)
		return refuse(entry, entry_checks_rows(entry)
								 ? "all tables with the domain would be looked at"
								 : "values of the domain would be looked at");
	if (!runs_others(plan, connection, entry, &others) ||
		(!others && !restored_domain_casts(connection, entry->definition, &others)))
		return false;
	return !others || live_code_refuse(entry, "It runs functions of others, or casts to a type for "
											  "which others can make casts.");
}

bool
late_checks_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	for (i = 0; plan->settings->part->rows_as != ROWS_AS_SESSION && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];
		bool trusted;

		if (!selection_includes(plan->selection, entry) || !toc_entry_is(entry, "CHECK CONSTRAINT"))
			continue;
		if (!is_trusted(connection, entry, &trusted))
			return false;
		if (strncmp(entry->definition, "ALTER DOMAIN ", strlen("ALTER DOMAIN ")) == 0)
		{
			if (!check_of_domain(plan, connection, entry, trusted))
				return false;
			continue;
		}
		if (!entry_checks_rows(entry))
			continue;
		if (!trusted && plan->settings->part->no_owner)
			return refuse(entry, "with --no-owner the table would not belong to that role");
		if (!check_parents(plan, connection, entry, trusted))
			return false;
	}
	return true;
}

/* "ALTER TABLE s.t ADD CONSTRAINT c": the names; caller frees them. */
static bool
read_names(const char *text, char **schema, char **table, char **constraint)
{
	static const char prefix[] = "ALTER TABLE ";
	static const char add[] = "ADD CONSTRAINT ";
	const char *next;

	*schema = *table = *constraint = NULL;
	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return false;
	text += strlen(prefix);
	if (strncmp(text, "ONLY ", 5) == 0)
		text += 5;
	next = sql_name_read_qualified(text, schema, table);
	if (next == NULL)
		return false;
	next += strspn(next, " \n");
	return strncmp(next, add, strlen(add)) == 0 &&
		   sql_name_read(next + strlen(add), constraint) != NULL;
}

/* Is it valid now, as a result of the owner's turn? */
static bool
check_valid(Connection *connection, const char *oid, const char *table, const char *constraint)
{
	const char *params[2] = {oid, constraint};
	PGresult *result = connection_query(connection, valid_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) != 1)
		good = report_error(EXIT_FAILED, NULL, NEW_DATABASE_HINT,
							"constraint \"%s\" of table %s was not validated", constraint, table);
	PQclear(result);
	return good;
}

/* Add it as it stands, but without a look at the rows; then the owner looks at them. */
static bool
add_and_validate(Connection *connection, const TocEntry *entry, const char *text,
				 const char *schema, const char *name, const char *constraint)
{
	const char *end = strrchr(text, ';');
	const char *params[2];
	PGresult *result;
	SqlText validate;
	SqlText table;
	char *add;
	bool good;

	sql_init(&table);
	sql_qualified(&table, schema, name);
	params[0] = sql_string(&table);
	params[1] = entry->owner;
	result = connection_query(connection, table_query, 2, params);
	good = result != NULL;
	if (good && (end == NULL || PQntuples(result) != 1 || PQgetvalue(result, 0, 1)[0] != 't'))
		good = refuse(entry, "the table does not belong to that role");
	if (good)
	{
		sql_init(&validate);
		sql_append(&validate, "ALTER TABLE ");
		sql_text(&validate, &table);
		sql_append(&validate, " VALIDATE CONSTRAINT ");
		sql_identifier(&validate, constraint);
		sql_append(&validate, ";");
		add = xasprintf("%.*s NOT VALID", (int) (end - text), text);
		good = owner_step_run(connection, entry, entry->owner, add, sql_string(&validate)) &&
			   check_valid(connection, PQgetvalue(result, 0, 0), params[0], constraint);
		free(add);
		sql_free(&validate);
	}
	PQclear(result);
	sql_free(&table);
	return good;
}

bool
late_check_run(Connection *connection, const RenameMap *map, const TocEntry *entry, bool *done)
{
	char *schema;
	char *table;
	char *constraint;
	char *text;
	bool trusted;
	bool good;

	*done = false;
	if (!entry_checks_rows(entry))
		return true;
	if (!is_trusted(connection, entry, &trusted))
		return false;
	if (trusted)
		return true;
	*done = true;
	text = rename_text(map, entry->definition);
	good = read_names(text, &schema, &table, &constraint);
	if (good)
		good = add_and_validate(connection, entry, text, schema, table, constraint);
	else
		refuse(entry, "it is not the constraint of a table");
	free(schema);
	free(table);
	free(constraint);
	free(text);
	return good;
}
