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

#include "backup_warning.h"
#include "log.h"
#include "progress.h"

/*
 * Functions that pg_dump does not load: parts of types, and those in pg_catalog.  What
 * is behind one that somebody made there counts as used by whoever calls it.
 */
#define HIDDEN                                                                                     \
	" hidden (oid, by_hand) AS MATERIALIZED ("                                                     \
	"  SELECT objid, false FROM pg_catalog.pg_depend"                                              \
	"   WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND deptype = 'i'"               \
	"  UNION SELECT f.oid, (SELECT true FROM pg_catalog.pg_depend d"                               \
	"    WHERE d.classid = f.tableoid AND d.objid = f.oid AND d.deptype IN ('i', 'e') LIMIT 1)"    \
	"    IS NULL FROM pg_catalog.pg_proc f WHERE f.oid >= 16384"                                   \
	"   AND f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace)"

/*
 * One statement can make hundreds of rows, and anybody can make many, while the
 * backup holds locks.  So the query is not begun with more rows than take some
 * seconds, and no more lines are written than a restore reads, with 41 bytes each
 * (kept_dependencies.h).
 */
#define ROWS_LIMIT "250000"
#define LINES_LIMIT 1500000
#define ONE_MORE_LINE "1500001"

/* Is there one row more? */
static const SqlConstant rows_query =
	SQL("WITH " HIDDEN " SELECT FROM ("
		"  SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid"
		"   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'n'"
		"    AND c.relkind IN ('i', 'I')"
		"  UNION ALL SELECT FROM hidden h CROSS JOIN LATERAL ("
		"   SELECT FROM pg_catalog.pg_depend d WHERE d.refobjid = h.oid"
		"    AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OFFSET 0) d"
		"  UNION ALL SELECT FROM pg_catalog.pg_operator o WHERE o.oid >= 16384) x"
		" OFFSET " ROWS_LIMIT " LIMIT 1");

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

		HIDDEN ","

		" callers AS MATERIALIZED (SELECT d.classid, d.objid, h.oid AS function FROM hidden h"
		"   CROSS JOIN LATERAL (SELECT d.classid, d.objid FROM pg_catalog.pg_depend d"
		"    WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"    AND d.refobjid = h.oid OFFSET 0) d),"

		/* Defaults, checks and rules have entries, or are parts of one: both are said. */
		" wholes (part_class, part, class, oid) AS ("
		"  SELECT DISTINCT classid, objid, classid, objid FROM callers"
		"  UNION SELECT p.part_class, p.part, w.refclassid, w.refobjid FROM wholes p"
		"   CROSS JOIN LATERAL (SELECT w.refclassid, w.refobjid FROM pg_catalog.pg_depend w"
		"    WHERE w.classid = p.class AND w.objid = p.oid AND (w.deptype = 'i'"
		"     OR (w.deptype = 'a' AND (w.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
		"       OR (w.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass"
		"        AND (SELECT k.contype = 'c' FROM pg_catalog.pg_constraint k"
		"         WHERE k.oid = w.objid))))"
		"     OR w.classid IN ('pg_catalog.pg_amop'::pg_catalog.regclass,"
		"      'pg_catalog.pg_amproc'::pg_catalog.regclass)"
		"      AND w.refclassid IN ('pg_catalog.pg_opclass'::pg_catalog.regclass,"
		"       'pg_catalog.pg_opfamily'::pg_catalog.regclass)) OFFSET 0) w),"

		/* Columns of partition keys: the table depends on them "internally". */
		" keys AS MATERIALIZED (SELECT objid, objsubid FROM pg_catalog.pg_depend"
		"  WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objsubid <> 0"
		"  AND refclassid = classid AND refobjid = objid AND refobjsubid = 0 AND deptype = 'i'),"

		/* The index of a constraint is a part of it. */
		" found (word, class, oid, refclass, ref) AS ("
		"  SELECT 'needs', k.refclassid, k.refobjid, d.refclassid, d.refobjid FROM ("
		"    SELECT DISTINCT classid, objid FROM of_relations) r"
		"   CROSS JOIN LATERAL (SELECT i.refclassid, i.refobjid FROM pg_catalog.pg_depend i"
		"    WHERE i.classid = r.classid AND i.objid = r.objid AND i.deptype = 'i'"
		"    AND i.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass LIMIT 1) k"
		"   JOIN of_relations d ON d.objid = r.objid"
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

		"  UNION ALL SELECT 'needs', w.class, w.oid,"
		"    'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, c.function FROM callers c"
		"   JOIN wholes w ON w.part_class = c.classid AND w.part = c.objid"

		/* A table goes with the columns of its partition key. */
		"  UNION ALL SELECT 'goes', d.classid, d.objid, d.refclassid, d.refobjid"
		"   FROM of_relations d JOIN pg_catalog.pg_class t ON t.oid = d.objid"
		"   WHERE t.relkind IN ('r', 'p', 'f')"
		"    AND d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass"
		"    AND (d.objsubid = 0 OR (d.objid, d.objsubid) IN (SELECT k.objid, k.objsubid"
		"     FROM keys k))),"

		/*
		 * From an array to its elements, a row type to its table, a constructor to its
		 * type, a member to its extension; and to all that is behind a function in
		 * pg_catalog.
		 */
		" reached (class, oid, refclass, ref) AS ("
		"  SELECT DISTINCT refclass, ref, refclass, ref FROM found UNION"
		"  SELECT r.class, r.oid, w.refclassid, w.refobjid FROM reached r"
		"   CROSS JOIN LATERAL (SELECT w.refclassid, w.refobjid FROM pg_catalog.pg_depend w"
		"    WHERE w.classid = r.refclass AND w.objid = r.ref AND (w.deptype IN ('i', 'e')"
		"     OR (w.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"      AND w.objid IN (SELECT h.oid FROM hidden h WHERE h.by_hand)))"
		"    AND (w.refclassid, w.refobjid) <> (r.refclass, r.ref) OFFSET 0) w),"
		" ends AS MATERIALIZED (SELECT r.class, r.oid, r.refclass, r.ref FROM reached r"
		"  WHERE (SELECT true FROM pg_catalog.pg_depend w WHERE w.classid = r.refclass"
		"    AND w.objid = r.ref AND w.deptype IN ('i', 'e')"
		"    AND (w.refclassid, w.refobjid) <> (r.refclass, r.ref) LIMIT 1) IS NULL"
		"   AND NOT (refclass = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"    AND ref IN (SELECT h.oid FROM hidden h))),"

		/* No members of extensions, and none of what certainly is a part of something. */
		" users AS MATERIALIZED (SELECT f.class, f.oid FROM ("
		"   SELECT DISTINCT class, oid FROM found) f"
		"  WHERE (SELECT true FROM pg_catalog.pg_depend w WHERE w.classid = f.class"
		"    AND w.objid = f.oid AND (w.deptype = 'e' OR (w.deptype = 'i'"
		"     AND w.classid IN ('pg_catalog.pg_class'::pg_catalog.regclass,"
		"      'pg_catalog.pg_type'::pg_catalog.regclass,"
		"      'pg_catalog.pg_cast'::pg_catalog.regclass)"
		"     AND (w.refclassid, w.refobjid) <> (f.class, f.oid))) LIMIT 1) IS NULL"
		"   AND NOT (f.class = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"    AND f.oid IN (SELECT h.oid FROM hidden h)))"
		" SELECT DISTINCT f.word = 'goes', f.class, f.oid, e.refclass, e.ref FROM found f"
		"  JOIN users u ON u.class = f.class AND u.oid = f.oid"
		"  JOIN ends e ON e.class = f.refclass AND e.oid = f.ref"
		"  WHERE (f.class, f.oid) <> (e.refclass, e.ref)"
		"  ORDER BY 1 DESC, 2, 3, 4, 5 LIMIT " ONE_MORE_LINE);

