/*-------------------------------------------------------------------------
 *
 * code_owners.h
 *	  SQL: who can change what an object of the live database runs?
 *
 * Not only the functions that an expression names run.  An operator calls
 * another function, an aggregate several, a domain has constraints, and a row
 * type has the types of its columns.  An index or a partition key compares by
 * the functions of an operator class, also where the class is one that
 * PostgreSQL chose: for an array, by that of its elements, for a range, by that
 * of its subtype.  Operator classes are made by superusers only, but the
 * functions in them can belong to anybody, and be replaced.
 *
 * The classes are followed by their families, so that some functions count that
 * are not called: on the safe side.  What initdb made is nobody else's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CODE_OWNERS_H
#define NEX_CODE_OWNERS_H

#include "row_rights.h"

/*
 * Of a row `t` with the columns class and object, a subquery of the same
 * columns: what it runs, or what has to do with that.
 */
#define CODE_NEXT                                                                                  \
	"SELECT refclassid AS class, refobjid AS object FROM pg_catalog.pg_depend"                     \
	"  WHERE classid = t.class AND objid = t.object AND refobjid >= 12000"                         \
	"  AND (refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,"                             \
	"    'pg_catalog.pg_type'::pg_catalog.regclass,"                                               \
	"    'pg_catalog.pg_operator'::pg_catalog.regclass,"                                           \
	"    'pg_catalog.pg_opclass'::pg_catalog.regclass)"                                            \
	"   OR (refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"                               \
	"    AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass))"                                \
	" UNION ALL SELECT classid, objid FROM pg_catalog.pg_depend"                                   \
	"  WHERE refclassid = t.class AND refobjid = t.object AND deptype IN ('a', 'i')"               \
	"  AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass"                                    \
	"  AND classid IN ('pg_catalog.pg_constraint'::pg_catalog.regclass,"                           \
	"   'pg_catalog.pg_class'::pg_catalog.regclass)"                                               \
	" UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid"                        \
	"  FROM pg_catalog.pg_opclass o WHERE o.opcintype = t.object AND t.object >= 12000"            \
	"  AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass"                                    \
	" UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.opcfamily"                 \
	"  FROM pg_catalog.pg_opclass o WHERE o.oid = t.object AND o.opcfamily >= 12000"               \
	"  AND t.class = 'pg_catalog.pg_opclass'::pg_catalog.regclass"                                 \
	" UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.amproc::pg_catalog.oid"        \
	"  FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = t.object"                                \
	"  AND t.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass"                                \
	" UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, p.amopopr"                   \
	"  FROM pg_catalog.pg_amop p WHERE p.amopfamily = t.object"                                    \
	"  AND t.class = 'pg_catalog.pg_opfamily'::pg_catalog.regclass"

/* In "WITH RECURSIVE": things has what the things of the query `start` run. */
#define CODE_OF(start)                                                                             \
	"things (class, object) AS (" start " UNION SELECT d.class, d.object FROM things t,"           \
	" LATERAL (" CODE_NEXT ") d)"

/* Of things: a description (what) and the owner (o) of each that runs code by being changed. */
#define CODE_OWNERS                                                                                \
	"SELECT 'function ' || f.oid::pg_catalog.regprocedure::pg_catalog.text AS what,"               \
	"  f.proowner AS o FROM things JOIN pg_catalog.pg_proc f ON f.oid = object"                    \
	"  AND class = 'pg_catalog.pg_proc'::pg_catalog.regclass"                                      \
	" UNION ALL SELECT 'type ' || t.oid::pg_catalog.regtype::pg_catalog.text, t.typowner"          \
	"  FROM things JOIN pg_catalog.pg_type t ON t.oid = object"                                    \
	"  AND class = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.typtype IN ('d', 'c', 'r')"

/* The first of them that others than trusted roles can change, or NULL. */
#define CODE_OF_OTHERS                                                                             \
	"SELECT pg_catalog.min(found.what) FROM (" CODE_OWNERS ") found"                               \
	" LEFT JOIN pg_catalog.pg_roles r ON r.oid = found.o"                                          \
	" WHERE NOT COALESCE(" ROW_ROLE_IS_TRUSTED ", false)"

/*
 * Does an operator class (an expression of type oid) compare by functions of
 * PostgreSQL, or C code of trusted roles, alone?
 */
#define CLASS_IS_PLAIN(c)                                                                          \
	"(" c " < 12000 OR NOT EXISTS (SELECT FROM pg_catalog.pg_opclass k, LATERAL ("                 \
	"  SELECT p.amproc::pg_catalog.oid AS f FROM pg_catalog.pg_amproc p"                           \
	"   WHERE p.amprocfamily = k.opcfamily"                                                        \
	"  UNION ALL SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_amop p"                       \
	"   JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr WHERE p.amopfamily = k.opcfamily) x"    \
	"  JOIN pg_catalog.pg_proc f ON f.oid = x.f JOIN pg_catalog.pg_language l ON l.oid = "         \
	"f.prolang"                                                                                    \
	"  LEFT JOIN pg_catalog.pg_roles r ON r.oid = f.proowner WHERE k.oid = " c                     \
	"  AND (l.lanname NOT IN ('c', 'internal') OR NOT COALESCE(" ROW_ROLE_IS_TRUSTED ", false))))"

#endif /* NEX_CODE_OWNERS_H */
