/*-------------------------------------------------------------------------
 *
 * database_settings.c
 *	  The database itself.
 *
 * pg_dump leaves all this out unless it is told to create the database too,
 * and then binds it to the old name.  Here each statement is wrapped in a DO
 * block that takes the name from current_database(), so that it fits
 * whatever name the restore has.  The statement is a constant pattern, and
 * what comes from the server are arguments of format(), each quoted at its
 * own level; docs/format.md lists the patterns, as a restore accepts nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "database_settings.h"

#include <stdlib.h>
#include <string.h>

#include "backup_warning.h"
#include "known_sql.h"
#include "log.h"
#include "longest_comment.h"
#include "memory.h"
#include "quote.h"
#include "role_powers.h"
#include "session_text.h"
#include "setting_value.h"

/* to_jsonb() hides the columns that a version does not have. */
static const SqlConstant database_query =
	SQL("SELECT d.datname, pg_catalog.pg_get_userbyid(d.datdba), "
		"pg_catalog.pg_encoding_to_char(d.encoding),"
		" d.datcollate, d.datctype, coalesce(j ->> 'datlocprovider', 'c'),"
		" coalesce(j ->> 'daticulocale', j ->> 'datlocale'), j ->> 'daticurules', t.spcname, "
		"d.datconnlimit,"
		" pg_catalog.pg_database_size(d.oid)"
		" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace,"
		" LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = pg_catalog.current_database()");

static const SqlConstant server_query = SQL("SELECT pg_catalog.current_setting('server_version'), "
											"pg_catalog.current_setting('server_version_num'),"
											" pg_catalog.pg_is_in_recovery(),"
											" CASE WHEN pg_catalog.pg_is_in_recovery()"
											"  THEN pg_catalog.pg_last_wal_replay_lsn()"
											"  ELSE pg_catalog.pg_current_wal_insert_lsn() END,"
											" pg_catalog.to_char(pg_catalog.timezone('UTC',"
											"  pg_catalog.pg_postmaster_start_time()),"
											"  'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
											" " SQL_TIMELINE ", " SQL_REPLAYED_UNTIL);

static const SqlConstant identity_query =
	SQL("SELECT s.system_identifier, c.timeline_id"
		" FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c");

/*
 * The checkpoint of a standby may be of a timeline that it has left.  What it receives is of the
 * timeline that it is on if nothing of it is left to be replayed.
 */
static const SqlConstant standby_timeline_query =
	SQL("SELECT greatest(r.min_recovery_end_timeline,"
		"  (SELECT pg_catalog.max(w.received_tli) FROM pg_catalog.pg_stat_wal_receiver w"
		"   WHERE pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn()))"
		" FROM pg_catalog.pg_control_recovery() r");

typedef enum StatementKind
{
	CONNECTION_LIMIT, /* number */
	SETTING,          /* role or NULL, name=value or NULL if they are too large */
	REVOKE_PUBLIC,
	REVOKE_OWNER, /* owner */
	GRANT,        /* grantee or NULL, privilege, 't' with grant option */
	COMMENT,      /* text */
	LABEL,        /* provider, label */
	IS_TEMPLATE,
} StatementKind;

/*
 * Each row is one statement: its kind, and up to three texts as they are, without quotes.  Any
 * role can set settings of its own, from a database of another encoding also such that are no
 * text here, on which functions of texts fail.
 */
