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
 * What is there is asked for in the catalogs (given_walk.h).  Of what comes with
 * the part, the definition says by name what it computes, before it is made.
 * A materialized view is looked at once more before it is filled.
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
#include "log.h"
#include "memory.h"
#include "part_settings.h"
#include "row_copy.h"
#include "settings.h"

#define GIVEN_CODE_HINT                                                                            \
	"If you know who wrote it and trust them, --rows-as=session runs it with your rights.  "       \
	"Otherwise drop it first, or restore into a new database (--to=NEWDB) of a server that holds " \
	"nothing else."

/* Where a query is asked for the first call that it finds. */
#define FIRST_OF(start)                                                                            \
	GIVEN_BY(start)                                                                                \
	" SELECT what, function FROM (" GIVEN_CALLS ") calls ORDER BY 1, 2 LIMIT 1"

/* The table $1, its partitions, and what their rows make run. */
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
		"  FROM pg_catalog.pg_attrdef d WHERE d.adrelid IN (SELECT oid FROM tree)"
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

/*
 * What a definition ($2) names, if that is a superuser's or the session's.  What
 * is not in pg_catalog is written with its schema.  Names are compared as words:
 * punctuation counts as blanks, in the definition and in the name.
 */
#define AS_WORDS(e) "' ' || pg_catalog.translate(" e ", E'()[],;:\\n\\t', '         ') || ' '"
#define NAMED(e) "pg_catalog.strpos(given.words, " AS_WORDS(e) ") > 0"
#define NAME_OF(schema, name) "pg_catalog.format('%I.%I', " schema ", " name ")"
static const char text_query[] =
	"WITH RECURSIVE given AS (SELECT $2::pg_catalog.text AS text,"
	"   " AS_WORDS(
		"$2::pg_catalog.text") " AS words FROM pg_catalog.pg_roles r"
							   "   WHERE r.rolname = $1::pg_catalog.name AND " ROW_ROLE_IS_TRUSTED
							   "),"
							   " own AS (SELECT f.proname FROM given, LATERAL "
							   "pg_catalog.regexp_matches(given.text,"
							   "   '([[:alnum:]_$]+)\"? *[(]', 'g') AS m (found)"
							   "  JOIN pg_catalog.pg_proc f ON f.proname::pg_catalog.text = "
							   "m.found[1]"
							   "   AND f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace"
							   "  WHERE " RUNS_WHAT_IT_IS_GIVEN "),"
							   " named (class, object) AS ("
							   "  SELECT "
							   "'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, f.oid"
							   "   FROM given, pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n "
							   "ON n.oid = f.pronamespace"
							   "   WHERE f.oid >= 16384 AND " NAMED(NAME_OF(
								   "n.nspname",
								   "f.proname")) "  UNION ALL SELECT "
												 "'pg_catalog.pg_operator'::pg_catalog.regclass, "
												 "o.oid"
												 "   FROM given, pg_catalog.pg_operator o"
												 "   JOIN pg_catalog.pg_namespace n ON n.oid = "
												 "o.oprnamespace WHERE o.oid >= 16384"
												 "   AND " NAMED(
													 "pg_catalog.format('OPERATOR(%I.%s)', "
													 "n.nspname, o.oprname)") "  UNION ALL SELECT "
																			  "'pg_catalog.pg_type'"
																			  "::pg_catalog."
																			  "regclass, t.oid"
																			  "   FROM given, "
																			  "pg_catalog.pg_type t"
																			  "   JOIN "
																			  "pg_catalog.pg_"
																			  "namespace n ON "
																			  "n.oid = "
																			  "t.typnamespace"
																			  "   WHERE t.oid >= "
																			  "16384 AND t.typtype "
																			  "<> 'e' AND "
																			  "t.typrelid NOT IN"
																			  "    (SELECT c.oid "
																			  "FROM "
																			  "pg_catalog.pg_class "
																			  "c WHERE c.relkind "
																			  "<> 'c')"
																			  "   AND " NAMED(NAME_OF(
																				  "n."
																				  "nspname",
																				  "t."
																				  "typnam"
																				  "e")) "  "
																						"UN"
																						"IO"
																						"N "
																						"AL"
																						"L "
																						"SE"
																						"LE"
																						"CT"
																						" '"
																						"pg"
																						"_c"
																						"at"
																						"al"
																						"og"
																						".p"
																						"g_"
																						"re"
																						"wr"
																						"it"
																						"e'"
																						"::"
																						"pg"
																						"_c"
																						"at"
																						"al"
																						"og"
																						".r"
																						"eg"
																						"cl"
																						"as"
																						"s,"
																						" w"
																						".o"
																						"id"
																						"  "
																						" F"
																						"RO"
																						"M "
																						"gi"
																						"ve"
																						"n,"
																						" p"
																						"g_"
																						"ca"
																						"ta"
																						"lo"
																						"g."
																						"pg"
																						"_c"
																						"la"
																						"ss"
																						" c"
																						"  "
																						" J"
																						"OI"
																						"N "
																						"pg"
																						"_c"
																						"at"
																						"al"
																						"og"
																						".p"
																						"g_"
																						"na"
																						"me"
																						"sp"
																						"ac"
																						"e "
																						"n "
																						"ON"
																						" n"
																						".o"
																						"id"
																						" ="
																						" c"
																						".r"
																						"el"
																						"na"
																						"me"
																						"sp"
																						"ac"
																						"e"
																						"  "
																						" J"
																						"OI"
																						"N "
																						"pg"
																						"_c"
																						"at"
																						"al"
																						"og"
																						".p"
																						"g_"
																						"re"
																						"wr"
																						"it"
																						"e "
																						"w "
																						"ON"
																						" w"
																						".e"
																						"v_"
																						"cl"
																						"as"
																						"s "
																						"= "
																						"c."
																						"oi"
																						"d "
																						"AN"
																						"D "
																						"w."
																						"ev"
																						"_t"
																						"yp"
																						"e "
																						"= "
																						"'1"
																						"'"
																						"  "
																						" W"
																						"HE"
																						"RE"
																						" c"
																						".r"
																						"el"
																						"ki"
																						"nd"
																						" ="
																						" '"
																						"v'"
																						" A"
																						"ND"
																						" c"
																						".o"
																						"id"
																						" >"
																						"= "
																						"16"
																						"38"
																						"4 "
																						"AN"
																						"D"
																						" " NAMED(NAME_OF(
																							"n."
																							"nspnam"
																							"e",
																							"c."
																							"relnam"
																							"e")) "),"
																								  " " GIVEN_BY(
																									  "SELECT class, object FROM named") " SELECT NULL, proname FROM own"
																																		 " UNION ALL SELECT NULL, f.proname FROM named JOIN pg_catalog.pg_proc f ON f.oid = object"
																																		 "  AND class = 'pg_catalog.pg_proc'::pg_catalog.regclass"
																																		 "  WHERE " RUNS_WHAT_IT_IS_GIVEN
																																		 " UNION ALL SELECT what, function FROM (" GIVEN_CALLS
																																		 ") calls ORDER BY 1 NULLS FIRST, 2 LIMIT 1";

