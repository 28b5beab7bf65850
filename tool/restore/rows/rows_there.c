/*-------------------------------------------------------------------------
 *
 * rows_there.c
 *	  Which rows of a backup does a table have already?
 *
 * With --on-conflict=skip the server says how many rows it added.  The rest is
 * not there already for that reason: a trigger can swallow a row, and a unique
 * value of another row can keep one out.  Such a row is lost, so the two are
 * told apart by asking for keys: the primary key, or if there is none, any
 * other unique one.  A row with NULL in each of them was added.
 *
 *-------------------------------------------------------------------------
 */
#include "rows_there.h"

#include <stdlib.h>

#include "memory.h"

/*
 * Equality is what the index means by it; expressions and predicates are not
 * looked into.  Values are compared as the type that the operator is for, or
 * somebody could have made another operator of the name that fits the types of
 * the columns better.  Keys of children are not those of the table.  One join
 * for each key, as the server can only loop over both tables for a condition
 * with OR.
 */
static const char query_query[] =
	"WITH named AS (SELECT c.* FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r"
	"   ON r.rolname = COALESCE($3::pg_catalog.name, CURRENT_USER)"
	"  WHERE c.oid = pg_catalog.to_regclass($1::pg_catalog.text)"
	"  AND pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')"
	"  AND (NOT c.relrowsecurity OR r.rolsuper"
	"   OR (r.oid = c.relowner AND NOT c.relforcerowsecurity))),"
	" indexes AS (SELECT i.* FROM named JOIN pg_catalog.pg_index i ON i.indrelid = named.oid"
	"  WHERE i.indisunique AND i.indisvalid AND i.indexprs IS NULL AND i.indpred IS NULL),"
	" columns AS (SELECT i.indexrelid, u.place, a.attname, n.nspname, o.oprname,"
	"   pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,"
	"   CASE WHEN y.typtype <> 'p' THEN '::' || pg_catalog.format_type(y.oid, -1) ELSE '' END"
	"    AS compared,"
	"   a.attname::pg_catalog.text = ANY ($2::pg_catalog.text[])"
	"    AND (y.typtype <> 'p' OR n.nspname = 'pg_catalog') AS known"
	"  FROM indexes i, LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY u (number, place)"
	"  JOIN pg_catalog.pg_attribute a ON a.attnum = u.number"
	"  JOIN pg_catalog.pg_opclass p ON true"
	"  JOIN pg_catalog.pg_type y ON y.oid = p.opcintype"
	"  JOIN pg_catalog.pg_amop m ON m.amopfamily = p.opcfamily AND m.amopstrategy = 3"
	"   AND m.amoplefttype = p.opcintype AND m.amoprighttype = p.opcintype"
	"  JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
	"  WHERE a.attrelid = i.indrelid AND u.place <= i.indnkeyatts"
	"  AND p.oid = i.indclass[u.place::pg_catalog.int4 - 1]"
	"  AND (i.indisprimary OR NOT EXISTS (SELECT FROM indexes x WHERE x.indisprimary))),"
	" keys AS (SELECT pg_catalog.string_agg(pg_catalog.format("
	"   't.%I%s OPERATOR(%I.%s) r.%I::%s%s', attname, compared, nspname, oprname, attname, type,"
	"   compared), ' AND ' ORDER BY place) AS condition,"
	"   pg_catalog.string_agg(pg_catalog.format('r.%I IS NULL', attname), ' OR ' ORDER BY place)"
	"    AS null_key"
	"  FROM columns GROUP BY indexrelid HAVING pg_catalog.bool_and(known))"
	"SELECT pg_catalog.format('SELECT pg_catalog.count(*) FROM (%s UNION SELECT r.ctid "
	"FROM " ROW_STAGE " AS r WHERE %s) AS found',"
	"  pg_catalog.string_agg(pg_catalog.format('SELECT r.ctid FROM " ROW_STAGE " AS r WHERE EXISTS"
	"   (SELECT FROM %s%I.%I AS t WHERE %s)', CASE named.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END,"
	"   n.nspname, named.relname, keys.condition), ' UNION '),"
	"  pg_catalog.string_agg('(' || keys.null_key || ')', ' AND '))"
	" FROM named JOIN pg_catalog.pg_namespace n ON n.oid = named.relnamespace, keys"
	" HAVING pg_catalog.count(*) > 0";

bool
rows_there_query(const RowCopy *copy, const ManifestTable *source, const char *role, char **query)
{
	char *columns = row_copy_column_array(source);
	const char *params[3] = {copy->shown, columns, role};
	PGresult *result = connection_query(copy->connection, query_query, 3, params);

	free(columns);
	*query = NULL;
	if (result != NULL && PQntuples(result) == 1)
		*query = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return result != NULL;
}

uint64_t
rows_there_before(uint64_t rows, uint64_t added, uint64_t present)
{
	uint64_t before = present > added && present != ROWS_THERE_UNTOLD ? present - added : 0;

	return before < rows - added ? before : rows - added;
}