static const SqlConstant statements_query = SQL(
	"WITH me AS (SELECT * FROM pg_catalog.pg_database WHERE datname = "
	"pg_catalog.current_database())"
	" SELECT kind, one, two, three FROM ("
	"  SELECT 0 AS place, 0 AS kind, datconnlimit::pg_catalog.text AS one,"
	"   NULL::pg_catalog.text AS two, NULL::pg_catalog.text AS three"
	"   FROM me WHERE datconnlimit >= 0"
	"  UNION ALL"
	"  SELECT CASE WHEN s.setrole = 0 THEN 1 ELSE 2 END, 1,"
	"   CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole) END,"
	"   item, NULL"
	"   FROM pg_catalog.pg_db_role_setting s JOIN me ON s.setdatabase = me.oid,"
	"   LATERAL pg_catalog.unnest(CASE WHEN (SELECT pg_catalog.sum(pg_catalog.octet_length(o))"
	"    FROM pg_catalog.unnest(s.setconfig) o) <= 262144 THEN s.setconfig"
	"    ELSE ARRAY[NULL::pg_catalog.text] END) item"
	"  UNION ALL"
	"  SELECT 3, 2, NULL, NULL, NULL FROM me WHERE datacl IS NOT NULL"
	"  UNION ALL"
	"  SELECT 4, 3, pg_catalog.pg_get_userbyid(datdba), NULL, NULL FROM me WHERE datacl IS NOT NULL"
	"  UNION ALL"
	"  SELECT 5, 4, CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,"
	"   a.privilege_type, a.is_grantable::pg_catalog.bpchar(1)"
	"   FROM me, LATERAL pg_catalog.aclexplode(me.datacl) a"
	"  UNION ALL"
	"  SELECT 6, 5, d.description, NULL, NULL FROM me, pg_catalog.pg_shdescription d"
	"   WHERE d.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objoid = me.oid"
	"   AND pg_catalog.octet_length(d.description) <= " LONGEST_COMMENT
	"   AND d.description NOT LIKE 'nex\\_backup: restore of % in progress since %'"
	"   AND d.description NOT LIKE 'nex\\_backup: replaced by restore of %'"
	"  UNION ALL"
	"  SELECT 7, 6, l.provider, l.label, NULL FROM me, pg_catalog.pg_shseclabel l"
	"   WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND l.objoid = me.oid"
	"   AND pg_catalog.octet_length(l.label) <= " LONGEST_COMMENT "  UNION ALL"
	"  SELECT 8, 7, NULL, NULL, NULL FROM me WHERE datistemplate"
	" ) s ORDER BY place, two COLLATE \"C\", one COLLATE \"C\", three COLLATE \"C\"");

/* Roles with settings here that can do more than others. */
static const SqlConstant roles_query = SQL("SELECT * FROM (SELECT r.rolname, " SQL_ROLE_POWERS(
	"r.oid") " AS powers"
			 " FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = "
			 "s.setdatabase"
			 " JOIN pg_catalog.pg_roles r ON r.oid = s.setrole"
			 " WHERE d.datname = pg_catalog.current_database()) p"
			 " WHERE p.powers IS NOT NULL ORDER BY p.rolname");

static char *
value_or_null(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : xstrdup(PQgetvalue(result, 0, column));
}

int
server_timeline(const char *digits)
{
	return (int) strtol(digits, NULL, 16);
}

void
standby_timeline_read(Connection *connection, ManifestServer *server)
{
	PGresult *result = connection_exec(connection, standby_timeline_query);
	int timeline = PQresultStatus(result) == PGRES_TUPLES_OK
					   ? (int) strtol(PQgetvalue(result, 0, 0), NULL, 10)
					   : 0;

	if (timeline > server->timeline && server->timeline > 0)
		server->timeline = timeline;
	PQclear(result);
}

bool
server_read(Connection *connection, ManifestServer *server)
{
	PGresult *result = connection_query(connection, server_query, 0, NULL);
	int timeline;

	if (result == NULL)
		return false;
	server->version = xstrdup(PQgetvalue(result, 0, 0));
	server->version[strcspn(server->version, " ")] = '\0';
	server->version_num = (int) strtol(PQgetvalue(result, 0, 1), NULL, 10);
	server->in_recovery = PQgetvalue(result, 0, 2)[0] == 't';
	server->lsn = value_or_null(result, 3);
	server->running_since = value_or_null(result, 4);
	timeline = server_timeline(PQgetvalue(result, 0, 5));
	server->replayed_until = value_or_null(result, 6);
	PQclear(result);

	/* A role may be denied these; then they stay unknown. */
	result = connection_exec(connection, identity_query);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		server->system_identifier = value_or_null(result, 0);
		server->timeline = (int) strtol(PQgetvalue(result, 0, 1), NULL, 10);
	}
	PQclear(result);
	if (server->in_recovery)
		standby_timeline_read(connection, server);
	else
		server->timeline = timeline;
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

/* A pattern for format(), and the arguments behind it. */
typedef struct Statement
{
	SqlText pattern;
	SqlText arguments;
	SqlText before; /* to be executed before it */
} Statement;

static void
add_argument(Statement *statement, const char *value)
{
	sql_append(&statement->arguments, ", ");
	sql_literal(&statement->arguments, value);
}

static void
add_database(Statement *statement)
{
	sql_append(&statement->arguments, ", pg_catalog.current_database()");
}

