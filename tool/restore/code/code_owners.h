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
 * An operator brings its negator and commutator, and whoever owns it can give it
 * one, or functions that estimate for the planner.
 *
 * The classes are followed by their families, so that some functions count that
 * are not called: on the safe side.  What initdb made is nobody else's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CODE_OWNERS_H
#define NEX_CODE_OWNERS_H

#include "code_walk.h"
#include "session_rights.h"

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
	"  AND class = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.typtype IN ('d', 'c', 'r')"     \
	" UNION ALL SELECT 'operator ' || p.oid::pg_catalog.regoperator::pg_catalog.text, p.oprowner"  \
	"  FROM things JOIN pg_catalog.pg_operator p ON p.oid = object"                                \
	"  AND class = 'pg_catalog.pg_operator'::pg_catalog.regclass"                                  \
	" UNION ALL SELECT 'view ' || v.oid::pg_catalog.regclass::pg_catalog.text, v.relowner"         \
	"  FROM things JOIN pg_catalog.pg_rewrite w ON w.oid = object"                                 \
	"  AND class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"                                   \
	"  JOIN pg_catalog.pg_class v ON v.oid = w.ev_class"

/*
 * May this expression, as text of its node tree, look for a cast of a value
 * that it has?  Of PostgreSQL's own functions, those for JSON do, and those in
 * SQL with a cast of what they are given; of users' functions, nobody knows.
 */
#define EXPRESSION_MAY_CAST(e)                                                                     \
	"(" e " ~ '\\{JSON' OR EXISTS (SELECT FROM pg_catalog.regexp_matches(" e ","                   \
	"   ':(opno|funcid|aggfnoid|winfnoid) (\\d+)', 'g') AS m (found)"                              \
	"  LEFT JOIN pg_catalog.pg_operator o"                                                         \
	"   ON m.found[1] = 'opno' AND o.oid = m.found[2]::pg_catalog.oid"                             \
	"  LEFT JOIN pg_catalog.pg_proc f ON f.oid = CASE m.found[1] WHEN 'opno'"                      \
	"   THEN o.oprcode::pg_catalog.oid ELSE m.found[2]::pg_catalog.oid END"                        \
	"  LEFT JOIN pg_catalog.pg_language l ON l.oid = f.prolang"                                    \
	"  WHERE f.oid IS NULL OR f.oid >= 16384 OR f.proname::pg_catalog.text ~ 'json'"               \
	"  OR l.lanname NOT IN ('internal', 'c')))"

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
