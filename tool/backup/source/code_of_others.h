/*-------------------------------------------------------------------------
 *
 * code_of_others.h
 *	  Whose code does planning a query over a table run?
 *
 * The planner evaluates what is constant in the expressions and predicates of
 * a table's indexes and in the expressions of its statistics objects, with the
 * rights of the session that asks for the rows.  "COPY t TO" is not planned,
 * but a query over a range of blocks, or with a condition, is.
 *
 * The functions, types and operators in these expressions are in pg_depend,
 * unless they came with the server.  An operator is as good as its function,
 * which may belong to somebody else, and so with domains and all that rests on
 * something else (code_walk.h).  Indexes that are not valid count as
 * well, as one that is built concurrently becomes valid while others read.
 *
 * Code of equals does no harm, but may fail: the planner inlines functions
 * written in SQL under our search_path, where what they call is perhaps not
 * found.  So a table whose indexes use any function of users is not cut.
 *
 * These are words of SQL for the queries of source_table.c, cut_guard.c and
 * sequences.c, which ask about the table that they call c and the schema n.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CODE_OF_OTHERS_H
#define NEX_CODE_OF_OTHERS_H

#include "code_walk.h"

/* Roles whose code may run: they can do anyway whatever this session can. */
#define ROLES_EQUAL_TO_SESSION                                                                     \
	"(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolsuper"                                    \
	" OR (r.rolname = session_user AND session_user = current_user))"

/*
 * Can none but these rename the schema n?  Whoever can puts another table under
 * the name that a query is planned by.
 */
#define SCHEMA_OF_EQUALS                                                                           \
	"(n.nspowner IN " ROLES_EQUAL_TO_SESSION                                                       \
	" OR (n.nspowner = 'pg_database_owner'::pg_catalog.regrole AND EXISTS ("                       \
	"  SELECT FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database()"       \
	"  AND b.datdba IN " ROLES_EQUAL_TO_SESSION ")))"

/*
 * A function of PostgreSQL that is declared immutable, and computes the
 * partition key of the table that it is given (satisfies_hash_partition).
 */
#define COMPUTES_A_KEY "~ ':funcid 5028\\M'"

#define PLANNING_RUNS_CODE_OF_OTHERS                                                               \
	"(EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid"                          \
	"  AND pg_catalog.concat(i.indexprs::pg_catalog.text, i.indpred::pg_catalog.text)"             \
	"   " COMPUTES_A_KEY ") OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s"                  \
	"  WHERE s.stxrelid = c.oid AND s.stxexprs::pg_catalog.text " COMPUTES_A_KEY ")"               \
	" OR ((EXISTS (SELECT FROM pg_catalog.pg_index i"                                              \
	"   WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))"           \
	"  OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s"                                       \
	"   WHERE s.stxrelid = c.oid AND s.stxexprs IS NOT NULL))"                                     \
	"  AND EXISTS (SELECT FROM " CODE_OF_DEFAULT_CLASSES                                           \
	"   WHERE f.proowner NOT IN " ROLES_EQUAL_TO_SESSION "))"                                      \
	" OR EXISTS (WITH RECURSIVE things (class, object) AS (SELECT e.class, e.id FROM ("            \
	"   SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class,"               \
	"    i.indexrelid AS id FROM pg_catalog.pg_index i"                                            \
	"    WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)"           \
	"   UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid"                \
	"    FROM pg_catalog.pg_statistic_ext s"                                                       \
	"    WHERE s.stxrelid = c.oid AND s.stxexprs IS NOT NULL) e"                                   \
	"   UNION SELECT d.class, d.object FROM things t, LATERAL (" CODE_NEXT ") d)"                  \
	"  SELECT FROM things"                                                                         \
	"  LEFT JOIN pg_catalog.pg_operator o"                                                         \
	"   ON things.class = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = things.object" \
	"  LEFT JOIN pg_catalog.pg_proc f"                                                             \
	"   ON f.oid = CASE things.class WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass"               \
	"    THEN things.object ELSE o.oprcode::pg_catalog.oid END"                                    \
	"  LEFT JOIN pg_catalog.pg_type y ON things.class = 'pg_catalog.pg_type'::pg_catalog.regclass" \
	"   AND y.oid = things.object AND y.typtype <> 'e'"                                            \
	"  LEFT JOIN pg_catalog.pg_rewrite w"                                                          \
	"   ON things.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = things.object"  \
	"  LEFT JOIN pg_catalog.pg_class v ON v.oid = w.ev_class"                                      \
	"  WHERE f.proowner NOT IN " ROLES_EQUAL_TO_SESSION                                            \
	"   OR o.oprowner NOT IN " ROLES_EQUAL_TO_SESSION                                              \
	"   OR y.typowner NOT IN " ROLES_EQUAL_TO_SESSION                                              \
	"   OR v.relowner NOT IN " ROLES_EQUAL_TO_SESSION "))"

/* Functions of users that are called directly: SQL functions among them are inlined. */
#define PLANNING_RUNS_CODE_OF_USERS                                                                \
	"EXISTS (SELECT FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class,"             \
	"    i.indexrelid AS id FROM pg_catalog.pg_index i"                                            \
	"    WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)"           \
	"   UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid"                \
	"    FROM pg_catalog.pg_statistic_ext s"                                                       \
	"    WHERE s.stxrelid = c.oid AND s.stxexprs IS NOT NULL) e"                                   \
	"  JOIN pg_catalog.pg_depend d ON d.classid = e.class AND d.objid = e.id"                      \
	"  LEFT JOIN pg_catalog.pg_operator o"                                                         \
	"   ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid"    \
	"  LEFT JOIN pg_catalog.pg_proc f"                                                             \
	"   ON f.oid = CASE d.refclassid WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass"               \
	"    THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END"                                       \
	"  WHERE f.oid >= 16384)"

#endif /* NEX_CODE_OF_OTHERS_H */
