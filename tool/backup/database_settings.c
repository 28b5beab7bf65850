/*-------------------------------------------------------------------------
 *
 * database_settings.c
 *	  The database itself.
 *
 * pg_dump leaves all this out unless it is told to create the database too,
 * and then binds it to the old name.  Here each statement is wrapped in a DO
 * block that takes the name from current_database(), so that it fits
 * whatever name the restore has.
 *
 *-------------------------------------------------------------------------
 */
#include "database_settings.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"

/* to_jsonb() hides the columns that a version does not have. */
static const char database_query[] =
	"SELECT d.datname, pg_catalog.pg_get_userbyid(d.datdba), "
	"pg_catalog.pg_encoding_to_char(d.encoding),"
	" d.datcollate, d.datctype, coalesce(j ->> 'datlocprovider', 'c'),"
	" coalesce(j ->> 'daticulocale', j ->> 'datlocale'), j ->> 'daticurules', t.spcname, "
	"d.datconnlimit,"
	" pg_catalog.pg_database_size(d.oid)"
	" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace,"
	" LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = pg_catalog.current_database()";

static const char server_query[] = "SELECT pg_catalog.current_setting('server_version'), "
								   "pg_catalog.current_setting('server_version_num'),"
								   " pg_catalog.pg_is_in_recovery()";

static const char identity_query[] =
	"SELECT s.system_identifier, c.timeline_id"
	" FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c";

/*
 * Each row is one statement with %I for the database's name.  The settings
 * whose value is a list of names (GUC_LIST_QUOTE) are stored quoted already.
 */
static const char statements_query[] =
	"WITH me AS (SELECT * FROM pg_catalog.pg_database WHERE datname = "
	"pg_catalog.current_database()),"
	" setting AS ("
	"  SELECT s.setrole, pg_catalog.split_part(one, '=', 1) AS name,"
	"   pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) AS value"
	"  FROM pg_catalog.pg_db_role_setting s JOIN me ON s.setdatabase = me.oid,"
	"  LATERAL pg_catalog.unnest(s.setconfig) one),"
	" assignment AS ("
	"  SELECT setrole, pg_catalog.format('SET %s TO %s', pg_catalog.quote_ident(name),"
	"   CASE WHEN name IN ('local_preload_libraries', 'search_path', 'session_preload_libraries',"
	"    'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories') AND value <> "
	"'' THEN value"
	"    ELSE pg_catalog.quote_literal(value) END) AS text, name FROM setting)"
	" SELECT place, prefix, suffix FROM ("
	"  SELECT 0 AS place, '' AS key, 'ALTER DATABASE' AS prefix,"
	"   'CONNECTION LIMIT ' || datconnlimit AS suffix FROM me WHERE datconnlimit >= 0"
	"  UNION ALL"
	"  SELECT 1, name, 'ALTER DATABASE', text FROM assignment "
	"WHERE setrole = 0"
	"  UNION ALL"
	"  SELECT 2, name, pg_catalog.format('ALTER ROLE %I IN DATABASE', "
	"pg_catalog.pg_get_userbyid(setrole)), text"
	"   FROM assignment WHERE setrole <> 0"
	"  UNION ALL"
	"  SELECT 3, '', 'REVOKE ALL ON DATABASE', 'FROM PUBLIC' FROM me WHERE datacl IS NOT NULL"
	"  UNION ALL"
	"  SELECT 4, '', 'REVOKE ALL ON DATABASE', pg_catalog.format('FROM %I', "
	"pg_catalog.pg_get_userbyid(datdba))"
	"   FROM me WHERE datacl IS NOT NULL"
	"  UNION ALL"
	"  SELECT 5, a.privilege_type, pg_catalog.format('GRANT %s ON DATABASE', a.privilege_type),"
	"   pg_catalog.format('TO %s%s', CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE"
	"    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,"
	"    CASE WHEN a.is_grantable AND a.grantee <> me.datdba THEN ' WITH GRANT OPTION' ELSE '' END)"
	"   FROM me, LATERAL pg_catalog.aclexplode(me.datacl) a"
	"  UNION ALL"
	"  SELECT 6, '', 'COMMENT ON DATABASE', 'IS ' || pg_catalog.quote_literal(d.description)"
	"   FROM me, pg_catalog.pg_shdescription d"
	"   WHERE d.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objoid = me.oid"
	"   AND d.description NOT LIKE 'nex_backup: %'"
	"  UNION ALL"
	"  SELECT 7, l.provider, pg_catalog.format('SECURITY LABEL FOR %I ON DATABASE', l.provider),"
	"   'IS ' || pg_catalog.quote_literal(l.label) FROM me, pg_catalog.pg_shseclabel l"
	"   WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND l.objoid = me.oid"
	"  UNION ALL"
	"  SELECT 8, '', 'ALTER DATABASE', 'IS_TEMPLATE true' FROM me WHERE datistemplate"
	" ) s ORDER BY place, key, prefix, suffix";

