/*-------------------------------------------------------------------------
 *
 * given_code.c
 *	  Functions that run what they are given, on objects of superusers and of
 *	  the session.
 *
 * What is on a superuser's table counts as a superuser's.  But the table may
 * have been taken over (ALTER TABLE ... OWNER TO) with the CHECK constraints of
 * its former owner, and a role that could create triggers on it leaves them
 * when it loses that privilege: no catalog says whose a constraint or a trigger
 * is.  That its functions are PostgreSQL's own says nothing, because
 * query_to_xml() runs any query, lo_export() writes any file, and so on.  So
 * these are not called with the rights of a superuser, whoever wrote it.  The
 * same holds for domains, operators, aggregates, views and materialized views,
 * which can change hands, too, wherever they are computed: when rows come, when
 * a materialized view is filled, and when a value in a definition is read.
 *
 * The catalogs are asked (given_walk.h), never a text, so that something must be
 * there before it can be looked at.  What a definition uses is looked at before
 * that is restored; a CHECK constraint that comes after the rows before it is
 * validated, a materialized view before it is filled, a value before it is read,
 * statistics before ANALYZE.  What an index, a generated column or a partition
 * key calls of PostgreSQL's own functions is computed when it is made; only
 * immutable ones can be there, and live_code.c looks for the one that matters.
 *
 * All of this is a second line: what was taken over is the code of who took it
 * over (docs/security.md).
 *
 * Which functions these are nobody has written down.  Volatile functions are,
 * but for those that only tell something, and so are a few that are declared
 * stable or immutable.  Extensions have such functions, too: crosstab(),
 * dblink(), xpath_table().  Constraints and conditions that need one are rare.
 *
 * The arguments of a trigger are strings.  What its function makes of them is
 * up to the function (docs/security.md, remaining risks).
 *
 *-------------------------------------------------------------------------
 */
#include "given_code.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "code_owners.h"
#include "entry_calls.h"
#include "given_walk.h"
#include "inline_parts.h"
#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "settings.h"
#include "turn_settings.h"

#define GIVEN_CODE_HINT                                                                            \
	"If you know who wrote it and trust them, --rows-as=session runs it with your rights.  "       \
	"Otherwise drop it first, or restore into a new database (--to=NEWDB) of a server that holds " \
	"nothing else."

/* Where a query is asked for the first call that it finds. */
#define FIRST_OF(start)                                                                            \
	GIVEN_BY(start)                                                                                \
	" SELECT what, function FROM (" GIVEN_CALLS ") calls ORDER BY 1, 2 LIMIT 1"

/* The table $1, its partitions, and what their rows make run; defaults if $2. */
static const char rows_query[] =
	"WITH RECURSIVE root AS (SELECT pg_catalog.to_regclass($1::pg_catalog.text) AS relation),"
	" tree AS (SELECT relation::pg_catalog.oid AS oid FROM root UNION"
	"  SELECT p.relid::pg_catalog.oid"
	"  FROM root, LATERAL pg_catalog.pg_partition_tree(root.relation) p), " FIRST_OF(
		"SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, tree.oid FROM tree"
		" UNION ALL"
		" SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, i.indexrelid"
		"  FROM pg_catalog.pg_index i WHERE i.indrelid IN (SELECT oid FROM tree)"
		" UNION ALL"
		" SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, k.oid"
		"  FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (SELECT oid FROM tree)"
		" UNION ALL"
		" SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, d.oid"
		"  FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a"
		"   ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
		"   AND ($2::pg_catalog.bool OR a.attgenerated <> '')"
		"  WHERE d.adrelid IN (SELECT oid FROM tree)"
		" UNION ALL"
		" SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, g.oid"
		"  FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'"
		"  AND g.tgrelid IN (SELECT oid FROM tree)");

/* The query of the materialized view $1, and what it reads. */
static const char view_query[] = "WITH RECURSIVE " FIRST_OF(
	"SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, w.oid"
	"  FROM pg_catalog.pg_rewrite w WHERE w.ev_type = '1'"
	"  AND w.ev_class = pg_catalog.to_regclass($1::pg_catalog.text)");

/* The type $2 of the schema $1; without $3, what its base type reads. */
static const char type_query[] =
	"WITH RECURSIVE chain AS (SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t"
	"   JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
	"   WHERE n.nspname = $1::pg_catalog.name AND t.typname = $2::pg_catalog.name"
	"  UNION ALL SELECT t.oid, t.typbasetype"
	"   FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.typbasetype), " FIRST_OF(
		"SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, oid FROM chain"
		"  WHERE typbasetype = 0 OR $3::pg_catalog.bool");

/*
 * The table $2 of the schema $1, of which something becomes a partition: the types
 * of its key; if it is a superuser's or the session's, also its expressions, and
 * those of the indexes that the partition gets.
 */
