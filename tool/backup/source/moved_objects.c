/*-------------------------------------------------------------------------
 *
 * moved_objects.c
 *	  Objects that were renamed, rebuilt or dropped since the snapshot.
 *
 * pg_dump reads the catalogs on our snapshot, but the definitions that the
 * server puts into words (pg_get_indexdef() and its like) speak of the
 * present.  Tables are locked; nobody can lock a function, a type, a view, or
 * the name of an index.  An index that REINDEX CONCURRENTLY swaps in between is dumped as
 * "CREATE INDEX name_ccold", and its comment under the old name: a dump that cannot be restored.
 * The same with a function that is dropped or a schema that is renamed.  It takes a moment that is
 * seldom hit, so it is not prevented but found: names before and after, and if they differ, the
 * backup begins again (backup.c).
 *
 * A schema that is renamed and renamed back has the same name again, and in between its owner had
 * another table, or function, where the schema has that of a superuser.  So where a schema holds
 * what belongs to others than its owner, who may do that, the transaction that has last changed
 * its row counts as well.  That may have been a GRANT, which is harmless; but nothing tells.
 *
 * Comparing is left to the server, which gets the old names as one parameter: a session sees
 * either the snapshot or the present.
 *
 *-------------------------------------------------------------------------
 */
#include "moved_objects.h"

#include "code_of_others.h"
#include "memory.h"

#define SHOWN "10"

/*
 * kind, id and name of whatever a definition may name.  Not the array types, whose names give way
 * to others, and not the row types, which have their relation's name.
 */
#define NAMES_QUERY(WHICH_SCHEMAS)                                                                 \
	"names (kind, id, name) AS ("                                                                  \
	" WITH schema AS (SELECT oid, nspname FROM pg_catalog.pg_namespace"                            \
	"  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')"                               \
	" SELECT 'schema', oid::text, pg_catalog.quote_ident(nspname) FROM schema"                     \
	" UNION ALL SELECT CASE WHEN relkind IN ('i', 'I') THEN 'index' ELSE 'relation' END,"          \
	"  c.oid::text, pg_catalog.format('%I.%I', nspname, relname)"                                  \
	"  FROM pg_catalog.pg_class c JOIN schema ON schema.oid = relnamespace"                        \
	" UNION ALL SELECT 'column', c.oid || '.' || attnum,"                                          \
	"  pg_catalog.format('%I.%I.%I', nspname, relname, attname)"                                   \
	"  FROM pg_catalog.pg_class c JOIN schema ON schema.oid = relnamespace"                        \
	"  JOIN pg_catalog.pg_attribute a ON attrelid = c.oid"                                         \
	"  WHERE relkind IN ('v', 'm', 'c') AND attnum > 0 AND NOT attisdropped"                       \
	" UNION ALL SELECT 'function', p.oid::text, pg_catalog.format('%I.%I', nspname, proname)"      \
	"  FROM pg_catalog.pg_proc p JOIN schema ON schema.oid = pronamespace"                         \
	" UNION ALL SELECT 'type', t.oid::text, pg_catalog.format('%I.%I', nspname, typname)"          \
	"  FROM pg_catalog.pg_type t JOIN schema ON schema.oid = typnamespace"                         \
	"  WHERE typrelid = 0 AND typcategory <> 'A'"                                                  \
	" UNION ALL SELECT 'statistics', s.oid::text, pg_catalog.format('%I.%I', nspname, stxname)"    \
	"  FROM pg_catalog.pg_statistic_ext s JOIN schema ON schema.oid = stxnamespace"                \
	" UNION ALL SELECT 'label', e.oid::text,"                                                      \
	"  pg_catalog.format('%L of enum %I.%I', enumlabel, nspname, typname)"                         \
	"  FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = enumtypid"                   \
	"  JOIN schema ON schema.oid = typnamespace"                                                   \
	" UNION ALL SELECT 'operator', o.oid::text, pg_catalog.format('%I.%s', nspname, oprname)"      \
	"  FROM pg_catalog.pg_operator o JOIN schema ON schema.oid = oprnamespace"                     \
	" UNION ALL SELECT 'operator class', o.oid::text,"                                             \
	"  pg_catalog.format('%I.%I', nspname, opcname)"                                               \
	"  FROM pg_catalog.pg_opclass o JOIN schema ON schema.oid = opcnamespace"                      \
	" UNION ALL SELECT 'collation', c.oid::text, pg_catalog.format('%I.%I', nspname, collname)"    \
	"  FROM pg_catalog.pg_collation c JOIN schema ON schema.oid = collnamespace"                   \
	" UNION ALL SELECT 'text search configuration', c.oid::text,"                                  \
	"  pg_catalog.format('%I.%I', nspname, cfgname)"                                               \
	"  FROM pg_catalog.pg_ts_config c JOIN schema ON schema.oid = cfgnamespace"                    \
	" UNION ALL SELECT 'change of schema', n.oid::text,"                                           \
	"  pg_catalog.format('%I, which transaction %s has made', n.nspname, n.xmin)"                  \
	"  FROM pg_catalog.pg_namespace n WHERE " WHICH_SCHEMAS ")"

