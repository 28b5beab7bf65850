/*-------------------------------------------------------------------------
 *
 * table_locks.c
 *	  Table locks of a backup.
 *
 * ACCESS SHARE conflicts with one mode only, ACCESS EXCLUSIVE, so that mode
 * is all that has to be looked for.  A session that waits for it counts as
 * one that has it: the server lets nobody overtake it.
 *
 *-------------------------------------------------------------------------
 */
#include "table_locks.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"
#include "quote.h"

#define LOCK_BATCH_BYTES (100 * 1024)

static const SqlConstant holder_query =
	SQL("SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), l.pid, a.application_name,"
		" a.usename, NOT l.granted,"
		" pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid))"
		" FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
		" WHERE l.locktype = 'relation' AND l.mode = ANY ($2::pg_catalog.text[])"
		" AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"
		" AND l.database = (SELECT oid FROM pg_catalog.pg_database"
		"  WHERE datname = pg_catalog.current_database())"
		" AND l.relation = ANY ($1::pg_catalog.oid[])"
		" ORDER BY l.granted DESC, l.waitstart LIMIT 1");

bool
result_has_state(const PGresult *result, const char *state)
{
	const char *given = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return given != NULL && strcmp(given, state) == 0;
}

PGresult *
table_locks_take(Connection *connection, const SourceTables *list, const SourceTables *skip,
				 SqlConstant suffix)
{
	PGresult *failed = NULL;
	SqlText sql;
	int i;

	sql_init(&sql);
	for (i = 0; i < list->count && failed == NULL; i++)
	{
		PGresult *result;

		if (skip == NULL || !source_tables_have(skip, &list->tables[i]))
		{
			if (sql_length(&sql) == 0)
				sql_append(&sql, "LOCK TABLE ONLY ");
			else
				sql_append(&sql, ", ONLY ");
			source_table_name(&list->tables[i], &sql);
		}
		if (sql_length(&sql) == 0 || (sql_length(&sql) < LOCK_BATCH_BYTES && i + 1 < list->count))
			continue;
		sql_append(&sql, " IN ACCESS SHARE MODE");
		sql_append_constant(&sql, suffix);
		result = connection_exec(connection, &sql);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			failed = result;
		else
			PQclear(result);
		sql_reset(&sql);
	}
	sql_free(&sql);
	return failed;
}

char *
describe_session(const char *pid, const char *application, const char *user)
{
	char *printable;
	char *printable_user;
	char *text;

	if (pid == NULL || pid[0] == '\0')
		return xstrdup("a prepared transaction");
	printable = printable_name(application != NULL ? application : "");
	printable_user = printable_name(user != NULL ? user : "");
	text =
		xasprintf("process %s (application \"%s\", user \"%s\")", pid, printable, printable_user);
	free(printable);
	free(printable_user);
	return text;
}

bool
lock_holder_find_of(Connection *connection, const char *oids, const char *modes, LockHolder *holder)
{
	const char *params[2] = {oids, modes};
	PGresult *result = connection_query(connection, holder_query, 2, params);

	memset(holder, 0, sizeof(*holder));
	if (result == NULL)
		return false;
	if (PQntuples(result) > 0)
	{
		holder->table = xstrdup(PQgetvalue(result, 0, 0));
		holder->who = describe_session(PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2),
									   PQgetvalue(result, 0, 3));
		holder->waits = PQgetvalue(result, 0, 4)[0] == 't';
		holder->behind_us = PQgetvalue(result, 0, 5)[0] == 't';
	}
	PQclear(result);
	return true;
}

bool
lock_holder_find(Connection *connection, const SourceTables *list, LockHolder *holder)
{
	char *oids = source_tables_oids(list);
	bool good = lock_holder_find_of(connection, oids, "{AccessExclusiveLock}", holder);

	free(oids);
	return good;
}

void
lock_holder_free(LockHolder *holder)
{
	free(holder->table);
	free(holder->who);
	memset(holder, 0, sizeof(*holder));
}