static const char key_query[] =
	"WITH RECURSIVE root AS (SELECT c.oid, " ROW_ROLE_IS_TRUSTED " AS trusted"
	"   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	"   WHERE c.oid = pg_catalog.to_regclass(pg_catalog.format('%I.%I',"
	"   $1::pg_catalog.text, $2::pg_catalog.text))), " FIRST_OF(
		"SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, a.atttypid"
		"  FROM root JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = root.oid"
		"  JOIN pg_catalog.pg_attribute a"
		"   ON a.attrelid = k.partrelid AND a.attnum = ANY (k.partattrs)"
		" UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, root.oid FROM root"
		"  WHERE root.trusted"
		" UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid"
		"  FROM root JOIN pg_catalog.pg_index i ON i.indrelid = root.oid AND root.trusted");

/* The constraint $2 of the table or domain $1. */
static const char constraint_query[] = "WITH RECURSIVE " FIRST_OF(
	"SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, k.oid"
	"  FROM pg_catalog.pg_constraint k WHERE k.conname = $2::pg_catalog.name"
	"  AND (k.conrelid = pg_catalog.to_regclass($1::pg_catalog.text)"
	"   OR k.contypid = pg_catalog.to_regtype($1::pg_catalog.text))");

/* Statistics of superusers and of the session that this transaction has made. */
static const char statistics_query[] = "WITH RECURSIVE " FIRST_OF(
	"SELECT x.tableoid, x.oid FROM pg_catalog.pg_statistic_ext x"
	"  JOIN pg_catalog.pg_roles r ON r.oid = x.stxowner AND " ROW_ROLE_IS_TRUSTED
	"  WHERE x.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid");

/* The objects $2 of the catalogs $1, one of each. */
static const char objects_query[] = "WITH RECURSIVE " FIRST_OF(
	"SELECT u.class, u.object FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),"
	"  pg_catalog.unnest($2::pg_catalog.oid[])) u (class, object)");

/* What a query found, in words; caller frees.  NULL: nothing. */
static char *
found_call(const PGresult *result)
{
	if (PQntuples(result) == 0)
		return NULL;
	return xasprintf("It computes %s, which calls function %s(), which may run what a former "
					 "owner wrote.",
					 PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
}

/* The same as an error about an entry. */
static bool
check_entry(Connection *connection, const TocEntry *entry, const char *query, int nparams,
			const char *const *params)
{
	PGresult *result = connection_query(connection, query, nparams, params);
	char *detail = result != NULL ? found_call(result) : NULL;
	bool good = result != NULL;

	if (detail != NULL)
	{
		char *label = toc_entry_label(entry);

		good = report_error(EXIT_FAILED, detail, GIVEN_CODE_HINT,
							"could not restore %s without running code of others", label);
		free(label);
	}
	free(detail);
	PQclear(result);
	return good;
}

bool
given_code_check_type(Connection *connection, const TocEntry *entry, const char *schema,
					  const char *name, bool whole)
{
	const char *params[3] = {schema, name, whole ? "t" : "f"};

	return check_entry(connection, entry, type_query, 3, params);
}

bool
given_code_check_key(Connection *connection, const TocEntry *entry, const char *schema,
					 const char *name)
{
	const char *params[2] = {schema, name};

	return check_entry(connection, entry, key_query, 2, params);
}

bool
given_code_check_view(Connection *connection, const TocEntry *entry, const char *target)
{
	return check_entry(connection, entry, view_query, 1, &target);
}

bool
given_code_check_constraint(Connection *connection, const TocEntry *entry, const char *whole,
							const char *name)
{
	const char *params[2] = {whole, name};

	return check_entry(connection, entry, constraint_query, 2, params);
}

static bool
has_statistics(const RestorePlan *plan)
{
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		if (toc_entry_is(&toc->entries[i], "STATISTICS") &&
			selection_includes(plan->selection, &toc->entries[i]))
			return true;
	}
	return false;
}

bool
given_code_check_statistics(const RestorePlan *plan, Connection *connection)
{
	PGresult *result;
	char *detail;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION || !has_statistics(plan))
		return true;
	result = connection_query(connection, statistics_query, 0, NULL);
	detail = result != NULL ? found_call(result) : NULL;
	good = result != NULL;
	if (detail != NULL)
		good = report_error(EXIT_FAILED, detail, GIVEN_CODE_HINT,
							"could not restore statistics without running code of others");
	free(detail);
	PQclear(result);
	return good;
}

/* ---- what definitions use ---- */

/* Does the definition compute this with the rights of its owner? */
static bool
is_used(const TocEntry *entry, InlineRead read, const char *text, const TocEntry *other)
{
	if (!toc_entry_is_table(entry))
		return toc_entry_is(entry, "STATISTICS") || entry_calls_functions(entry);
	return read == INLINE_UNREADABLE || (text != NULL && inline_part_names(text, other));
}

/* Objects, as two arrays. */
typedef struct UsedObjects
{
	Buffer classes;
	Buffer objects;
} UsedObjects;

/* What the entry computes that is there. */
static void
add_used(UsedObjects *used, const RestorePlan *plan, const TocEntry *entry)
{
	static const char *const kinds[] = {"FUNCTION", "AGGREGATE", "OPERATOR", "OPERATOR CLASS",
										"TYPE",     "DOMAIN",    NULL};
	const Selection *selection = plan->selection;
	char *text;
	InlineRead read = inline_computed_read(entry, &text);
	FoundObject found;
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other == NULL || !toc_entry_is_any(other, kinds) ||
			!is_used(entry, read, text, other) ||
			!existing_objects_find(selection->existing, other, &found))
			continue;
		buffer_printf(&used->classes, "%s%u", used->classes.length > 1 ? "," : "", other->catalog);
		buffer_printf(&used->objects, "%s%s", used->objects.length > 1 ? "," : "", found.oid);
	}
	free(text);
}

