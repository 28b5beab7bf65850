/*-------------------------------------------------------------------------
 *
 * default_grants.c
 *	  Keeping the default privileges of a live database away from what is
 *	  restored into it.
 *
 * A backup holds an object's grants as their difference to what a new object
 * has by itself.  Where ALTER DEFAULT PRIVILEGES was used, a new object has
 * more (or less) than that, and the restored table would be readable by
 * roles that could not read the original.  With --no-privileges it keeps what
 * such privileges give, but not before everything that protects it is there.
 *
 *-------------------------------------------------------------------------
 */
#include "default_grants.h"

#include <string.h>

#include "memory.h"

/* How an object of a kind is found: a query for acl, owner, letter for acldefault(), and name. */
typedef struct KindOfObject
{
	const char *kinds[6];
	const char *query;
} KindOfObject;

static const KindOfObject kinds_of_objects[] = {
	{{"TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "SEQUENCE"},
	 "SELECT relacl AS acl, relowner AS owner, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END AS "
	 "letter,"
	 " CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END"
	 "  || pg_catalog.format('%I.%I', nspname, relname) AS object"
	 " FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace"
	 " WHERE nspname = $1::pg_catalog.name AND relname = $2::pg_catalog.name"},
	{{"FUNCTION", "PROCEDURE", "AGGREGATE"},
	 "SELECT proacl AS acl, proowner AS owner, 'f' AS letter,"
	 " 'ROUTINE ' || p.oid::pg_catalog.regprocedure AS object"
	 " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace"
	 " WHERE nspname = $1::pg_catalog.name AND pg_catalog.format('%s(%s)', proname,"
	 "  CASE WHEN prokind = 'a' AND pronargs = 0 THEN '*'"
	 "  ELSE pg_catalog.oidvectortypes(proargtypes) END) = $2::pg_catalog.text"},
	{{"TYPE", "DOMAIN"},
	 "SELECT typacl AS acl, typowner AS owner, 'T' AS letter,"
	 " 'TYPE ' || pg_catalog.format('%I.%I', nspname, typname) AS object"
	 " FROM pg_catalog.pg_type JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace"
	 " WHERE nspname = $1::pg_catalog.name AND typname = $2::pg_catalog.name"},
	{{"SCHEMA"},
	 "SELECT nspacl AS acl, nspowner AS owner, 'n' AS letter,"
	 " 'SCHEMA ' || pg_catalog.quote_ident(nspname) AS object FROM pg_catalog.pg_namespace"
	 " WHERE $1 = '' AND nspname = $2::pg_catalog.name"},
};

/*
 * Statements that change the privileges which an object has, if it has others
 * than a new one by itself, to these; or ($3) back again.
 */
static PGresult *
find_statements(Connection *connection, const char *query, const char *schema, const char *name,
				bool back)
{
	const char *params[3] = {schema, name, back ? "t" : "f"};
	PGresult *result;
	Buffer sql;

	buffer_init(&sql);
	buffer_printf(&sql,
				  "WITH o AS (%s), r AS (SELECT object, a.*, $3::pg_catalog.bool AS give FROM o,"
				  "  pg_catalog.aclexplode(o.acl) a WHERE o.acl IS NOT NULL"
				  " UNION ALL SELECT object, a.*, NOT $3::pg_catalog.bool FROM o,"
				  "  pg_catalog.aclexplode(pg_catalog.acldefault(letter::\"char\", owner)) a"
				  "  WHERE o.acl IS NOT NULL)"
				  "SELECT pg_catalog.format('%%s %%s ON %%s %%s %%s%%s',"
				  "  CASE WHEN give THEN 'GRANT' ELSE 'REVOKE' END, privilege_type, object,"
				  "  CASE WHEN give THEN 'TO' ELSE 'FROM' END,"
				  "  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE"
				  "   pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,"
				  "  CASE WHEN give AND is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"
				  " FROM r ORDER BY give",
				  query);
	result = connection_query(connection, sql.data, 3, params);
	buffer_free(&sql);
	return result;
}

static bool
reset_object(Connection *connection, const char *query, const char *schema, const char *name)
{
	PGresult *result = find_statements(connection, query, schema, name, false);
	bool good = result != NULL;
	int i;

	for (i = 0; good && i < PQntuples(result); i++)
		good = connection_command(connection, PQgetvalue(result, i, 0));
	PQclear(result);
	return good;
}

static const char *
query_of(const TocEntry *entry)
{
	size_t i;
	size_t k;

	for (i = 0; i < sizeof(kinds_of_objects) / sizeof(kinds_of_objects[0]); i++)
	{
		for (k = 0; kinds_of_objects[i].kinds[k] != NULL; k++)
		{
			if (toc_entry_is(entry, kinds_of_objects[i].kinds[k]))
				return kinds_of_objects[i].query;
		}
	}
	return NULL;
}

/* How the entry's object is found, and its name by now; NULL: it has no privileges of this kind. */
static const char *
find_object(const RenameMap *map, const TocEntry *entry, const char **schema, const char **name)
{
	const char *query = query_of(entry);
	const Renamed *renamed = NULL;

	if (query != NULL && toc_entry_is_relation(entry))
		renamed = rename_find(map, entry->schema, entry->tag);
	*schema = renamed != NULL ? renamed->schema : entry->schema;
	*name = renamed != NULL ? renamed->name : entry->tag;
	return query;
}

bool
default_grants_reset(Connection *connection, const RenameMap *map, const TocEntry *entry)
{
	const char *schema;
	const char *name;
	const char *query = find_object(map, entry, &schema, &name);

	return query == NULL || reset_object(connection, query, schema, name);
}

bool
default_grants_take(Connection *connection, const RenameMap *map, const TocEntry *entry,
					Lines *back)
{
	const char *schema;
	const char *name;
	const char *query = find_object(map, entry, &schema, &name);
	PGresult *result;
	int i;

	if (query == NULL)
		return true;
	result = find_statements(connection, query, schema, name, true);
	if (result == NULL)
		return false;
	for (i = 0; i < PQntuples(result); i++)
		lines_add(back, xstrdup(PQgetvalue(result, i, 0)));
	PQclear(result);
	return reset_object(connection, query, schema, name);
}