static char *
value_or_null(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : xstrdup(PQgetvalue(result, 0, column));
}

bool
server_read(Connection *connection, ManifestServer *server)
{
	PGresult *result = connection_query(connection, server_query, 0, NULL);

	if (result == NULL)
		return false;
	server->version = xstrdup(PQgetvalue(result, 0, 0));
	server->version[strcspn(server->version, " ")] = '\0';
	server->version_num = (int) strtol(PQgetvalue(result, 0, 1), NULL, 10);
	server->in_recovery = PQgetvalue(result, 0, 2)[0] == 't';
	PQclear(result);

	/* A role may be denied these; then they stay unknown. */
	result = PQexec(connection->pg, identity_query);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		server->system_identifier = value_or_null(result, 0);
		server->timeline = (int) strtol(PQgetvalue(result, 0, 1), NULL, 10);
	}
	PQclear(result);
	return true;
}

bool
database_read(Connection *connection, ManifestDatabase *database, ManifestServer *server)
{
	PGresult *result = connection_query(connection, database_query, 0, NULL);

	if (result == NULL)
		return false;
	database->name = value_or_null(result, 0);
	database->owner = value_or_null(result, 1);
	database->encoding = value_or_null(result, 2);
	database->collate = value_or_null(result, 3);
	database->ctype = value_or_null(result, 4);
	database->provider = value_or_null(result, 5);
	database->icu_locale = value_or_null(result, 6);
	database->icu_rules = value_or_null(result, 7);
	database->tablespace = value_or_null(result, 8);
	database->connection_limit = (int) strtol(PQgetvalue(result, 0, 9), NULL, 10);
	database->bytes = strtoull(PQgetvalue(result, 0, 10), NULL, 10);
	PQclear(result);
	return server_read(connection, server);
}

/* DO '… EXECUTE format(''prefix %I suffix'', current_database()) …'; the inner text is quoted
 * twice. */
static void
append_statement(Buffer *sql, const char *prefix, const char *suffix)
{
	Buffer body;

	buffer_init(&body);
	buffer_append_string(&body, "BEGIN EXECUTE pg_catalog.format('%s %I %s', ");
	quote_literal(&body, prefix);
	buffer_append_string(&body, ", pg_catalog.current_database(), ");
	quote_literal(&body, suffix);
	buffer_append_string(&body, "); END");
	buffer_append_string(sql, "DO ");
	quote_literal(sql, body.data);
	buffer_append_string(sql, ";\n");
	buffer_free(&body);
}

bool
database_settings_read(Connection *connection, Buffer *sql)
{
	PGresult *result = connection_query(connection, statements_query, 0, NULL);
	int i;

	if (result == NULL)
		return false;
	for (i = 0; i < PQntuples(result); i++)
		append_statement(sql, PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
	PQclear(result);
	return true;
}
