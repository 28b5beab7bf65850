/*-------------------------------------------------------------------------
 *
 * source_dependencies.c
 *	  Dependencies that pg_dump's archive does not have.
 *
 * An entry of the archive depends on what the catalogs say of its object.  Some
 * of that is lost where an object has no entry of its own, or has no row in
 * pg_depend at all:
 *
 * - what the index of a PRIMARY KEY, UNIQUE or EXCLUDE constraint uses: operator
 *   classes (default ones, too), functions, types, collations.  The constraint
 *   has an entry, its index has none.  Operators of EXCLUDE are in no pg_depend.
 * - functions and operators of an operator class.  pg_dump gives them to its
 *   family, which stays if the class is dropped.
 * - the commutator and the negator of an operator, which are in no pg_depend.
 * - the schema of the multirange type that comes with a range type.
 * - whatever is used by way of a function that pg_dump does not load: the
 *   constructors of range and multirange types, which are parts of their types,
 *   and what somebody made in pg_catalog.  Everything that can call a function
 *   can call these, and cannot be without what is behind them.
 * - whether a table exists only as long as something that it uses, as the
 *   functions and types of its partition key, or only a column of it does.
 *
 * A restore of a part must know all of these, and no reading of definitions
 * would tell: they do not name default operator classes, nor which function of
 * several is meant.  So they are read here, in the snapshot of the backup.
 * Rows that say nothing new are left out, for the database with ten thousand
 * tables: only what is named above is asked for.
 *
 * tests/t/028_dependencies.t compares all of pg_depend with what the archive and
 * this say, and names the kinds of rows that are in neither.
 *
 *-------------------------------------------------------------------------
 */
#include "source_dependencies.h"

#include "log.h"

/*
 * Objects below 16384 are the server's own; pg_depend has no rows for most of
 * these.  The server expects thousands of rows where there are some, and would
 * sort all of pg_depend to join them; limits make it look them up one by one.
 */
