/*-------------------------------------------------------------------------
 *
 * planner_code.c
 *	  What the planner computes of a table when a query over it is planned.
 *
 * Whoever plans a query over a table has the constant parts of expressions
 * computed that its owner wrote, whatever the query asks for: those of all
 * its indexes, their predicates, its extended statistics, and the keys of
 * partitions.  They are computed with the rights of whoever plans, in no
 * security-restricted operation.  An immutable function may be declared such
 * by its owner and do whatever it likes.
 *
 * Operator classes of indexes and keys whose functions users have made count,
 * too (code_owners.h): the query that is planned may use such an index.
 *
 * A foreign key plans such a query over the table that it refers to for the
 * first row that comes, and over both tables when it is added.  CHECK
 * constraints are computed so, too, but not in our sessions, where
 * constraint_exclusion is off; and an index that is not valid is passed over by
 * the planner, but can become valid, and is not passed over where rows are
 * added, so it counts.
 *
 * SHARE UPDATE EXCLUSIVE is the weakest lock that CREATE INDEX, also
 * CONCURRENTLY, CREATE STATISTICS, and whatever gives a table children
 * conflict with.  Rows can be read and written beside it.
 *
 *-------------------------------------------------------------------------
 */
#include "planner_code.h"

#include <stdlib.h>
#include <string.h>

#include "code_owners.h"
#include "log.h"
#include "memory.h"

/* While names change hands, once for each change. */
#define MAX_LOCK_ROUNDS 10

/* The tables with their children; those that have an influence by their keys, too. */
#define RELATIONS                                                                                  \
	"below AS (SELECT u.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u (oid)"               \
	" UNION SELECT i.inhrelid FROM below JOIN pg_catalog.pg_inherits i ON i.inhparent = "          \
	"below.oid),"                                                                                  \
	" keyed AS (SELECT oid FROM below"                                                             \
	" UNION SELECT i.inhparent FROM keyed JOIN pg_catalog.pg_inherits i ON i.inhrelid = "          \
	"keyed.oid)"

static const char names_query[] =
	"WITH RECURSIVE " RELATIONS " SELECT c.oid, n.nspname, c.relname"
	" FROM below JOIN pg_catalog.pg_class c ON c.oid = below.oid AND c.relkind IN ('r', 'p')"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid";

/*
 * Whose the expressions are that are not harmless.  What they call is in
 * pg_depend; a table's owner has written them, and those of partitions of
 * others may have been written by the owner of the root.  An operator of a
 * superuser can rest on a function of somebody else.
 */
static const char code_query[] =
	"WITH RECURSIVE " RELATIONS ", expressions AS ("
	"SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class,"
	"  i.indexrelid AS object, i.indrelid AS relation, x.expression::pg_catalog.text AS text,"
	"  i.indclass::pg_catalog.oid[] AS classes,"
	"  pg_catalog.format('index %I', c.relname) AS what, c.relowner AS owner"
	"  FROM below JOIN pg_catalog.pg_index i ON i.indrelid = below.oid"
	"  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid,"
	"  LATERAL (VALUES (i.indexprs), (i.indpred)) AS x (expression)"
	" UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, s.stxrelid,"
	"  s.stxexprs::pg_catalog.text, NULL, pg_catalog.format('statistics %I', s.stxname), s.stxowner"
	"  FROM below JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = below.oid"
	" UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, p.partrelid, p.partrelid,"
	"  p.partexprs::pg_catalog.text, p.partclass::pg_catalog.oid[], 'the partition key', NULL"
	"  FROM keyed JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = keyed.oid),"
	" code AS (SELECT e.class, e.object, e.owner, c.relowner,"
	"  pg_catalog.format('%s of table %I.%I', e.what, n.nspname, c.relname) AS what"
	"  FROM expressions e JOIN pg_catalog.pg_class c ON c.oid = e.relation"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	"  WHERE (e.text IS NOT NULL AND NOT " EXPRESSION_IS_HARMLESS(
		"e.text") ")"
				  "  OR EXISTS (SELECT FROM pg_catalog.unnest(e.classes) AS u (class)"
				  "   WHERE NOT " CLASS_IS_PLAIN(
					  "u.class") ")),"
								 " things AS (SELECT what, class, object FROM code"
								 " UNION SELECT t.what, d.class, d.object FROM things t, LATERAL "
								 "(" CODE_NEXT ") d),"
								 " owners AS (SELECT what, relowner AS o FROM code"
								 " UNION ALL SELECT what, owner FROM code WHERE owner IS NOT NULL"
								 " UNION ALL SELECT t.what, f.proowner FROM things t"
								 "  JOIN pg_catalog.pg_proc f ON f.oid = t.object"
								 "  AND t.class = 'pg_catalog.pg_proc'::pg_catalog.regclass"
								 " UNION ALL SELECT t.what, y.typowner FROM things t"
								 "  JOIN pg_catalog.pg_type y ON y.oid = t.object AND y.typtype IN "
								 "('d', 'c', 'r')"
								 "  AND t.class = 'pg_catalog.pg_type'::pg_catalog.regclass"
								 " UNION ALL SELECT t.what, v.relowner FROM things t"
								 "  JOIN pg_catalog.pg_rewrite w ON w.oid = t.object"
								 "  AND t.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
								 "  JOIN pg_catalog.pg_class v ON v.oid = w.ev_class)"
								 "SELECT (SELECT pg_catalog.min(what) FROM code),"
								 " (SELECT pg_catalog.min(owners.what) FROM owners"
								 "  LEFT JOIN pg_catalog.pg_roles r ON r.oid = owners.o"
								 "  WHERE NOT COALESCE(" ROW_ROLE_IS_TRUSTED ", false))";

