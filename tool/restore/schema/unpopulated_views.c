/*-------------------------------------------------------------------------
 *
 * unpopulated_views.c
 *	  Materialized views that do not show what --append has added.
 *
 * After "restore --schema-only" none has rows, and a query of one is an error;
 * nothing that adds rows to the tables changes that.  They are named and not
 * filled: a REFRESH runs what its owner has written, and takes as long as it
 * likes, and --append promises rows of tables, in one transaction.  Those that
 * have rows are as old as they were before, which their users know.
 *
 *-------------------------------------------------------------------------
 */
#include "unpopulated_views.h"

#include <stdlib.h>

#include "memory.h"

/* Views over these tables or what they are partitions or children of, directly or by other views.
 */
static const char views_query[] =
	"WITH RECURSIVE filled (oid) AS ("
	" SELECT u.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u (oid)"
	" UNION"
	" SELECT n.oid FROM filled f, LATERAL ("
	"  SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = f.oid"
	"  UNION ALL"
	"  SELECT r.ev_class FROM pg_catalog.pg_depend d"
	"   JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid"
	"   WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = f.oid"
	"    AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass) AS n (oid))"
	" SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM filled f"
	" JOIN pg_catalog.pg_class c ON c.oid = f.oid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY c.oid";

bool
unpopulated_views_note(const RestorePlan *plan, Connection *connection, const char *tables)
{
	const char *params[] = {tables};
	PGresult *result = connection_query(connection, views_query, 1, params);
	bool good = result != NULL;
	int i;

	plan->result->unpopulated = xcalloc(1, sizeof(Lines));
	for (i = 0; good && i < PQntuples(result); i++)
		lines_add(plan->result->unpopulated, xstrdup(PQgetvalue(result, i, 0)));
	PQclear(result);
	return good;
}
