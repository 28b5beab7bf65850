/*-------------------------------------------------------------------------
 *
 * row_parents.c
 *	  What a live table has taken over from tables of others.
 *
 * A table has the CHECK constraints, defaults, generated columns and triggers
 * of what it inherits or is a partition of.  They were written by the owner of
 * that table, and run with the rights of whoever adds rows to this one.  That
 * they call nothing but functions of PostgreSQL says nothing: query_to_xml()
 * runs what it is given.  So where a table computes anything that is not
 * harmless, all tables above it must belong to the role whose rights are used,
 * or to a superuser.  The same holds for partitions below it, which have
 * constraints of their own.
 *
 * What the archive says about the parents of a table that is attached only
 * after its rows is looked at in authors.c.
 *
 *-------------------------------------------------------------------------
 */
#include "row_parents.h"

#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"

static const char parents_query[] =
	"WITH RECURSIVE relations AS (SELECT $1::pg_catalog.oid AS oid"
	"  UNION SELECT p.relid::pg_catalog.oid"
	"   FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p"
	"  UNION SELECT i.inhparent FROM relations JOIN pg_catalog.pg_inherits i"
	"   ON i.inhrelid = relations.oid)"
	"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), r.rolname FROM relations"
	" JOIN pg_catalog.pg_class c ON c.oid = relations.oid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE c.oid <> $1::pg_catalog.oid AND NOT " ROW_ROLE_IS_TRUSTED
	" AND r.rolname::pg_catalog.text <> $2::pg_catalog.text ORDER BY 1 LIMIT 1";

bool
row_parents_check(Connection *connection, const char *oid, const char *shown,
				  const RowRights *rights)
{
	const char *params[2] = {oid, rights->as_owner ? rights->owner : ""};
	PGresult *result;
	char *detail;
	bool good;

	if (rights->code == NULL)
		return true;
	result = connection_query(connection, parents_query, 2, params);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		detail = xasprintf("It would run %s, which may come from table %s of \"%s\".", rights->code,
						   PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		good = report_error(EXIT_FAILED, detail, ROWS_AS_SESSION_HINT,
							"could not add rows to table %s without running code of others", shown);
		free(detail);
	}
	PQclear(result);
	return good;
}
