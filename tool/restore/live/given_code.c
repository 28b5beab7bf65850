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
 * same holds for domains and materialized views, which can change hands, too.
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
#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "settings.h"

#define GIVEN_CODE_HINT                                                                            \
	"If you know who wrote it and trust them, --rows-as=session runs it with your rights.  "       \
	"Otherwise drop it first, or restore into a new database (--to=NEWDB) of a server that holds " \
	"nothing else."

/*
 * Does a function (pg_proc f) run, write or change what its arguments say?  Of
 * PostgreSQL's own: volatile ones, and some that claim to be none.  Of others
 * in C: those that take text, and are volatile, or give whatever rows that text
 * asks for.  In other languages, what it does was written by its owner.
 */
#define RUNS_WHAT_IT_IS_GIVEN                                                                      \
	"CASE WHEN f.oid < 16384 THEN (f.provolatile = 'v' AND f.proname !~ '^(clock_timestamp"        \
	"|timeofday|random|random_normal|gen_random_uuid|uuidv[0-9]|nextval|currval|lastval"           \
	"|txid_status|pg_is_.*|pg_last_.*|pg_current_.*|pg_stat_get_.*|pg_partition_.*|pg_xact_.*"     \
	"|pg_.*_size)$') OR f.proname ~ '_to_xml(schema|_and_xmlschema)?$'"                            \
	" OR f.proname IN ('satisfies_hash_partition', 'pg_get_partition_constraintdef')"              \
	" ELSE EXISTS (SELECT FROM pg_catalog.pg_language l WHERE l.oid = f.prolang"                   \
	"   AND l.lanname IN ('c', 'internal')"                                                        \
	"   AND (f.provolatile = 'v' OR (f.provolatile = 's' AND f.proretset AND EXISTS"               \
	"    (SELECT FROM pg_catalog.pg_type t WHERE t.oid = f.prorettype"                             \
	"     AND (t.typtype = 'c' OR t.typname = 'record')))))"                                       \
	"  AND EXISTS (SELECT FROM pg_catalog.unnest(f.proargtypes) AS a (type)"                       \
	"   JOIN pg_catalog.pg_type t ON t.oid = a.type"                                               \
	"   LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'"               \
	"   WHERE COALESCE(e.typcategory, t.typcategory) IN ('S', 'C')"                                \
	"   OR COALESCE(e.typname, t.typname) IN ('xml', 'json', 'jsonb', 'cstring')) END"

/* The table $1, its partitions, and what its rows make run. */
#define TREE                                                                                       \
	"root AS (SELECT pg_catalog.to_regclass($1::pg_catalog.text) AS relation),"                    \
	" tree AS (SELECT relation::pg_catalog.oid AS oid FROM root UNION"                             \
	"  SELECT p.relid::pg_catalog.oid"                                                             \
	"  FROM root, LATERAL pg_catalog.pg_partition_tree(root.relation) p)"
#define CODE_OF_TREE                                                                               \
	CODE_OF("SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, tree.oid"          \
			"  FROM tree"                                                                          \
			" UNION ALL"                                                                           \
			" SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, k.oid"       \
			"  FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (SELECT oid FROM tree)"         \
			" UNION ALL"                                                                           \
			" SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, d.oid"          \
			"  FROM pg_catalog.pg_attrdef d WHERE d.adrelid IN (SELECT oid FROM tree)"             \
			" UNION ALL"                                                                           \
			" SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, g.oid"          \
			"  FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'"       \
			"  AND g.tgrelid IN (SELECT oid FROM tree)")