/* What a query found, in words; caller frees.  NULL: nothing. */
static char *
found_call(const PGresult *result)
{
	if (PQntuples(result) == 0)
		return NULL;
	if (PQgetisnull(result, 0, 0))
		return xasprintf("It calls function %s(), which may run what a former owner wrote.",
						 PQgetvalue(result, 0, 1));
	return xasprintf("It computes %s, which calls function %s(), which may run what a former "
					 "owner wrote.",
					 PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
}

/* Only what trusted roles own is computed with rights that anybody gains by. */
static const char owner_query[] = "SELECT FROM pg_catalog.pg_roles r"
								  " WHERE r.rolname = $1::pg_catalog.name"
								  " AND " ROW_ROLE_IS_TRUSTED;

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

static bool
check_text(Connection *connection, const TocEntry *entry, const char *owner, const char *text)
{
	const char *params[2] = {owner, text};
	PGresult *role = connection_query(connection, owner_query, 1, params);
	bool trusted = role != NULL && PQntuples(role) > 0;
	bool good = role != NULL;

	PQclear(role);
	/* The look goes through catalogs, and most tables belong to ordinary roles. */
	return good && (!trusted || check_entry(connection, entry, text_query, 2, params));
}

bool
given_code_check_text(Connection *connection, const TocEntry *entry, const TocEntry *used)
{
	return check_text(connection, entry, used->owner, used->definition);
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

/*
 * The part of a definition that is computed, with the rights of its owner, when
 * it is restored, or NULL.  Of a table, these are the constant parts of generated
 * columns and of the partition key; where they end cannot be told from a string.
 */
static const char *
computed_text(const TocEntry *entry)
{
	const char *generated;
	const char *key;

	if (entry->definition == NULL)
		return NULL;
	if (toc_entry_is(entry, "MATERIALIZED VIEW") || toc_entry_is(entry, "STATISTICS") ||
		entry_calls_functions(entry) || entry_checks_rows(entry))
		return entry->definition;
	if (!toc_entry_is_table(entry))
		return NULL;
	generated = strstr(entry->definition, " GENERATED ALWAYS AS (");
	key = strstr(entry->definition, "\nPARTITION BY ");
	return generated != NULL ? generated : key;
}

bool
given_code_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	if (plan->settings->part->rows_as == ROWS_AS_SESSION)
		return true;
	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		const char *text = computed_text(entry);

		if (text != NULL && selection_includes(plan->selection, entry))
			good = check_text(connection, entry, entry->owner, text);
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
