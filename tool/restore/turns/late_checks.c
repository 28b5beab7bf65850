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
 * - a superuser's, or that of the session's role, is added NOT VALID as well,
 *   and validated when the server has said what it runs, to any depth;
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
#include "code_owners.h"
#include "entry_calls.h"
#include "given_code.h"
#include "live_refusal.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "owner_step.h"
#include "rename.h"
#include "row_copy.h"
#include "restored_domains.h"
#include "selection_closure.h"
#include "settings.h"
#include "sql_build.h"
#include "sql_name.h"
#include "turn_settings.h"

/* The table as it is now: is it the role's that wrote the constraint? */
static const char table_query[] =
	"SELECT c.oid, r.rolname = $2::pg_catalog.name FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE c.oid = pg_catalog.to_regclass($1::pg_catalog.text)";

static const char valid_query[] =
	"SELECT FROM pg_catalog.pg_constraint WHERE conrelid = $1::pg_catalog.oid"
	" AND conname = $2::pg_catalog.name AND contype = 'c' AND convalidated";

/* What of the constraint $2 of the table or domain $1 others can change, or NULL. */
static const char code_query[] = "WITH RECURSIVE " CODE_OF(
	"SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, k.oid"
	"  FROM pg_catalog.pg_constraint k WHERE k.conname = $2::pg_catalog.name"
	"  AND (k.conrelid = pg_catalog.to_regclass($1::pg_catalog.text)"
	"   OR k.contypid = pg_catalog.to_regtype($1::pg_catalog.text))") " SELECT (" CODE_OF_OTHERS
																	  ")";

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

/*
 * One of a domain counts for all values that are read after it, in a policy or
 * an index of the part, even if it is not valid.
 */
static bool
check_of_domain(Connection *connection, const TocEntry *entry, bool trusted)
{
	bool others = false;

	if (!trusted)
		return refuse(entry, entry_checks_rows(entry)
								 ? "all tables with the domain would be looked at"
								 : "values of the domain would be looked at");
	return restored_domain_casts(connection, entry->definition, &others) &&
		   (!others ||
			live_code_refuse(entry, "It casts to a type for which others can make casts."));
}

bool
late_checks_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	for (i = 0; plan->settings->turns->rows_as != ROWS_AS_SESSION && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];
		bool trusted;

		if (!selection_includes(plan->selection, entry) || !toc_entry_is(entry, "CHECK CONSTRAINT"))
			continue;
		if (!is_trusted(connection, entry, &trusted))
			return false;
		if (strncmp(entry->definition, "ALTER DOMAIN ", strlen("ALTER DOMAIN ")) == 0)
		{
			if (!check_of_domain(connection, entry, trusted))
				return false;
			continue;
		}
		if (!entry_checks_rows(entry))
			continue;
		if (!trusted && plan->settings->owners->no_owner)
			return refuse(entry, "with --no-owner the table would not belong to that role");
		if (!check_parents(plan, connection, entry, trusted))
			return false;
	}
	return true;
}

/* What a constraint is of, and its name. */
typedef struct Names
{
	bool domain;
	char *schema;
	char *whole;
	char *constraint;
} Names;

/* "ALTER TABLE s.t ADD CONSTRAINT c", or that of a domain; caller frees the names. */
static bool
read_names(const char *text, Names *names)
{
	static const char table[] = "ALTER TABLE ";
	static const char domain[] = "ALTER DOMAIN ";
	static const char add[] = "ADD CONSTRAINT ";
	const char *next;

	memset(names, 0, sizeof(*names));
	names->domain = strncmp(text, domain, strlen(domain)) == 0;
	if (!names->domain && strncmp(text, table, strlen(table)) != 0)
		return false;
	text += names->domain ? strlen(domain) : strlen(table);
	if (strncmp(text, "ONLY ", 5) == 0)
		text += 5;
	next = sql_name_read_qualified(text, &names->schema, &names->whole);
	if (next == NULL)
		return false;
	next += strspn(next, " \n");
	return strncmp(next, add, strlen(add)) == 0 &&
		   sql_name_read(next + strlen(add), &names->constraint) != NULL;
}

