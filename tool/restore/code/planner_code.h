/*-------------------------------------------------------------------------
 *
 * planner_code.h
 *	  What the planner computes of a table when a query over it is planned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLANNER_CODE_H
#define NEX_PLANNER_CODE_H

#include "connection.h"

typedef struct Settings Settings;

/*
 * SQL: does this expression, as text of its node tree, call nothing but
 * immutable functions of PostgreSQL itself, on types of its own?  One of these
 * computes the partition key of any table that it is given.
 */
#define EXPRESSION_IS_HARMLESS(e)                                                                  \
	"(" e " !~ '\\{(?!(VAR|CONST|OPEXPR|FUNCEXPR|BOOLEXPR|NULLTEST|BOOLEANTEST|SCALARARRAYOPEXPR"  \
	"|RELABELTYPE|CASE|CASEEXPR|WHEN|CASEWHEN|CASETESTEXPR|COALESCE|COALESCEEXPR|ARRAY|ARRAYEXPR"  \
	"|DISTINCTEXPR|NULLIFEXPR) )'"                                                                 \
	" AND NOT EXISTS (SELECT FROM"                                                                 \
	"  pg_catalog.regexp_matches(" e ", ':[a-zA-Z_]*type[a-zA-Z]* (\\d+)', 'g') AS m (found)"      \
	"  WHERE m.found[1]::pg_catalog.int8 >= 16384)"                                                \
	" AND NOT EXISTS (SELECT FROM"                                                                 \
	"  pg_catalog.regexp_matches(" e ", ':(funcid|opno) (\\d+)', 'g') AS m (found)"                \
	"  LEFT JOIN pg_catalog.pg_operator o"                                                         \
	"   ON m.found[1] = 'opno' AND o.oid = m.found[2]::pg_catalog.oid"                             \
	"  LEFT JOIN pg_catalog.pg_proc f ON f.oid = CASE m.found[1] WHEN 'opno'"                      \
	"   THEN o.oprcode::pg_catalog.oid ELSE m.found[2]::pg_catalog.oid END"                        \
	"  WHERE f.oid IS NULL OR f.oid >= 16384 OR f.provolatile <> 'i'"                              \
	"   OR f.proname = 'satisfies_hash_partition'"                                                 \
	"   OR m.found[2]::pg_catalog.int8 >= 16384))"

typedef struct PlannerCode
{
	char *code;   /* the first expression that is not harmless ("index i of table s.t"), or NULL */
	char *others; /* the first of them that others than superusers or the session can change, or
				   * NULL: then all of it is trusted */
} PlannerCode;

/*
 * Keep other sessions from adding, until the end of the transaction, what
 * planner_code_read() looks for: locks the tables, their partitions and other
 * children in SHARE UPDATE EXCLUSIVE mode.  `relations` is an array of oids as
 * text, "{1,2}".  Does nothing where the session has not the rights of a
 * superuser, and may not lock them, and with --rows-as=session.  Needs
 * row_rights_begin().  False (reported) on failure.
 */
extern bool planner_code_lock(const Settings *settings, Connection *connection,
							  const char *relations);

/* False (reported) on failure; planner_code_free(). */
extern bool planner_code_read(Connection *connection, const char *relations, PlannerCode *code);
extern void planner_code_free(PlannerCode *code);

#endif /* NEX_PLANNER_CODE_H */
