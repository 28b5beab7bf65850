/*-------------------------------------------------------------------------
 *
 * connect_cause.c
 *	  Why did a server not answer a new session?
 *
 * A session takes a lock of its database, and reads catalogs, before anything
 * can be asked of it: while somebody has locked these (DROP DATABASE that waits
 * for its turn, VACUUM FULL of a catalog) it waits, and is in no view.  What
 * locks there are, any other database of the server tells.
 *
 *-------------------------------------------------------------------------
 */
#include "connect_cause.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "interrupt.h"
#include "memory.h"
#include "quote.h"

#define PATIENCE 5

/* The database of a target, as libpq finds it; caller frees. */
static char *
database_of(const ConnectionTarget *target)
{
	const char *name = getenv("PGDATABASE");
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], "dbname") == 0)
			name = target->values[i];
	}
	return name != NULL && name[0] != '\0' ? xstrdup(name) : NULL;
}

/* Who has the lock, or waits for it with everybody behind; NULL if nobody.  Caller frees. */
static char *
ask(Connection *connection, const char *database)
{
	const char *parameters[1] = {database};
	PGresult *result = connection_ask(
		connection,
		SQL("SELECT l.pid, COALESCE(a.usename::pg_catalog.text, '?'), l.granted,"
			" CASE WHEN l.relation IS NULL THEN 'the database'"
			"  WHEN l.database OPERATOR(pg_catalog.=) '0'::pg_catalog.oid"
			"   THEN 'a catalog of all databases'"
			"  ELSE 'a catalog of the database' END"
			" FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d"
			"  ON (l.database OPERATOR(pg_catalog.=) d.oid"
			"   OR l.database OPERATOR(pg_catalog.=) '0'::pg_catalog.oid)"
			"   AND l.relation OPERATOR(pg_catalog.<) '16384'::pg_catalog.oid"
			"  OR l.locktype OPERATOR(pg_catalog.=) 'object'"
			"   AND l.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_database'::pg_catalog.regclass"
			"   AND l.objid OPERATOR(pg_catalog.=) d.oid"
			" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid"
			" WHERE d.datname OPERATOR(pg_catalog.=) $1"
			"  AND l.mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock'"
			" ORDER BY l.granted DESC, l.waitstart LIMIT 1"),
		1, parameters);
	char *text = NULL;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
	{
		char *role = printable_name(PQgetvalue(result, 0, 1));

		text = xasprintf("Process %s of role %s %s an AccessExclusiveLock of %s.",
						 PQgetvalue(result, 0, 0), role,
						 PQgetvalue(result, 0, 2)[0] == 't'
							 ? "holds"
							 : "waits, and new sessions wait behind it, for",
						 PQgetvalue(result, 0, 3));
		free(role);
	}
	PQclear(result);
	return text;
}

char *
connect_cause(const ConnectionTarget *target, const char *message, const char **hint)
{
	char *database = database_of(target);
	ConnectionTarget *other = NULL;
	Connection *connection = NULL;
	char *ignored = NULL;
	char *who = NULL;
	char *detail;

	if (database != NULL && !stop_requested() && connection_was_kept_waiting(message))
		other = target_with_database(target,
									 strcmp(database, "postgres") != 0 ? "postgres" : "template1");
	if (other != NULL)
	{
		other->patience = PATIENCE;
		connection = connection_try(other, &ignored);
		free(ignored);
	}
	if (connection != NULL)
	{
		who = ask(connection, database);
		connection_close(connection);
	}
	if (who != NULL)
		*hint = "pg_terminate_backend() ends that session; pg_stat_activity shows what it does.";
	detail = who != NULL ? xasprintf("%s.  %s", message, who) : xstrdup(message);
	target_free(other);
	free(database);
	free(who);
	return detail;
}