static bool
lock_names(Connection *connection, const PGresult *names)
{
	SqlText sql;
	bool good;
	int i;

	sql_init(&sql);
	for (i = 0; i < PQntuples(names); i++)
	{
		if (i == 0)
			sql_append(&sql, "LOCK TABLE ONLY ");
		else
			sql_append(&sql, ", ONLY ");
		sql_qualified(&sql, PQgetvalue(names, i, 1), PQgetvalue(names, i, 2));
	}
	if (i > 0)
		sql_append(&sql, " IN SHARE UPDATE EXCLUSIVE MODE");
	good = i == 0 || connection_command(connection, &sql);
	sql_free(&sql);
	return good;
}

static bool
are_same(const PGresult *one, const PGresult *other)
{
	bool same = PQntuples(one) == PQntuples(other);
	int i;

	for (i = 0; same && i < PQntuples(one); i++)
		same = strcmp(PQgetvalue(one, i, 0), PQgetvalue(other, i, 0)) == 0 &&
			   strcmp(PQgetvalue(one, i, 1), PQgetvalue(other, i, 1)) == 0 &&
			   strcmp(PQgetvalue(one, i, 2), PQgetvalue(other, i, 2)) == 0;
	return same;
}

/* Lock what has the names now; *same if these were the right tables, and all of them. */
static bool
lock_round(Connection *connection, const char *relations, bool *same)
{
	PGresult *before = connection_query(connection, names_query, 1, &relations);
	PGresult *after = NULL;

	if (before != NULL && lock_names(connection, before))
		after = connection_query(connection, names_query, 1, &relations);
	*same = after != NULL && are_same(before, after);
	PQclear(before);
	if (after == NULL)
		return false;
	PQclear(after);
	return true;
}

static bool
lock_all(Connection *connection, const char *relations)
{
	bool same = false;
	int round;

	for (round = 0; round < MAX_LOCK_ROUNDS && !same; round++)
	{
		if (!lock_round(connection, relations, &same))
			return false;
	}
	return same || report_error(EXIT_FAILED, NULL, "Try again.",
								"tables are replaced by others all the time");
}

bool
planner_code_lock(const Settings *settings, Connection *connection, const char *relations)
{
	bool at_stake;
	char *role;

	if (!session_rights_at_stake(settings, connection, &at_stake))
		return false;
	if (!at_stake)
		return true;
	role = session_rights_suspend_role(connection);
	if (role == NULL)
		return false;
	if (lock_all(connection, relations))
		return session_rights_resume_role(connection, role);
	free(role);
	return false;
}

bool
planner_code_read(Connection *connection, const char *relations, PlannerCode *code)
{
	PGresult *result = connection_query(connection, code_query, 1, &relations);

	code->code = code->others = NULL;
	if (result != NULL && !PQgetisnull(result, 0, 0))
		code->code = xstrdup(PQgetvalue(result, 0, 0));
	if (result != NULL && !PQgetisnull(result, 0, 1))
		code->others = xstrdup(PQgetvalue(result, 0, 1));
	PQclear(result);
	return result != NULL;
}

void
planner_code_free(PlannerCode *code)
{
	free(code->code);
	free(code->others);
	code->code = code->others = NULL;
}
