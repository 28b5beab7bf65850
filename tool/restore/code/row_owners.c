/*-------------------------------------------------------------------------
 *
 * row_owners.c
 *	  Who owns a live table, for a session that is not a superuser's.
 *
 * A superuser looks at what a table runs, and locks it, what it refers to and
 * the names of schemas, so that the answer lasts.  Anybody else may not: an
 * index on a referenced table, a trigger on a partition, another table under
 * the name can be made while the rows are copied.  So here it counts who could
 * do that, and not what is there.  Rows are added
 *
 * - as the session, if tables, partitions, the tables that foreign keys refer
 *   to, and the schemas of all these belong to superusers or to the role of the
 *   session;
 * - in a turn of the table's owner (owner_turn.c), if the session is a member
 *   of that role, and table, partitions and schemas belong to it, or to those
 *   above.  What is referred to is checked as its owner there, and that leaves
 *   nothing behind.
 *
 * Everything else is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "row_owners.h"

#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "session_rights.h"

/* Relations (oid, own) with their schemas, and those of them that belong to others. */
#define OTHERS                                                                                     \
	" things AS (SELECT u.own, c.relowner AS role, pg_catalog.format('table %I.%I', n.nspname,"    \
	"    c.relname) AS what"                                                                       \
	"   FROM relations u JOIN pg_catalog.pg_class c ON c.oid = u.oid"                              \
	"   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                  \
	"  UNION ALL SELECT u.own, CASE n.nspowner WHEN 'pg_database_owner'::pg_catalog.regrole"       \
	"    THEN d.datdba ELSE n.nspowner END, pg_catalog.format('schema %I', n.nspname)"             \
	"   FROM relations u JOIN pg_catalog.pg_class c ON c.oid = u.oid"                              \
	"   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, pg_catalog.pg_database d"        \
	"   WHERE d.datname = pg_catalog.current_database()),"                                         \
	" others AS (SELECT things.own, things.role, things.what AS thing,"                            \
	"   pg_catalog.format('%s belongs to \"%s\"', things.what, r.rolname) AS what"                 \
	"  FROM things JOIN pg_catalog.pg_roles r ON r.oid = things.role"                              \
	"  WHERE NOT " ROW_ROLE_IS_TRUSTED ")"

static const char owners_query[] =
	"WITH RECURSIVE tree AS (SELECT $1::pg_catalog.oid AS oid UNION SELECT p.relid::pg_catalog.oid"
	"  FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p),"
	" referenced AS (SELECT f.confrelid AS oid FROM pg_catalog.pg_constraint f"
	"   WHERE f.contype = 'f' AND f.conrelid = ANY (ARRAY(SELECT oid FROM tree))"
	"  UNION SELECT i.inhrelid FROM referenced r JOIN pg_catalog.pg_inherits i"
	"   ON i.inhparent = r.oid),"
	" relations AS (SELECT oid, true AS own FROM tree"
	"  UNION ALL SELECT oid, false FROM referenced WHERE oid <> ALL (ARRAY(SELECT oid FROM "
	"tree)))," OTHERS "SELECT (SELECT pg_catalog.min(what) FROM others),"
	" (SELECT pg_catalog.min(what) FROM others WHERE own AND role <> c.relowner),"
	" NOT o.rolsuper AND pg_catalog.pg_has_role(SESSION_USER, c.relowner, 'MEMBER'), o.rolname"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner"
	" WHERE c.oid = $1::pg_catalog.oid";

static const char tables_query[] =
	"WITH RECURSIVE relations AS (SELECT u.oid, true AS own"
	"   FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u (oid)"
	"  UNION SELECT i.inhrelid, true FROM relations r JOIN pg_catalog.pg_inherits i"
	"   ON i.inhparent = r.oid)," OTHERS "SELECT pg_catalog.min(thing) FROM others";

enum
{
	OWNERS_OTHERS,  /* something that belongs to others, or NULL */
	OWNERS_FOREIGN, /* the same of the table itself, where the owner of the table counts as well */
	OWNERS_MEMBER,
	OWNERS_OWNER
};

static bool
refuse(const PGresult *result, const char *shown)
{
	bool foreign = !PQgetisnull(result, 0, OWNERS_FOREIGN);
	char *detail = xasprintf(
		"You are not a superuser%s, and %s, so that it could be changed meanwhile.",
		PQgetvalue(result, 0, OWNERS_MEMBER)[0] == 't' ? "" : ", nor a member of its owner",
		PQgetvalue(result, 0, foreign ? OWNERS_FOREIGN : OWNERS_OTHERS));

	report_error(EXIT_FAILED, detail, ROWS_AS_SESSION_HINT,
				 "could not add rows to table %s without running code of others", shown);
	free(detail);
	return false;
}

bool
row_owners_decide(Connection *connection, const char *oid, const char *shown, bool *turn)
{
	PGresult *result = connection_query(connection, owners_query, 1, &oid);
	bool good = result != NULL;

	*turn = false;
	if (good && PQntuples(result) != 1)
		good = report_error(EXIT_FAILED, NULL, "Try again.", "table %s was replaced by another one",
							shown);
	else if (good && !PQgetisnull(result, 0, OWNERS_OTHERS))
	{
		*turn = PQgetvalue(result, 0, OWNERS_MEMBER)[0] == 't' &&
				PQgetisnull(result, 0, OWNERS_FOREIGN);
		good = *turn || refuse(result, shown);
	}
	if (*turn)
		log_debug("table %s: rows are added as \"%s\"", shown, PQgetvalue(result, 0, OWNERS_OWNER));
	PQclear(result);
	return good;
}

bool
row_owners_ask(Connection *connection, const char *oid, RowOwners *answer, char **owner)
{
	PGresult *result = connection_query(connection, owners_query, 1, &oid);

	*answer = ROW_OWNERS_NOBODY;
	*owner = NULL;
	if (result == NULL)
		return false;
	if (PQntuples(result) == 1)
	{
		*owner = xstrdup(PQgetvalue(result, 0, OWNERS_OWNER));
		if (PQgetisnull(result, 0, OWNERS_OTHERS))
			*answer = ROW_OWNERS_SESSION;
		else if (PQgetvalue(result, 0, OWNERS_MEMBER)[0] == 't' &&
				 PQgetisnull(result, 0, OWNERS_FOREIGN))
			*answer = ROW_OWNERS_TURN;
	}
	PQclear(result);
	return true;
}

bool
row_owners_of_tables(Connection *connection, const char *tables, char **others)
{
	PGresult *result = connection_query(connection, tables_query, 1, &tables);

	*others = NULL;
	if (result != NULL && !PQgetisnull(result, 0, 0))
		*others = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return result != NULL;
}