static const SqlConstant dependencies_query =
	SQL("WITH RECURSIVE of_relations AS MATERIALIZED ("
		"  SELECT classid, objid, objsubid, refclassid, refobjid FROM pg_catalog.pg_depend"
		"   WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND deptype = 'n'"
		"   AND refclassid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass),"

		" hidden (oid, by_hand) AS MATERIALIZED ("
		"  SELECT objid, false FROM pg_catalog.pg_depend"
		"   WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND deptype = 'i'"
		"  UNION SELECT f.oid, (SELECT true FROM pg_catalog.pg_depend d"
		"    WHERE d.classid = f.tableoid AND d.objid = f.oid AND d.deptype IN ('i', 'e') LIMIT 1)"
		"    IS NULL FROM pg_catalog.pg_proc f WHERE f.oid >= 16384"
		"   AND f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace),"

		/* Defaults, checks and rules have entries, or are parts of one: both are said. */
		" callers (class, oid, function) AS ("
		"  SELECT d.classid, d.objid, h.oid FROM hidden h CROSS JOIN LATERAL ("
		"    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d"
		"     WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"     AND d.refobjid = h.oid OFFSET 0) d"
		"  UNION SELECT w.refclassid, w.refobjid, c.function FROM callers c"
		"   CROSS JOIN LATERAL (SELECT w.refclassid, w.refobjid FROM pg_catalog.pg_depend w"
		"    WHERE w.classid = c.class AND w.objid = c.oid AND (w.deptype = 'i'"
		"     OR (w.deptype = 'a' AND (w.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
		"       OR (w.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass"
		"        AND (SELECT k.contype = 'c' FROM pg_catalog.pg_constraint k"
		"         WHERE k.oid = w.objid))))"
		"     OR w.classid IN ('pg_catalog.pg_amop'::pg_catalog.regclass,"
		"      'pg_catalog.pg_amproc'::pg_catalog.regclass)"
		"      AND w.refclassid IN ('pg_catalog.pg_opclass'::pg_catalog.regclass,"
		"       'pg_catalog.pg_opfamily'::pg_catalog.regclass)) OFFSET 0) w),"

		/* The index of a constraint is a part of it. */
		" found (word, class, oid, refclass, ref) AS ("
		"  SELECT 'needs', k.refclassid, k.refobjid, d.refclassid, d.refobjid FROM of_relations d"
		"   CROSS JOIN LATERAL (SELECT i.refclassid, i.refobjid FROM pg_catalog.pg_depend i"
		"    WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype = 'i'"
		"    AND i.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass LIMIT 1) k"
		"  UNION ALL SELECT 'needs', k.tableoid, k.oid,"
		"    'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid, o.oid"
		"   FROM pg_catalog.pg_constraint k"
		"   CROSS JOIN LATERAL pg_catalog.unnest(k.conexclop) o (oid)"
		"   WHERE k.conexclop IS NOT NULL AND o.oid >= 16384"

		/* A row of pg_amop or pg_amproc depends on its class, and on what it names. */
		"  UNION ALL SELECT 'needs', c.refclassid, c.refobjid, d.refclassid, d.refobjid"
		"   FROM pg_catalog.pg_depend c"
		"   JOIN pg_catalog.pg_depend d ON d.classid = c.classid AND d.objid = c.objid"
		"   WHERE c.classid IN ('pg_catalog.pg_amop'::pg_catalog.regclass,"
		"     'pg_catalog.pg_amproc'::pg_catalog.regclass)"
		"    AND c.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass"
		"    AND d.refclassid NOT IN ('pg_catalog.pg_opclass'::pg_catalog.regclass,"
		"     'pg_catalog.pg_opfamily'::pg_catalog.regclass)"

		"  UNION ALL SELECT 'needs', o.tableoid, o.oid, o.tableoid, l.oid"
		"   FROM pg_catalog.pg_operator o"
		"   CROSS JOIN LATERAL (VALUES (o.oprcom), (o.oprnegate)) l (oid)"
		"   WHERE o.oid >= 16384 AND l.oid >= 16384"

		"  UNION ALL SELECT 'needs', t.tableoid, r.rngtypid,"
		"    'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, t.typnamespace"
		"   FROM pg_catalog.pg_range r JOIN pg_catalog.pg_type t ON t.oid = r.rngmultitypid"
		"   WHERE r.rngtypid >= 16384"

		"  UNION ALL SELECT 'needs', c.class, c.oid,"
		"    'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, c.function FROM callers c"

		/* A table goes with a column of its partition key, which depends on it "internally". */
		"  UNION ALL SELECT 'goes', d.classid, d.objid, d.refclassid, d.refobjid"
		"   FROM of_relations d JOIN pg_catalog.pg_class t ON t.oid = d.objid"
		"   WHERE t.relkind IN ('r', 'p', 'f')"
		"    AND d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass"
		"    AND (d.objsubid = 0 OR (t.relkind = 'p' AND (SELECT true FROM pg_catalog.pg_depend k"
		"     WHERE k.classid = d.classid AND k.objid = d.objid AND k.objsubid = d.objsubid"
		"     AND k.refclassid = d.classid AND k.refobjid = d.objid AND k.refobjsubid = 0"
		"     AND k.deptype = 'i' LIMIT 1)))),"

		/*
		 * From an array to its elements, a row type to its table, a constructor to its
		 * type, a member to its extension; and to all that is behind a function in
		 * pg_catalog.
		 */
		" reached AS (SELECT * FROM found UNION"
		"  SELECT r.word, r.class, r.oid, w.refclassid, w.refobjid FROM reached r"
		"   CROSS JOIN LATERAL (SELECT w.refclassid, w.refobjid FROM pg_catalog.pg_depend w"
		"    WHERE w.classid = r.refclass AND w.objid = r.ref AND (w.deptype IN ('i', 'e')"
		"     OR (w.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"      AND w.objid IN (SELECT h.oid FROM hidden h WHERE h.by_hand)))"
		"    AND (w.refclassid, w.refobjid) <> (r.refclass, r.ref) OFFSET 0) w)"
		" SELECT word = 'goes', class, oid, refclass, ref FROM reached r"
		"  WHERE (class, oid) <> (refclass, ref)"
		"   AND NOT (class = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"    AND oid IN (SELECT h.oid FROM hidden h))"
		"   AND NOT (refclass = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"    AND ref IN (SELECT h.oid FROM hidden h))"
		"   AND (SELECT true FROM pg_catalog.pg_depend w WHERE w.classid = r.refclass"
		"    AND w.objid = r.ref AND w.deptype IN ('i', 'e')"
		"    AND (w.refclassid, w.refobjid) <> (r.refclass, r.ref) LIMIT 1) IS NULL"
		"   AND (SELECT true FROM pg_catalog.pg_depend w WHERE w.classid = r.class"
		"    AND w.objid = r.oid AND (w.deptype = 'e' OR (w.deptype = 'i'"
		"     AND w.classid IN ('pg_catalog.pg_class'::pg_catalog.regclass,"
		"      'pg_catalog.pg_type'::pg_catalog.regclass,"
		"      'pg_catalog.pg_cast'::pg_catalog.regclass)"
		"     AND (w.refclassid, w.refobjid) <> (r.class, r.oid))) LIMIT 1) IS NULL"
		"  ORDER BY 1 DESC, class, oid, refclass, ref");

/* "1259/16390" */
static bool
append_object(SqlText *sql, const PGresult *result, int row, int column)
{
	bool good = sql_checked_number(sql, PQgetvalue(result, row, column));

	sql_append(sql, "/");
	return sql_checked_number(sql, PQgetvalue(result, row, column + 1)) && good;
}

bool
source_dependencies_read(Connection *connection, SqlText *sql)
{
	PGresult *result = connection_query(connection, dependencies_query, 0, NULL);
	bool good = true;
	int row;

	if (result == NULL)
		return false;
	sql_append(sql, "-- Dependencies that the archive does not have, by oids of catalogs and of"
					" objects.\n--\n");
	for (row = 0; good && row < PQntuples(result); row++)
	{
		if (PQgetvalue(result, row, 0)[0] == 't')
			sql_append(sql, "-- goes ");
		else
			sql_append(sql, "-- needs ");
		good = append_object(sql, result, row, 1);
		sql_append(sql, " ");
		good = append_object(sql, result, row, 3) && good;
		sql_append(sql, "\n");
	}
	sql_append(sql, "\n");
	PQclear(result);
	return good || report_error(EXIT_FAILED, NULL, NULL, "the server returned an invalid oid");
}