#define EXPRESSIONS                                                                                \
	"expressions (what, text) AS ("                                                                \
	" SELECT pg_catalog.format('constraint %I', k.conname), k.conbin::pg_catalog.text"             \
	"  FROM things JOIN pg_catalog.pg_constraint k ON k.oid = object"                              \
	"  AND class = 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid"                \
	"  WHERE k.contype = 'c'"                                                                      \
	" UNION ALL"                                                                                   \
	" SELECT pg_catalog.format('the value of column %I', a.attname), d.adbin::pg_catalog.text"     \
	"  FROM things JOIN pg_catalog.pg_attrdef d ON d.oid = object"                                 \
	"  AND class = 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid"                   \
	"  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum"            \
	" UNION ALL"                                                                                   \
	" SELECT pg_catalog.format('trigger %I', g.tgname), g.tgqual::pg_catalog.text"                 \
	"  FROM things JOIN pg_catalog.pg_trigger g ON g.oid = object"                                 \
	"  AND class = 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid"                   \
	"  WHERE g.tgqual IS NOT NULL)"

/* The first expression that is computed for new rows of a table and calls one. */
static const char rows_query[] =
	"WITH RECURSIVE " TREE ", " CODE_OF_TREE ", " EXPRESSIONS
	" SELECT e.what, f.proname FROM expressions e, LATERAL"
	"  pg_catalog.regexp_matches(e.text, ':(funcid|opno) (\\d+)', 'g') AS m (found)"
	" LEFT JOIN pg_catalog.pg_operator o ON m.found[1] = 'opno'"
	"  AND o.oid = m.found[2]::pg_catalog.oid"
	" JOIN pg_catalog.pg_proc f ON f.oid = CASE m.found[1] WHEN 'opno'"
	"   THEN o.oprcode::pg_catalog.oid ELSE m.found[2]::pg_catalog.oid END"
	" WHERE " RUNS_WHAT_IT_IS_GIVEN " ORDER BY 1, 2 LIMIT 1";

/*
 * The first one in a definition ($2), if that is a superuser's or the session's.
 * What is not in pg_catalog is written with its schema.
 */
static const char text_query[] =
	"SELECT f.proname FROM pg_catalog.pg_proc f"
	" JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace, pg_catalog.pg_roles r"
	" WHERE r.rolname = $1::pg_catalog.name AND " ROW_ROLE_IS_TRUSTED
	" AND CASE n.nspname WHEN 'pg_catalog'"
	"  THEN $2::pg_catalog.text ~ ('(^|[^[:alnum:]_$])' || f.proname || '\"? *[(]')"
	"  ELSE pg_catalog.strpos($2::pg_catalog.text,"
	"   pg_catalog.format('%I.%I(', n.nspname, f.proname)) > 0 END"
	" AND " RUNS_WHAT_IT_IS_GIVEN " ORDER BY 1 LIMIT 1";

static bool
check_definition(Connection *connection, const TocEntry *entry)
{
	const char *params[2] = {entry->owner, entry->definition};
	PGresult *result = connection_query(connection, text_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
	{
		char *label = toc_entry_label(entry);
		char *detail = xasprintf("It calls function %s(), which may run what a former owner wrote.",
								 PQgetvalue(result, 0, 0));

		good = report_error(EXIT_FAILED, detail, GIVEN_CODE_HINT,
							"could not restore %s without running code of others", label);
		free(detail);
		free(label);
	}
	PQclear(result);
	return good;
}

bool
given_code_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	if (plan->settings->rows_as == ROWS_AS_SESSION)
		return true;
	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (entry->definition != NULL && selection_includes(plan->selection, entry) &&
			(toc_entry_is(entry, "MATERIALIZED VIEW") || entry_checks_rows(entry)))
			good = check_definition(connection, entry);
	}
	return good;
}

bool
given_code_check_rows(Connection *connection, const char *shown, const RowRights *rights)
{
	PGresult *result;
	char *detail;
	bool good;

	if (rights->as_owner || rights->code == NULL)
		return true;
	result = connection_query(connection, rows_query, 1, &shown);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		detail = xasprintf("Of it, %s calls function %s(), which may run what a former owner, or a "
						   "role that could create triggers, wrote.",
						   PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		good = report_error(EXIT_FAILED, detail, GIVEN_CODE_HINT,
							"could not add rows to table %s without running code of others", shown);
		free(detail);
	}
	PQclear(result);
	return good;
}