/* SET has no words for an empty list, but FROM CURRENT takes one. */
static void
set_to_nothing(Statement *statement, const char *name)
{
	sql_append(&statement->before, "PERFORM pg_catalog.set_config(");
	sql_literal(&statement->before, name);
	sql_append(&statement->before, ", '', true); ");
	sql_append(&statement->pattern, " SET %I FROM CURRENT");
}

static void
make_setting(Statement *statement, const char *role, const char *name, const char *stored)
{
	SettingValue value;
	int i;

	if (role != NULL)
	{
		sql_append(&statement->pattern, "ALTER ROLE %I IN DATABASE %I");
		add_argument(statement, role);
	}
	else
		sql_append(&statement->pattern, "ALTER DATABASE %I");
	add_database(statement);
	add_argument(statement, name);
	setting_value_read(&value, name, stored);
	if (value.count == 0)
		set_to_nothing(statement, name);
	for (i = 0; i < value.count; i++)
	{
		if (i == 0)
			sql_append(&statement->pattern, " SET %I TO %L");
		else
			sql_append(&statement->pattern, ", %L");
		add_argument(statement, value.items[i]);
	}
	setting_value_free(&value);
}

/* False if the privilege is no word. */
static bool
make_grant(Statement *statement, const char *grantee, const char *privilege, const char *grantable)
{
	sql_append(&statement->pattern, "GRANT ");
	if (!sql_keyword(&statement->pattern, privilege))
		return false;
	add_database(statement);
	if (grantee == NULL)
		sql_append(&statement->pattern, " ON DATABASE %I TO PUBLIC");
	else
	{
		sql_append(&statement->pattern, " ON DATABASE %I TO %I");
		add_argument(statement, grantee);
	}
	if (grantable[0] == 't')
		sql_append(&statement->pattern, " WITH GRANT OPTION");
	return true;
}

/* The rest of the kinds, which have the database as their first argument but for the label. */
static bool
make_other(Statement *statement, StatementKind kind, const char *one, const char *two)
{
	if (kind == LABEL)
	{
		sql_append(&statement->pattern, "SECURITY LABEL FOR %I ON DATABASE %I IS %L");
		add_argument(statement, one);
		one = two;
	}
	add_database(statement);
	if (kind == LABEL || kind == COMMENT || kind == REVOKE_OWNER)
		add_argument(statement, one);
	if (kind == COMMENT)
		sql_append(&statement->pattern, "COMMENT ON DATABASE %I IS %L");
	else if (kind == REVOKE_OWNER)
		sql_append(&statement->pattern, "REVOKE ALL ON DATABASE %I FROM %I");
	else if (kind == REVOKE_PUBLIC)
		sql_append(&statement->pattern, "REVOKE ALL ON DATABASE %I FROM PUBLIC");
	else if (kind == IS_TEMPLATE)
		sql_append(&statement->pattern, "ALTER DATABASE %I IS_TEMPLATE true");
	else if (kind == CONNECTION_LIMIT)
	{
		sql_append(&statement->pattern, "ALTER DATABASE %I CONNECTION LIMIT ");
		return sql_checked_number(&statement->pattern, one);
	}
	return true;
}

/* DO '… EXECUTE format(''pattern'', arguments) …'; the inner text is quoted twice. */
static void
append_statement(SqlText *sql, const Statement *statement)
{
	SqlText body;

	sql_init(&body);
	sql_append(&body, "BEGIN ");
	sql_text(&body, &statement->before);
	sql_append(&body, "EXECUTE pg_catalog.format(");
	sql_text_literal(&body, &statement->pattern);
	sql_text(&body, &statement->arguments);
	sql_append(&body, "); END");
	sql_append(sql, "DO ");
	sql_text_literal(sql, &body);
	sql_append(sql, ";\n");
	sql_free(&body);
}

static bool
make_statement(Statement *statement, StatementKind kind, const char *one, const char *two,
			   const char *three)
{
	if (kind == SETTING)
		make_setting(statement, one, two, three);
	else if (kind == GRANT)
		return make_grant(statement, one, two, three);
	else
		return make_other(statement, kind, one, two);
	return true;
}

/* Would a restore take it?  It looks at the statement in the same way. */
static bool
is_known(const SqlText *sql)
{
	KnownStatement statement;
	KnownSql known;
	bool good;

	known_sql_begin(&known, MEMBER_DATABASE, sql_string(sql), NULL);
	good = known_sql_next(&known, &statement) && statement.kind != SQL_UNKNOWN;
	known_statement_free(&statement);
	return good;
}