#define OWNER_OF_SCHEMA                                                                            \
	"(CASE WHEN n.nspowner = 'pg_database_owner'::pg_catalog.regrole THEN (SELECT b.datdba"        \
	" FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())"              \
	" ELSE n.nspowner END)"

/*
 * Can somebody else than an equal of ours rename the schema, in which others than its owner have
 * something that pg_dump or a COPY finds by name?
 */
#define AT_STAKE                                                                                   \
	"NOT " SCHEMA_OF_EQUALS " AND n.nspname !~ '^pg_' AND ("                                       \
	"EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid"                       \
	" AND c.relowner <> " OWNER_OF_SCHEMA ")"                                                      \
	" OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid"                    \
	" AND p.proowner <> " OWNER_OF_SCHEMA ")"                                                      \
	" OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = n.oid"                    \
	" AND t.typowner <> " OWNER_OF_SCHEMA ")"                                                      \
	" OR EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprnamespace = n.oid"                \
	" AND o.oprowner <> " OWNER_OF_SCHEMA "))"

static const SqlConstant names_query = SQL(
	"WITH " NAMES_QUERY(AT_STAKE) " SELECT coalesce(pg_catalog.json_agg("
								  "pg_catalog.json_build_array(kind, id, name)), '[]') FROM names");

/* $1: the names before; $2: the only kinds to look at, or NULL. */
static const SqlConstant moved_query = SQL("WITH " NAMES_QUERY(
	"true") ", before AS ("
			" SELECT one ->> 0 AS kind, one ->> 1 AS id, one ->> 2 AS name"
			"  FROM pg_catalog.json_array_elements($1::json) one),"
			" moved AS ("
			" SELECT before.kind || ' ' || before.name AS what FROM before"
			"  LEFT JOIN names USING (kind, id)"
			"  WHERE names.name IS DISTINCT FROM before.name AND (before.kind = ANY ($2::text[])) "
			"IS "
			"NOT FALSE"
			"  ORDER BY before.kind IN ('column', 'label'), 1)"
			" SELECT pg_catalog.array_to_string((pg_catalog.array_agg(what))[:" SHOWN "], ', ')"
			"  || CASE WHEN count(*) > " SHOWN " THEN ', ...' ELSE '' END FROM moved");

char *
moved_objects_names(Connection *connection)
{
	PGresult *result = connection_query(connection, names_query, 0, NULL);
	char *names = result != NULL ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;

	PQclear(result);
	return names;
}

bool
moved_objects_find(Connection *connection, const char *names, MovedScope scope, char **moved)
{
	const char *const parameters[] = {
		names, scope == MOVED_IN_ROWS ? "{label,schema,change of schema}" : NULL};
	PGresult *result = connection_query(connection, moved_query, 2, parameters);

	*moved = NULL;
	if (result == NULL)
		return false;
	if (!PQgetisnull(result, 0, 0))
		*moved = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
}
