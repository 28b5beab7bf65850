/*-------------------------------------------------------------------------
 *
 * own_path.c
 *	  Trying something again with the search_path of the database itself.
 *
 * A restore runs with an empty search_path, so a function that names a table
 * or another function without its schema, and relies on the search_path of
 * whoever uses it, fails: in CHECK constraints, generated columns and
 * expressions of indexes.  In the database that was backed up it worked, with
 * the path that the database, or the table's owner, has.
 *
 * To give the session that path would change the meaning of the statements of
 * the backup, whose names are only right without one.  So the functions get
 * it, within the transaction, and lose it again before the commit.
 *
 * With a path, names may come to mean objects that somebody put there for
 * this purpose, and what runs with the rights of a superuser would call them.
 * So a superuser's session does this only if all objects in the schemas of
 * the path belong to superusers, or if the server runs the code with the
 * rights of an owner that is none.  Functions that are SECURITY DEFINER are
 * left alone in any case.
 *
 *-------------------------------------------------------------------------
 */
#include "own_path.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "object_errors.h"
#include "owner_settings.h"
#include "settings.h"
#include "sql_text.h"
#include "unknown_members.h"

static const SqlConstant functions_query =
	SQL("SELECT pg_catalog.string_agg(pg_catalog.format("
		"  'ALTER FUNCTION %s SET search_path FROM CURRENT;', p.oid::pg_catalog.regprocedure), ''),"
		" pg_catalog.string_agg(pg_catalog.format("
		"  'ALTER FUNCTION %s RESET search_path;', p.oid::pg_catalog.regprocedure), '')"
		" FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang"
		" WHERE p.oid >= 16384 AND p.prokind IN ('f', 'w') AND NOT p.prosecdef"
		" AND l.lanname NOT IN ('internal', 'c')"
		" AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) AS c (setting)"
		"  WHERE c.setting LIKE 'search\\_path=%')"
		" AND pg_catalog.pg_has_role(p.proowner, 'USAGE')");

/* What the role has in this database; the server's own default comes last. */
static const SqlConstant path_query =
	SQL("SELECT pg_catalog.set_config('search_path', pg_catalog.replace(COALESCE("
		"  (SELECT pg_catalog.substr(c.setting, 13) FROM pg_catalog.pg_db_role_setting s,"
		"    pg_catalog.unnest(s.setconfig) AS c (setting)"
		"   LEFT JOIN LATERAL (SELECT r.oid FROM pg_catalog.pg_roles r"
		"    WHERE r.rolname = $1::pg_catalog.name) r ON true"
		"   WHERE c.setting LIKE 'search\\_path=%' AND s.setrole IN (0, r.oid)"
		"   AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d"
		"    WHERE d.datname = pg_catalog.current_database()))"
		"   ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1),"
		"  '\"$user\", public'), '\"$user\"', pg_catalog.quote_ident($1::pg_catalog.text)), true),"
		" (SELECT pg_catalog.bool_and(NOT r.rolsuper) FROM pg_catalog.pg_roles r"
		"  WHERE r.rolname = $1::pg_catalog.name)");

static const SqlConstant schemas_query =
	SQL("SELECT s.name FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS s (name)");

static const SqlConstant superusers_query =
	SQL("SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.rolsuper");

bool
own_path_may_help(const char *state)
{
	static const char *const states[] = {"42883", "42P01", "42704", "3F000"};
	size_t i;

	for (i = 0; state != NULL && i < sizeof(states) / sizeof(states[0]); i++)
	{
		if (strcmp(state, states[i]) == 0)
			return true;
	}
	return false;
}

