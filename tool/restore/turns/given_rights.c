/*-------------------------------------------------------------------------
 *
 * given_rights.c
 *	  What an author gets for its turn, and may use for one object alone.
 *
 * CREATE on a schema lets the author's code make the object of the entry, and
 * the counts of changed catalog rows (definitions.c) say that it makes nothing
 * else.  But they are only limits: an index changes its table's row in
 * pg_class, and for a table there may be any number of changes.  A sequence or
 * an index has its name in that catalog alone, and a tablespace is written
 * nowhere else.  So code could rename a sequence to a name of its choice in a
 * schema where it may create nothing, and take a table into a tablespace.
 *
 * So what can be reached by the rights that were given is compared itself:
 * relations of the schema, and all relations if it is a tablespace.  Another
 * session may change relations meanwhile, but not those that are locked by
 * ours, as everything is that was changed here.
 *
 *-------------------------------------------------------------------------
 */
#include "given_rights.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "sql_build.h"

/* What $1 lacks: CREATE on schema $2, and on tablespace $3. */
static const char rights_query[] =
	"SELECT n.nspname, true FROM pg_catalog.pg_roles r, pg_catalog.pg_namespace n"
	" WHERE r.rolname = $1::pg_catalog.name AND n.nspname = $2::pg_catalog.name"
	"  AND NOT pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE')"
	" UNION ALL SELECT t.spcname, false FROM pg_catalog.pg_roles r,"
	"  pg_catalog.pg_tablespace t"
	" WHERE r.rolname = $1::pg_catalog.name AND t.spcname = $3::pg_catalog.name"
	"  AND NOT pg_catalog.has_tablespace_privilege(r.oid, t.oid, 'CREATE')";

#define STATE_OF_RELATION                                                                          \
	"pg_catalog.hashtextextended(pg_catalog.format('%s %s %s %s', c.relname, c.relnamespace,"      \
	" c.relowner, c.reltablespace), 0)"

/* Relations of schema $1, or ($2) all of them; they are many in some databases. */
static const char before_query[] =
	"SELECT pg_catalog.array_agg(c.oid ORDER BY c.oid),"
	" pg_catalog.array_agg(" STATE_OF_RELATION " ORDER BY c.oid)"
	" FROM pg_catalog.pg_class c WHERE c.relpersistence <> 't' AND c.relkind <> 't'"
	" AND c.oid >= 16384 AND ($2::pg_catalog.bool OR c.relnamespace ="
	"  (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1::pg_catalog.name))";

/* What is not the same, and was changed by us. */
static const char changed_query[] =
	"SELECT pg_catalog.min(c.oid::pg_catalog.regclass::pg_catalog.text)"
	" FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),"
	"  pg_catalog.unnest($2::pg_catalog.int8[])) b (oid, state)"
	" JOIN pg_catalog.pg_class c ON c.oid = b.oid WHERE " STATE_OF_RELATION " <> b.state"
	" AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid()"
	"  AND l.locktype = 'relation' AND l.granted AND l.relation = c.oid AND l.database ="
	"   (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
	"  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))";

static bool
is_schema(const PGresult *rights, int row)
{
	return PQgetvalue(rights, row, 1)[0] == 't';
}

/* "GRANT CREATE ON SCHEMA s TO joe", or back. */
static bool
give(Connection *connection, const char *owner, const PGresult *rights, bool back)
{
	bool good = true;
	SqlText sql;
	int i;

	for (i = 0; good && i < PQntuples(rights); i++)
	{
		sql_init(&sql);
		if (back)
			sql_append(&sql, "REVOKE CREATE");
		else
			sql_append(&sql, "GRANT CREATE");
		if (is_schema(rights, i))
			sql_append(&sql, " ON SCHEMA ");
		else
			sql_append(&sql, " ON TABLESPACE ");
		sql_identifier(&sql, PQgetvalue(rights, i, 0));
		if (back)
			sql_append(&sql, " FROM ");
		else
			sql_append(&sql, " TO ");
		sql_identifier(&sql, owner);
		good = connection_command(connection, &sql);
		sql_free(&sql);
	}
	return good;
}

static bool
read_relations(Connection *connection, const char *schema, GivenRights *rights)
{
	const char *params[2] = {schema, "f"};
	int i;

	for (i = 0; i < PQntuples(rights->rights); i++)
	{
		if (!is_schema(rights->rights, i))
			params[1] = "t";
	}
	rights->before = connection_query(connection, before_query, 2, params);
	return rights->before != NULL;
}

bool
given_rights_needed(Connection *connection, const TocEntry *entry, const char *schema, bool *needed)
{
	const char *params[3] = {entry->owner, schema, entry->tablespace};
	PGresult *result = connection_query(connection, rights_query, 3, params);

	*needed = result != NULL && PQntuples(result) > 0;
	PQclear(result);
	return result != NULL;
}

bool
given_rights_give(Connection *connection, const TocEntry *entry, const char *schema,
				  GivenRights *rights)
{
	const char *params[3] = {entry->owner, schema, entry->tablespace};

	rights->before = NULL;
	rights->rights = connection_query(connection, rights_query, 3, params);
	if (rights->rights == NULL || PQntuples(rights->rights) == 0)
		return rights->rights != NULL;
	return read_relations(connection, schema, rights) &&
		   give(connection, entry->owner, rights->rights, false);
}

static bool
refuse(const TocEntry *entry, const char *relation)
{
	char *label = toc_entry_label(entry);

	report_error(EXIT_FAILED,
				 "Code of the live database did that in the transaction of this restore.",
				 ROWS_AS_SESSION_HINT,
				 "the name, schema, owner or tablespace of %s was changed while %s was restored",
				 relation, label);
	free(label);
	return false;
}

bool
given_rights_take(Connection *connection, const TocEntry *entry, const GivenRights *rights)
{
	const char *params[2];
	PGresult *changed;
	bool good;

	if (rights->before == NULL)
		return true;
	if (!give(connection, entry->owner, rights->rights, true))
		return false;
	/* There may have been no relations. */
	if (PQgetisnull(rights->before, 0, 0))
		return true;
	params[0] = PQgetvalue(rights->before, 0, 0);
	params[1] = PQgetvalue(rights->before, 0, 1);
	changed = connection_query(connection, changed_query, 2, params);
	good = changed != NULL;
	if (good && !PQgetisnull(changed, 0, 0))
		good = refuse(entry, PQgetvalue(changed, 0, 0));
	PQclear(changed);
	return good;
}

void
given_rights_free(GivenRights *rights)
{
	PQclear(rights->rights);
	PQclear(rights->before);
	rights->rights = rights->before = NULL;
}
