/*-------------------------------------------------------------------------
 *
 * extension_hold.c
 *	  Whose is the extension whose function is called?
 *
 * The catalog is called as a superuser, or as a role that reads everything,
 * often in a database of somebody else's.  A function of the extension does
 * what its owner says, and a role that was a superuser when it created the
 * extension, or was given it with REASSIGN OWNED, need not be one now; and
 * whoever owns the database can drop the schema that the extension is in, and
 * with it the extension, and give its names to functions of its own.  The
 * extension looks for that itself (extension/hold.c), but only once it is
 * reached: what is called by a name must be known to be the extension's before.
 *
 * No command of SQL holds an extension, or a function.  A table that is part of
 * it will do, as nothing of an extension is dropped before all of it is locked.
 * LOCK TABLE needs a right on the table, which whoever may report need not have.
 * PREPARE needs none, as rights are checked when a statement is run; it locks
 * the tables of the statement until the transaction ends, and runs nothing.
 * That the table is the extension's, then, is a question about our own locks.
 *
 * What else is in the schema nobody calls; and pg_depend is not asked what that
 * is.  A function, an index or a view of anybody depends on a schema that it has
 * as a constant, wherever it is itself, and there can be any number of those.
 *
 *-------------------------------------------------------------------------
 */
#include "extension_hold.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "quote.h"

#define IS " OPERATOR(pg_catalog.=) "

/* What is called and read by name; a call could mean another function instead, or a type. */
#define FUNCTIONS                                                                                  \
	"'{advance,claim,start,heartbeat,finish,record,setting,alarms_to_deliver,alarm_delivered}'"
#define RELATIONS "'{runs,backups}'"

#define OWNER_OF(kind, name, owner)                                                                \
	" UNION ALL SELECT '" kind " nex_backup.' OPERATOR(pg_catalog.||) o." name ", o." owner        \
	" FROM pg_catalog.pg_namespace n"

/* Objects of these names in schema nex_backup. */
#define NAMED(catalog, kind, name, owner, schema, names)                                           \
	OWNER_OF(kind, name, owner)                                                                    \
	" JOIN pg_catalog." catalog " o ON o." schema IS "n.oid AND o." name IS "ANY (" names          \
	"::pg_catalog.name[]) WHERE n.nspname" IS "'nex_backup'"

/* Parts of the extension that are in its schema. */
#define PARTS(catalog, kind, name, owner, schema)                                                  \
	OWNER_OF(kind, name, owner)                                                                    \
	" JOIN pg_catalog.pg_extension e ON e.extname" IS "n.nspname"                                  \
	" JOIN pg_catalog.pg_depend d ON d.refclassid" IS                                              \
	"'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid" IS "e.oid AND d.classid" IS    \
	"'pg_catalog." catalog "'::pg_catalog.regclass AND d.deptype" IS "'e'"                         \
	" JOIN pg_catalog." catalog " o ON o.oid" IS "d.objid AND o." schema IS "n.oid"                \
	" WHERE n.nspname" IS "'nex_backup'"

#define OBJECTS                                                                                    \
	PARTS("pg_proc", "function", "proname", "proowner", "pronamespace")                            \
	PARTS("pg_class", "relation", "relname", "relowner", "relnamespace")                           \
	NAMED("pg_proc", "function", "proname", "proowner", "pronamespace", FUNCTIONS)                 \
	NAMED("pg_type", "type", "typname", "typowner", "typnamespace", FUNCTIONS)                     \
	NAMED("pg_class", "relation", "relname", "relowner", "relnamespace", RELATIONS)

/* The relations of the extension that this transaction has locked. */
#define HELD                                                                                       \
	"SELECT FROM pg_catalog.pg_locks l"                                                            \
	" JOIN pg_catalog.pg_depend d ON d.classid" IS "'pg_catalog.pg_class'::pg_catalog.regclass"    \
	" AND d.objid" IS "l.relation AND d.deptype" IS "'e' AND d.refclassid" IS                      \
	"'pg_catalog.pg_extension'::pg_catalog.regclass"                                               \
	" JOIN pg_catalog.pg_extension e ON e.oid" IS "d.refobjid AND e.extname" IS "'nex_backup'"     \
	" WHERE l.pid" IS "pg_catalog.pg_backend_pid() AND l.locktype" IS "'relation' AND l.granted"   \
	" AND l.database" IS "(SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname" IS          \
	"pg_catalog.current_database())"

/*
 * As the server's workers do: a standby that is lost keeps neither the queue from moving nor a
 * command from its end, and whoever waits for it has locks of the catalog.
 */
#define LOCAL_COMMIT                                                                               \
	"SELECT pg_catalog.set_config('synchronous_commit', 'local', true)"                            \
	" WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.<>) 'off'"

SqlConstant
extension_hold_sql(void)
{
	return SQL(
		LOCAL_COMMIT
		";"
		"PREPARE nex_backup_held AS SELECT FROM nex_backup.runs;"
		"DEALLOCATE nex_backup_held;"
		"SELECT p.what, r.rolname FROM ("
		"SELECT 'extension nex_backup' AS what, e.extowner AS owner FROM pg_catalog.pg_extension e"
		" WHERE e.extname" IS "'nex_backup'"
		" UNION ALL SELECT 'schema nex_backup', n.nspowner FROM pg_catalog.pg_namespace n"
		" WHERE n.nspname" IS "'nex_backup'"
		" UNION ALL SELECT NULL, a.grantee FROM pg_catalog.pg_namespace n,"
		" LATERAL pg_catalog.aclexplode(n.nspacl) a WHERE n.nspname" IS "'nex_backup'"
		" AND a.privilege_type" IS "'CREATE'" OBJECTS
		" UNION ALL SELECT '', NULL WHERE NOT EXISTS (" HELD ")"
		") p LEFT JOIN pg_catalog.pg_roles r ON r.oid" IS "p.owner"
		" WHERE r.rolsuper IS NOT TRUE AND r.rolname IS DISTINCT FROM "
		"SESSION_USER LIMIT 1");
}

char *
extension_hold_problem(const PGresult *result)
{
	char *what;
	char *role;
	char *problem;

	if (PQntuples(result) == 0)
		return NULL;
	if (!PQgetisnull(result, 0, 0) && PQgetvalue(result, 0, 0)[0] == '\0')
		return xstrdup("schema nex_backup is not that of the extension");
	role = printable_name(PQgetisnull(result, 0, 1) ? "PUBLIC" : PQgetvalue(result, 0, 1));
	if (PQgetisnull(result, 0, 0))
		problem = xasprintf("role %s may create objects in schema nex_backup", role);
	else
	{
		what = printable_name(PQgetvalue(result, 0, 0));
		problem = xasprintf("%s belongs to role %s, which is not a superuser", what, role);
		free(what);
	}
	free(role);
	return problem;
}

bool
extension_hold(Connection *connection, char **message)
{
	PGresult *result = connection_exec(connection, extension_hold_sql());
	bool held = false;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

		*message = xstrdup(primary != NULL ? primary : connection_message(connection));
	}
	else
	{
		*message = extension_hold_problem(result);
		held = *message == NULL;
	}
	PQclear(result);
	return held;
}
