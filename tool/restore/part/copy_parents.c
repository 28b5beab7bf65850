/*-------------------------------------------------------------------------
 *
 * copy_parents.c
 *	  --as: a copy is not a child of a table that lives.
 *
 * A table that inherits has only its own columns in CREATE TABLE; all others
 * come from its parents.  So it is created as their child, as the backup says.
 * Beside the live table that would be wrong: whoever reads the parent would
 * see the rows of both.  Taken out again, the copy keeps its columns and
 * constraints.  To write the columns into the statement instead would need
 * what the parents say of them: defaults, NOT NULL, checks, collations.
 *
 * Partitions are no matter: they are attached by a statement of their own,
 * which --as leaves out (selection_closure.c).
 *
 *-------------------------------------------------------------------------
 */
#include "copy_parents.h"

#include "memory.h"
#include "sql_build.h"

/* Of the tables in $1: parents that are none of them. */
static const char parents_query[] =
	"WITH made AS (SELECT pg_catalog.to_regclass(name)::pg_catalog.oid AS oid"
	"  FROM pg_catalog.unnest($1::pg_catalog.text[]) AS m (name))"
	" SELECT n.nspname, c.relname, pn.nspname, p.relname FROM made"
	"  JOIN pg_catalog.pg_class c ON c.oid = made.oid AND NOT c.relispartition"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	"  JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid"
	"  JOIN pg_catalog.pg_class p ON p.oid = i.inhparent"
	"  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace"
	" WHERE i.inhparent NOT IN (SELECT made.oid FROM made WHERE made.oid IS NOT NULL)"
	" ORDER BY 1, 2, i.inhseqno";

enum
{
	CHILD_SCHEMA,
	CHILD_NAME,
	PARENT_SCHEMA,
	PARENT_NAME
};

static bool
leave(const RestorePlan *plan, Connection *connection, const PGresult *parents, int row)
{
	const char *schema = PQgetvalue(parents, row, CHILD_SCHEMA);
	const char *name = PQgetvalue(parents, row, CHILD_NAME);
	const char *parent_schema = PQgetvalue(parents, row, PARENT_SCHEMA);
	const char *parent = PQgetvalue(parents, row, PARENT_NAME);
	SqlText sql;
	bool good;

	sql_init(&sql);
	sql_append(&sql, "ALTER TABLE ONLY ");
	sql_qualified(&sql, schema, name);
	sql_append(&sql, " NO INHERIT ");
	sql_qualified(&sql, parent_schema, parent);
	good = connection_command(connection, sql_string(&sql));
	sql_free(&sql);
	if (good)
		lines_add(&plan->selection->left_out,
				  xasprintf("INHERITS of %s.%s (%s.%s would show its rows, too)", schema, name,
							parent_schema, parent));
	return good;
}

bool
copy_parents_leave(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const char *params[1];
	PGresult *parents;
	Buffer tables;
	bool good;
	int i;

	if (map->count == 0)
		return true;
	buffer_init(&tables);
	rename_list_tables(plan->selection, map, &tables);
	params[0] = tables.data;
	parents = connection_query(connection, parents_query, 1, params);
	good = parents != NULL;
	for (i = 0; good && i < PQntuples(parents); i++)
		good = leave(plan, connection, parents, i);
	PQclear(parents);
	buffer_free(&tables);
	return good;
}