static void
begin_used(UsedObjects *used)
{
	buffer_init(&used->classes);
	buffer_init(&used->objects);
	buffer_append_char(&used->classes, '{');
	buffer_append_char(&used->objects, '{');
}

/* Ask about them; about an entry, or, with NULL, only whether there is anything to find. */
static bool
ask_used(Connection *connection, UsedObjects *used, const TocEntry *entry, bool *found)
{
	const char *params[2];
	PGresult *result = NULL;
	bool good = true;

	buffer_append_char(&used->classes, '}');
	buffer_append_char(&used->objects, '}');
	params[0] = used->classes.data;
	params[1] = used->objects.data;
	*found = false;
	if (strcmp(params[0], "{}") != 0 && entry != NULL)
		good = check_entry(connection, entry, objects_query, 2, params);
	else if (strcmp(params[0], "{}") != 0)
	{
		result = connection_query(connection, objects_query, 2, params);
		good = result != NULL;
		*found = good && PQntuples(result) > 0;
	}
	PQclear(result);
	buffer_free(&used->classes);
	buffer_free(&used->objects);
	return good;
}

/* Only what trusted roles own is computed with rights that anybody gains by. */
static bool
is_computed(const RestorePlan *plan, const PGresult *trusted, const TocEntry *entry)
{
	return result_has(trusted, entry->owner) && selection_includes(plan->selection, entry);
}

/* All of it is asked about at once, and one by one only if there is a call, to name who calls. */
static bool
check_used(const RestorePlan *plan, Connection *connection, const PGresult *trusted)
{
	const ArchiveToc *toc = &plan->selection->toc;
	UsedObjects used;
	bool found;
	bool good;
	uint32_t i;

	begin_used(&used);
	for (i = 0; i < toc->count; i++)
	{
		if (is_computed(plan, trusted, &toc->entries[i]))
			add_used(&used, plan, &toc->entries[i]);
	}
	good = ask_used(connection, &used, NULL, &found);
	for (i = 0; good && found && i < toc->count; i++)
	{
		bool ignored;

		if (!is_computed(plan, trusted, &toc->entries[i]))
			continue;
		begin_used(&used);
		add_used(&used, plan, &toc->entries[i]);
		good = ask_used(connection, &used, &toc->entries[i], &ignored);
	}
	return good;
}

bool
given_code_check(const RestorePlan *plan, Connection *connection)
{
	PGresult *trusted;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION || plan->selection->existing == NULL)
		return true;
	trusted = connection_query(
		connection, "SELECT r.rolname FROM pg_catalog.pg_roles r WHERE " ROW_ROLE_IS_TRUSTED, 0,
		NULL);
	good = trusted != NULL && check_used(plan, connection, trusted);
	PQclear(trusted);
	return good;
}

bool
given_code_check_rows(Connection *connection, const char *shown, bool defaults,
					  const RowRights *rights)
{
	const char *params[2] = {shown, defaults ? "t" : "f"};
	PGresult *result;
	char *detail;
	bool good;

	if (rights->as_owner || rights->code == NULL)
		return true;
	result = connection_query(connection, rows_query, 2, params);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		detail = xasprintf(
			"For its rows, %s calls function %s(), which may run what a former owner, or a "
			"role that could create triggers, wrote.",
			PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		good = report_error(EXIT_FAILED, detail, GIVEN_CODE_HINT,
							"could not add rows to table %s without running code of others", shown);
		free(detail);
	}
	PQclear(result);
	return good;
}