/* "1259/16390" */
static bool
append_object(SqlText *sql, const PGresult *result, int row, int column)
{
	bool good = sql_checked_number(sql, PQgetvalue(result, row, column));

	sql_append(sql, "/");
	return sql_checked_number(sql, PQgetvalue(result, row, column + 1)) && good;
}

/* Without the member, a restore does as with backups that never had it. */
static bool
leave_out(Manifest *manifest)
{
	backup_warning(manifest,
				   "A restore of tables or schemas goes by what definitions name instead.  One of "
				   "the whole database needs nothing else.",
				   "there are too many dependencies of constraints, operators and functions; those "
				   "that pg_dump does not write are left out of the backup");
	return true;
}

static bool
append_lines(SqlText *sql, const PGresult *result)
{
	bool good = true;
	int row;

	sql_append(sql, "-- Dependencies that the archive does not have, by oids of catalogs and of"
					" objects.\n-- covers functions\n--\n");
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
	return good || report_error(EXIT_FAILED, NULL, NULL, "the server returned an invalid oid");
}

bool
source_dependencies_read(Connection *connection, SqlText *sql, Manifest *manifest)
{
	PGresult *rows;
	PGresult *lines = NULL;
	bool many;
	bool good;

	progress_phase("reading dependencies", "", 0, 0);
	rows = connection_query(connection, rows_query, 0, NULL);
	many = rows != NULL && PQntuples(rows) > 0;
	if (rows != NULL && !many)
		lines = connection_query(connection, dependencies_query, 0, NULL);
	many = many || (lines != NULL && PQntuples(lines) > LINES_LIMIT);
	good = many ? leave_out(manifest) : lines != NULL && append_lines(sql, lines);
	PQclear(rows);
	PQclear(lines);
	return good;
}