static void
free_names(Names *names)
{
	free(names->schema);
	free(names->whole);
	free(names->constraint);
}

static void
write_validate(const Names *names, SqlText *sql)
{
	sql_append_constant(sql, names->domain ? SQL("ALTER DOMAIN ") : SQL("ALTER TABLE "));
	sql_qualified(sql, names->schema, names->whole);
	sql_append(sql, " VALIDATE CONSTRAINT ");
	sql_identifier(sql, names->constraint);
	sql_append(sql, ";");
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

/* As it stands, but without a look at the rows; caller frees. */
static char *
without_rows(const TocEntry *entry, const char *text)
{
	const char *end = strrchr(text, ';');

	return end == NULL || !entry_checks_rows(entry)
			   ? xstrdup(text)
			   : xasprintf("%.*s NOT VALID", (int) (end - text), text);
}

/* Then the owner looks at them. */
static bool
validate_as_owner(Connection *connection, const TocEntry *entry, const char *add,
				  const Names *names, const char *whole)
{
	const char *params[2] = {whole, entry->owner};
	PGresult *result = connection_query(connection, table_query, 2, params);
	bool good = result != NULL;
	SqlText validate;

	if (good && (names->domain || PQntuples(result) != 1 || PQgetvalue(result, 0, 1)[0] != 't'))
		good = refuse(entry, "the table does not belong to that role");
	if (good)
	{
		sql_init(&validate);
		write_validate(names, &validate);
		good = owner_step_run(connection, entry, entry->owner, add, sql_string(&validate)) &&
			   check_valid(connection, PQgetvalue(result, 0, 0), whole, names->constraint);
		sql_free(&validate);
	}
	PQclear(result);
	return good;
}

/* Does it run anything that others can change, or that runs what it is given? */
static bool
check_code(Connection *connection, const TocEntry *entry, const char *whole, const char *constraint)
{
	const char *params[2] = {whole, constraint};
	PGresult *result = connection_query(connection, code_query, 2, params);
	bool good = result != NULL;

	if (good && !PQgetisnull(result, 0, 0))
	{
		char *detail = xasprintf("It runs %s, which others can change.", PQgetvalue(result, 0, 0));

		good = live_code_refuse(entry, detail);
		free(detail);
	}
	PQclear(result);
	return good && given_code_check_constraint(connection, entry, whole, constraint);
}

/* Then the session does, if all that it runs is that of trusted roles. */
static bool
validate_as_session(Connection *connection, const TocEntry *entry, const char *add,
					const Names *names, const char *whole)
{
	SqlText validate;
	bool good = connection_command(connection, add) &&
				check_code(connection, entry, whole, names->constraint);

	if (good && entry_checks_rows(entry))
	{
		sql_init(&validate);
		write_validate(names, &validate);
		good = connection_command(connection, &validate);
		sql_free(&validate);
	}
	return good;
}

bool
late_check_run(Connection *connection, const RenameMap *map, const TocEntry *entry, bool *done)
{
	SqlText whole;
	Names names;
	char *text;
	char *add;
	bool trusted;
	bool good;

	if (!is_trusted(connection, entry, &trusted))
		return false;
	*done = trusted || entry_checks_rows(entry);
	if (!*done)
		return true;
	text = rename_text(map, entry->definition);
	add = without_rows(entry, text);
	sql_init(&whole);
	if (!read_names(text, &names))
		good = refuse(entry, "it is not known what it is of");
	else
	{
		sql_qualified(&whole, names.schema, names.whole);
		good = trusted ? validate_as_session(connection, entry, add, &names, sql_string(&whole))
					   : validate_as_owner(connection, entry, add, &names, sql_string(&whole));
	}
	free_names(&names);
	sql_free(&whole);
	free(add);
	free(text);
	return good;
}