/* Statements of the backup's settings that are about a search_path. */
static const char *
read_paths(const RestorePlan *plan)
{
	ObjectErrors *errors = plan->progress->errors;
	MemberReader reader;
	const char *statement;
	bool found = false;
	bool good;
	Buffer paths;
	Buffer sql;

	if (errors->paths != NULL)
		return errors->paths;
	buffer_init(&sql);
	buffer_init(&paths);
	buffer_append_string(&paths, "");
	memset(&reader, 0, sizeof(reader));
	good = member_reader_open(&reader, plan->repository, plan->manifest) &&
		   member_reader_read_kind(&reader, MEMBER_DATABASE, &found) && found &&
		   known_member_sql(plan->settings, plan->manifest, MEMBER_DATABASE, reader.raw.data,
							plan->working, &sql);
	for (statement = good && sql.data != NULL ? sql.data : ""; *statement != '\0';)
	{
		const char *end = sql_statement_end(statement);
		char *text = xasprintf("%.*s", (int) (end - statement), statement);

		if (strstr(text, "search_path") != NULL)
			buffer_append_string(&paths, text);
		free(text);
		statement = end;
	}
	buffer_free(&sql);
	member_reader_close(&reader);
	errors->paths = buffer_detach(&paths);
	return errors->paths;
}

static bool
run(Connection *connection, const char *sql)
{
	PGresult *result = connection_exec(connection, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* As in the database when it is complete; this is taken back. */
static bool
set_database_settings(const RestorePlan *plan, Connection *connection)
{
	const char *statement = read_paths(plan);
	bool good = true;

	while (good && *statement != '\0')
	{
		const char *end = sql_statement_end(statement);
		char *text = xasprintf("%.*s", (int) (end - statement), statement);

		good = run(connection, "SAVEPOINT setting");
		if (good && !run(connection, text))
			good = run(connection, "ROLLBACK TO SAVEPOINT setting");
		free(text);
		statement = end;
	}
	return good;
}

/*
 * Do all objects in the schemas of the path belong to superusers?  By the
 * backup's own owners, which --no-owner does not change.
 */
static bool
is_trusted(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = plan->progress->errors->toc;
	PGresult *schemas = connection_ask(connection, schemas_query, 0, NULL);
	PGresult *superusers = connection_ask(connection, superusers_query, 0, NULL);
	bool trusted = PQresultStatus(schemas) == PGRES_TUPLES_OK &&
				   PQresultStatus(superusers) == PGRES_TUPLES_OK && toc != NULL;
	uint32_t i;

	for (i = 0; trusted && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (entry->owner[0] != '\0' && result_has(schemas, entry->schema) &&
			!result_has(superusers, entry->owner))
		{
			log_debug("no search_path is set: \"%s\" owns objects in it", entry->owner);
			trusted = false;
		}
	}
	PQclear(schemas);
	PQclear(superusers);
	return trusted;
}

/* Set the path for the transaction; what it is computed from is taken back. */
static bool
set_path(const RestorePlan *plan, Connection *connection, const char *owner, bool as_owner)
{
	const char *params[1] = {owner};
	PGresult *result;
	char *path = NULL;
	bool ordinary = false;
	bool good;

	good = run(connection, "SAVEPOINT path") && set_database_settings(plan, connection);
	result = good ? connection_ask(connection, path_query, 1, params) : NULL;
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		path = xstrdup(PQgetvalue(result, 0, 0));
		ordinary = PQgetvalue(result, 0, 1)[0] == 't';
	}
	PQclear(result);
	good = path != NULL && run(connection, "ROLLBACK TO SAVEPOINT path");
	params[0] = path;
	result = good ? connection_ask(connection,
								   SQL("SELECT pg_catalog.set_config('search_path', $1, true)"), 1,
								   params)
				  : NULL;
	good = PQresultStatus(result) == PGRES_TUPLES_OK;
	PQclear(result);
	free(path);
	return good &&
		   (!plan->superuser || (as_owner && ordinary && !plan->settings->owners->no_owner) ||
			is_trusted(plan, connection));
}

bool
own_path_pin(const RestorePlan *plan, Connection *connection, const char *owner, bool as_owner,
			 char **unpin)
{
	PGresult *functions = connection_ask(connection, functions_query, 0, NULL);
	bool good = PQresultStatus(functions) == PGRES_TUPLES_OK && !PQgetisnull(functions, 0, 0) &&
				set_path(plan, connection, owner, as_owner) &&
				run(connection, PQgetvalue(functions, 0, 0)) &&
				run(connection, "SELECT pg_catalog.set_config('search_path', '', true)");

	*unpin = good ? xstrdup(PQgetvalue(functions, 0, 1)) : NULL;
	PQclear(functions);
	return good;
}
