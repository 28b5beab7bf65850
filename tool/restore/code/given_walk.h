/*-------------------------------------------------------------------------
 *
 * given_walk.h
 *	  SQL: which functions does an object of the live database call that run
 *	  what they are given?
 *
 * code_owners.h follows an object to what others own.  Here it does not matter
 * who owns what is on the way, because it may have changed hands, but what it
 * calls in the end.  PostgreSQL's own functions have no entries in pg_depend, so
 * the expressions themselves are read: constraints, values of columns, indexes,
 * trigger conditions, queries of views, and bodies of functions that the server
 * keeps as expressions (BEGIN ATOMIC).  Other bodies are strings: they are code
 * of whoever owns the function now.
 *
 * What is read but not computed is not followed: the types of columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GIVEN_WALK_H
#define NEX_GIVEN_WALK_H

#include "code_walk.h"

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

/*
 * The class of a table that a query is planned over: not a class of objects, so
 * that the types of its columns, which nothing computes, are not followed.
 */
#define PLANNED "'pg_catalog.pg_inherits'::pg_catalog.regclass"

/* Of a row `t` with the columns class and object, a subquery (text): its expressions. */
#define GIVEN_TEXTS                                                                                \
	"SELECT k.conbin::pg_catalog.text AS text FROM pg_catalog.pg_constraint k"                     \
	"  WHERE k.oid = t.object AND k.contype = 'c'"                                                 \
	"  AND t.class = 'pg_catalog.pg_constraint'::pg_catalog.regclass"                              \
	" UNION ALL SELECT d.adbin::pg_catalog.text FROM pg_catalog.pg_attrdef d"                      \
	"  WHERE d.oid = t.object AND t.class = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"          \
	" UNION ALL SELECT g.tgqual::pg_catalog.text FROM pg_catalog.pg_trigger g"                     \
	"  WHERE g.oid = t.object AND t.class = 'pg_catalog.pg_trigger'::pg_catalog.regclass"          \
	" UNION ALL SELECT w.ev_action::pg_catalog.text FROM pg_catalog.pg_rewrite w"                  \
	"  WHERE w.oid = t.object AND t.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"          \
	" UNION ALL SELECT f.prosqlbody::pg_catalog.text FROM pg_catalog.pg_proc f"                    \
	"  WHERE f.oid = t.object AND t.class = 'pg_catalog.pg_proc'::pg_catalog.regclass"             \
	" UNION ALL SELECT x.expression::pg_catalog.text FROM pg_catalog.pg_index i,"                  \
	"  LATERAL (VALUES (i.indexprs), (i.indpred)) AS x (expression)"                               \
	"  WHERE i.indexrelid = t.object AND t.class = 'pg_catalog.pg_class'::pg_catalog.regclass"     \
	" UNION ALL SELECT p.partexprs::pg_catalog.text FROM pg_catalog.pg_partitioned_table p"        \
	"  WHERE p.partrelid = t.object AND t.class IN ('pg_catalog.pg_class'::pg_catalog.regclass,"   \
	"   " PLANNED ")"                                                                              \
	" UNION ALL SELECT x.stxexprs::pg_catalog.text FROM pg_catalog.pg_statistic_ext x"             \
	"  WHERE x.oid = t.object AND t.class = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass"

/*
 * What code_walk.h does not follow: columns that are computed when they are read;
 * what the result of JSON_VALUE() is converted to; and what the planner computes in
 * advance of the tables that are read, with their children: the constant parts of
 * what their indexes, statistics, constraints and partition keys say.
 */
#define GIVEN_NEXT                                                                                 \
	"SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, v.oid"                   \
	"  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid"      \
	"   AND a.attgenerated = 'v'"                                                                  \
	"  JOIN pg_catalog.pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum"              \
	"  WHERE d.classid = t.class AND d.objid = t.object"                                           \
	"  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"                              \
	"  AND t.class IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass,"                              \
	"   'pg_catalog.pg_proc'::pg_catalog.regclass)"                                                \
	" UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, m.found[1]::pg_catalog.oid"      \
	"  FROM (" GIVEN_TEXTS ") e, LATERAL pg_catalog.regexp_matches(e.text,"                        \
	"   ':(?:resulttype|typid) (\\d+)', 'g') AS m (found)"                                         \
	"  WHERE m.found[1]::pg_catalog.int8 >= 16384"                                                 \
	" UNION ALL SELECT " PLANNED ", c.oid FROM pg_catalog.pg_depend d"                             \
	"  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'm', 'f')"     \
	"   AND c.oid >= 16384"                                                                        \
	"  WHERE d.classid = t.class AND d.objid = t.object"                                           \
	"  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"                              \
	"  AND t.class IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass,"                              \
	"   'pg_catalog.pg_proc'::pg_catalog.regclass)"                                                \
	" UNION ALL SELECT x.class, x.object FROM ("                                                   \
	"  SELECT " PLANNED " AS class, i.inhrelid AS object, i.inhparent AS relation"                 \
	"   FROM pg_catalog.pg_inherits i"                                                             \
	"  UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, i.indrelid"      \
	"   FROM pg_catalog.pg_index i"                                                                \
	"  UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, e.oid, e.stxrelid"     \
	"   FROM pg_catalog.pg_statistic_ext e) x"                                                     \
	"  WHERE x.relation = t.object AND t.class = " PLANNED