/* What is left out, for a warning; caller frees. */
static char *
describe(StatementKind kind, const char *one)
{
	char *role = printable_name(one != NULL ? one : "PUBLIC");
	char *text;

	if (kind == COMMENT)
		text = xstrdup("the comment of the database");
	else if (kind == LABEL)
		text = xstrdup("a security label of the database");
	else if (kind == GRANT || kind == REVOKE_OWNER)
		text = xasprintf("a privilege of role \"%s\" on the database", role);
	else if (kind == SETTING)
		text = xasprintf("a setting of role \"%s\" in this database", role);
	else
		text = xstrdup("a property of the database");
	free(role);
	return text;
}

static void
append_row(const Connection *connection, SqlText *sql, Manifest *manifest, StatementKind kind,
		   const char *const texts[3])
{
	Statement statement;
	SqlText text;
	bool is_text = true;
	int i;

	for (i = 0; i < 3; i++)
		is_text = is_text && (texts[i] == NULL || session_text_is(connection, texts[i]));
	sql_init(&statement.pattern);
	sql_init(&statement.arguments);
	sql_init(&statement.before);
	sql_init(&text);
	if (is_text && make_statement(&statement, kind, texts[0], texts[1], texts[2]))
		append_statement(&text, &statement);
	if (sql_length(&text) > 0 && is_known(&text))
		sql_text(sql, &text);
	else
	{
		char *what = describe(kind, texts[0]);
		char *warning = xasprintf("%s %s, and is left out of the backup", what,
								  is_text ? "cannot be written as a restore takes it"
										  : "is not valid text in its encoding");

		backup_warning(manifest, NULL, warning);
		free(warning);
		free(what);
	}
	sql_free(&text);
	sql_free(&statement.pattern);
	sql_free(&statement.arguments);
	sql_free(&statement.before);
}

/* What keeps a setting out of the backup, or NULL.  `value` follows the "=" in `item`. */
static const char *
unfit_because(const Connection *connection, const char *item, const char *name, const char *value)
{
	if (item == NULL)
		return "has, with the others there, more than 256 kB";
	if (value == NULL || !session_text_is(connection, item))
		return "is not valid text in its encoding";
	return setting_is_of_transaction(name) ? "is of one transaction, means nothing" : NULL;
}

/* One "name=value" of a role, or of the database itself. */
static void
append_setting(const Connection *connection, SqlText *sql, Manifest *manifest, const char *role,
			   const char *item)
{
	const char *equals = item != NULL ? strchr(item, '=') : NULL;
	char *name = equals != NULL ? xasprintf("%.*s", (int) (equals - item), item) : NULL;
	const char *problem = unfit_because(connection, item, name, equals);

	if (problem == NULL)
	{
		const char *const texts[3] = {role, name, equals + 1};

		append_row(connection, sql, manifest, SETTING, texts);
	}
	else
	{
		char *shown = printable_name(role != NULL ? role : "ALL");

		log_warning("a setting of role \"%s\" in this database %s, and is left out of the backup",
					shown, problem);
		free(shown);
	}
	free(name);
}

static const char *
text_or_null(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

static bool
read_roles(Connection *connection, ManifestDatabase *database)
{
	PGresult *result = connection_query(connection, roles_query, 0, NULL);
	int i;

	if (result == NULL)
		return false;
	database->roles = xcalloc((size_t) PQntuples(result) + 1, sizeof(ManifestRole));
	for (i = 0; i < PQntuples(result); i++)
	{
		ManifestRole *role = &database->roles[database->nroles++];

		role->name = xstrdup(PQgetvalue(result, i, 0));
		role->powers = xstrdup(PQgetvalue(result, i, 1));
	}
	database->knows_roles = true;
	PQclear(result);
	return true;
}

bool
database_settings_read(Connection *connection, SqlText *sql, Manifest *manifest)
{
	PGresult *result = connection_query(connection, statements_query, 0, NULL);
	int i;

	for (i = 0; result != NULL && i < PQntuples(result); i++)
	{
		StatementKind kind = (StatementKind) strtol(PQgetvalue(result, i, 0), NULL, 10);
		const char *const texts[3] = {text_or_null(result, i, 1), text_or_null(result, i, 2),
									  text_or_null(result, i, 3)};

		if (kind == SETTING)
			append_setting(connection, sql, manifest, texts[0], texts[1]);
		else
			append_row(connection, sql, manifest, kind, texts);
	}
	PQclear(result);
	return result != NULL && read_roles(connection, &manifest->database);
}