/*
 * Functions (alias u, column oid) that it calls: those in its expressions, and
 * those of an operator, an aggregate, an operator family or a range type.  Of
 * the constraints of a table that is read, the planner calls immutable ones.
 */
#define GIVEN_FUNCTIONS                                                                            \
	"SELECT CASE m.found[1] WHEN 'opno' THEN o.oprcode::pg_catalog.oid"                            \
	"   ELSE m.found[2]::pg_catalog.oid END AS oid"                                                \
	"  FROM (" GIVEN_TEXTS ") e, LATERAL pg_catalog.regexp_matches(e.text,"                        \
	"   ':(funcid|opno|aggfnoid|winfnoid) (\\d+)', 'g') AS m (found)"                              \
	"  LEFT JOIN pg_catalog.pg_operator o"                                                         \
	"   ON m.found[1] = 'opno' AND o.oid = m.found[2]::pg_catalog.oid"                             \
	" UNION ALL SELECT i.oid FROM pg_catalog.pg_constraint k, LATERAL"                             \
	"  pg_catalog.regexp_matches(k.conbin::pg_catalog.text, ':funcid (\\d+)', 'g') AS m (found)"   \
	"  JOIN pg_catalog.pg_proc i ON i.oid = m.found[1]::pg_catalog.oid AND i.provolatile = 'i'"    \
	"  WHERE k.conrelid = t.object AND k.contype = 'c' AND t.class = " PLANNED                     \
	" UNION ALL SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_operator o"                    \
	"  WHERE o.oid = t.object AND t.class = 'pg_catalog.pg_operator'::pg_catalog.regclass"         \
	" UNION ALL SELECT x.oid FROM pg_catalog.pg_aggregate a, LATERAL (VALUES"                      \
	"   (a.aggtransfn::pg_catalog.oid), (a.aggfinalfn::pg_catalog.oid),"                           \
	"   (a.aggcombinefn::pg_catalog.oid), (a.aggserialfn::pg_catalog.oid),"                        \
	"   (a.aggdeserialfn::pg_catalog.oid), (a.aggmtransfn::pg_catalog.oid),"                       \
	"   (a.aggminvtransfn::pg_catalog.oid), (a.aggmfinalfn::pg_catalog.oid)) AS x (oid)"           \
	"  WHERE a.aggfnoid::pg_catalog.oid = t.object"                                                \
	"  AND t.class = 'pg_catalog.pg_proc'::pg_catalog.regclass"                                    \
	" UNION ALL SELECT p.amproc::pg_catalog.oid FROM pg_catalog.pg_amproc p"                       \
	"  WHERE p.amprocfamily = t.object"                                                            \
	"  AND t.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass"                                \
	" UNION ALL SELECT x.oid FROM pg_catalog.pg_range g, LATERAL (VALUES"                          \
	"   (g.rngcanonical::pg_catalog.oid), (g.rngsubdiff::pg_catalog.oid)) AS x (oid)"              \
	"  WHERE g.rngtypid = t.object AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass"

/* In "WITH RECURSIVE": things has what the things of the query `start` compute. */
#define GIVEN_BY(start)                                                                            \
	"things (class, object) AS (" start " UNION SELECT d.class, d.object FROM things t,"           \
	" LATERAL (" CODE_NEXT " UNION ALL " GIVEN_NEXT ") d)"

/* Behind that: (what, function) of each call; a view and a query of a view count as the same. */
#define GIVEN_CALLS                                                                                \
	"SELECT (SELECT i.type || ' ' || i.identity FROM pg_catalog.pg_identify_object("               \
	"   CASE WHEN w.oid IS NULL AND t.class <> " PLANNED " THEN t.class"                           \
	"    ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid END,"                     \
	"   COALESCE(w.ev_class, t.object), 0) i) AS what, f.proname AS function"                      \
	" FROM things t LEFT JOIN pg_catalog.pg_rewrite w ON w.oid = t.object"                         \
	"  AND t.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass,"                                \
	" LATERAL (" GIVEN_FUNCTIONS ") u JOIN pg_catalog.pg_proc f ON f.oid = u.oid"                  \
	" WHERE " RUNS_WHAT_IT_IS_GIVEN

#endif /* NEX_GIVEN_WALK_H */
