/*-------------------------------------------------------------------------
 *
 * globals.c
 *	  A backup of the globals, by pg_dumpall.
 *
 * pg_dumpall of the server's own major version knows how that version writes
 * memberships, their grantors and options.  Two things are added to its
 * text: what ALTER ROLE ALL set, which it leaves out; and that the bootstrap
 * superuser, which every new cluster has, is created only where it is
 * missing, so that psql meets no error on an empty cluster.  And where it
 * writes a SET without a value, the value is added.
 *
 *-------------------------------------------------------------------------
 */
#include "globals.h"

#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "backup_warning.h"
#include "client_program.h"
#include "database_settings.h"
#include "interrupt.h"
#include "known_sql.h"
#include "lock_watch.h"
#include "large_settings.h"
#include "log.h"
#include "longest_comment.h"
#include "maintenance.h"
#include "memory.h"
#include "part_settings.h"
#include "pg_dumpall_session.h"
#include "progress.h"
#include "quote.h"
#include "schema.h"
#include "server_draft.h"
#include "session_text.h"
#include "setting_value.h"
#include "settings.h"
#include "sql_name.h"
#include "sql_text.h"
#include "work_settings.h"

#define NO_PASSWORDS_WARNING "the passwords of the roles are not in this backup"

/* What there is, whether passwords may be read, and who must not be created again. */
static const SqlConstant overview_query =
	SQL("SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'),"
		" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_auth_members"
		"  WHERE NOT (pg_catalog.pg_get_userbyid(roleid) ~ '^pg_'"
		"   AND pg_catalog.pg_get_userbyid(member) ~ '^pg_')),"
		" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_'),"
		" pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT'),"
		" (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10),"
		" pg_catalog.current_database(),"
		" pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");

/* ALTER ROLE ALL SET: of no role and of no database.  Values as they are, without quotes. */
static const SqlConstant settings_query =
	SQL("SELECT pg_catalog.split_part(one, '=', 1) AS name,"
		"  pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) AS value"
		"  FROM pg_catalog.pg_db_role_setting s, LATERAL pg_catalog.unnest(s.setconfig) one"
		"  WHERE s.setrole = 0 AND s.setdatabase = 0 ORDER BY name");

static const SqlConstant names_query =
	SQL("SELECT 'role', rolname FROM pg_catalog.pg_roles"
		" UNION ALL SELECT 'tablespace', spcname FROM pg_catalog.pg_tablespace");

/* The settings of a role, of no database, as they are: they may be no text in the encoding here. */
static const SqlConstant setting_query =
	SQL("SELECT one"
		"  FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,"
		"  LATERAL pg_catalog.unnest(s.setconfig) one"
		"  WHERE s.setdatabase = 0 AND r.rolname = $1::pg_catalog.name"
		"  AND pg_catalog.octet_length(one) <= 262144");

#define MAX_SETTING (256 * 1024)

/* Of a statement that is left out. */
#define SHOWN_BYTES 80

typedef struct GlobalsBackup
{
	const Settings *settings;
	Repository *repository;
	ConnectionTarget *target;
	Connection *connection;
	LockWatch *watch;
	BackupDraft *draft;
	Manifest *manifest; /* of the draft */
	char *directory;    /* private, temporary */
	char *bootstrap;    /* superuser of initdb */
	char *database;     /* that we are connected to */
	Buffer text;
	bool utf8;            /* the encoding of the text */
	uint64_t roles;       /* that the text creates */
	uint64_t tablespaces; /* likewise */
} GlobalsBackup;

/* Connect, and begin the draft. */
static bool
begin_globals(GlobalsBackup *backup)
{
	const Settings *settings = backup->settings;

	progress_phase("connecting", "", 0, 0);
	backup->draft =
		draft_create(backup->repository, BACKUP_OF_GLOBALS, GLOBALS_DATABASE, settings->backup);
	if (backup->draft == NULL)
		return false;
	backup->manifest = draft_manifest(backup->draft);
	backup->connection = connection_open_maintenance(settings, &backup->target);
	if (backup->connection == NULL)
		return false;
	backup->watch =
		lock_watch_begin(backup->target, backup->connection, settings->backup->lock_wait_timeout);
	if (!server_read(backup->connection, &backup->manifest->server) ||
		!server_draft_begin(backup->draft, backup->repository, backup->connection,
							settings->backup))
		return false;
	backup->directory = temporary_directory_create();
	return backup->directory != NULL;
}

static bool
look_around(GlobalsBackup *backup)
{
	Manifest *manifest = backup->manifest;
	ManifestGlobals *globals = &manifest->globals;
	PGresult *result = connection_query(backup->connection, overview_query, 0, NULL);

	if (result == NULL)
		return false;
	manifest->snapshot_at = xstrdup(PQgetvalue(result, 0, 6));
	globals->roles = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	globals->memberships = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
	globals->tablespaces = strtoull(PQgetvalue(result, 0, 2), NULL, 10);
	globals->passwords =
		!backup->settings->backup->no_role_passwords && PQgetvalue(result, 0, 3)[0] == 't';
	backup->bootstrap = xstrdup(PQgetvalue(result, 0, 4));
	backup->database = xstrdup(PQgetvalue(result, 0, 5));
	if (!globals->passwords)
	{
		backup_warning_keep(manifest, NO_PASSWORDS_WARNING);
		if (!backup->settings->backup->no_role_passwords)
			log_warning_hint("Back up the globals as a superuser to have them, or use "
							 "--no-role-passwords.",
							 NO_PASSWORDS_WARNING);
	}
	PQclear(result);
	return true;
}

/* pg_dumpall asks for each role by its name, so that the server must be able to read it. */
static bool
check_names(GlobalsBackup *backup)
{
	PGresult *result = connection_query(backup->connection, names_query, 0, NULL);
	bool good = result != NULL;
	int i;

	for (i = 0; good && i < PQntuples(result); i++)
	{
		char *shown;

		if (session_text_is(backup->connection, PQgetvalue(result, i, 1)))
			continue;
		shown = printable_name(PQgetvalue(result, i, 1));
		good =
			report_error(EXIT_FAILED, NULL,
						 "Rename it (ALTER ... RENAME TO) in a session of the database in whose "
						 "encoding the name was given.",
						 "the name of %s \"%s\" is not valid UTF-8, so pg_dumpall cannot write it",
						 PQgetvalue(result, i, 0), shown);
		free(shown);
	}
	PQclear(result);
	return good;
}

/* Run pg_dumpall into backup->text. */
static bool
run_pg_dumpall(GlobalsBackup *backup)
{
	Manifest *manifest = backup->manifest;
	char *program = find_client_program(backup->settings->work->pg_bindir, "pg_dumpall",
										connection_version(backup->connection), &manifest->pg_dump);
	char *conninfo = program != NULL
						 ? session_conninfo_for_pg_dumpall(backup->target, backup->connection,
														   backup->database, backup->directory)
						 : NULL;
	char *database = database_option(backup->database);
	const char *argv[] = {program,     "--globals-only",
						  "--no-sync", "--no-password",
						  database,    "--dbname",
						  conninfo,    manifest->globals.passwords ? NULL : "--no-role-passwords",
						  NULL};
	char *warnings = NULL;
	bool good;

	progress_phase("reading roles and tablespaces", "", 0, 0);
	good = conninfo != NULL &&
		   client_program_script("pg_dumpall", argv, backup->directory, &backup->text, &warnings);
	if (good)
		backup_warning_of_program(manifest, warnings);
	free(program);
	free(conninfo);
	free(database);
	free(warnings);
	return good && !stop_requested();
}

/* Does this statement create the bootstrap superuser?  pg_dumpall writes all else by ALTER ROLE. */
static bool
creates_bootstrap(const GlobalsBackup *backup, const char *statement, const char *end)
{
	static const char start[] = "CREATE ROLE ";
	char *name;
	const char *behind;
	bool same;

	if (strncmp(statement, start, strlen(start)) != 0)
		return false;
	behind = sql_name_read(statement + strlen(start), &name);
	if (behind == NULL)
		return false;
	same = behind + 1 == end && *behind == ';' && strcmp(name, backup->bootstrap) == 0;
	free(name);
	return same;
}

static void
append_guard(SqlText *sql, const char *bootstrap)
{
	SqlText body;

	sql_init(&body);
	sql_append(&body, "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ");
	sql_literal(&body, bootstrap);
	sql_append(&body, ") THEN CREATE ROLE ");
	sql_identifier(&body, bootstrap);
	sql_append(&body, "; END IF; END");
	sql_append(sql, "DO ");
	sql_text_literal(sql, &body);
	sql_append(sql, ";");
	sql_free(&body);
}

/* "ALTER ROLE name SET setting"; of all roles if there is no name. */
static void
begin_setting(SqlText *sql, const char *role, const char *name)
{
	sql_append(sql, "ALTER ROLE ");
	if (role == NULL)
		sql_append(sql, "ALL");
	else
		sql_identifier(sql, role);
	sql_append(sql, " SET ");
	sql_identifier(sql, name);
}

/* An empty list has no words in SET, but FROM CURRENT takes one. */
static void
append_empty_setting(SqlText *sql, const char *role, const char *name)
{
	SqlText body;

	sql_init(&body);
	sql_append(&body, "BEGIN PERFORM pg_catalog.set_config(");
	sql_literal(&body, name);
	sql_append(&body, ", '', true); ");
	begin_setting(&body, role, name);
	sql_append(&body, " FROM CURRENT; END");
	sql_append(sql, "DO ");
	sql_text_literal(sql, &body);
	sql_append(sql, ";");
	sql_free(&body);
}

static void
append_setting(SqlText *sql, const char *role, const char *name, const char *stored)
{
	SettingValue value;
	int i;

	setting_value_read(&value, name, stored);
	if (value.count == 0)
		append_empty_setting(sql, role, name);
	else
	{
		begin_setting(sql, role, name);
		sql_append(sql, " TO ");
		for (i = 0; i < value.count; i++)
		{
			if (i > 0)
				sql_append(sql, ", ");
			sql_literal(sql, value.items[i]);
		}
		sql_append(sql, ";");
	}
	setting_value_free(&value);
}

/*
 * "ALTER ROLE role SET setting TO ;", which is not SQL: pg_dumpall writes it
 * when a list is empty or such as it cannot cut, and any role can set that
 * for itself.  Its names, which the caller frees.
 */
static bool
lacks_value(const char *statement, const char *end, char **role, char **name)
{
	static const char start[] = "ALTER ROLE ";
	static const char set[] = " SET ";
	static const char behind[] = " TO ;";
	const char *at;

	*role = *name = NULL;
	if (strncmp(statement, start, strlen(start)) != 0)
		return false;
	at = sql_name_read(statement + strlen(start), role);
	if (at == NULL)
		return false;
	at = strncmp(at, set, strlen(set)) == 0 ? sql_name_read(at + strlen(set), name) : NULL;
	if (at != NULL && at + strlen(behind) == end && strncmp(at, behind, strlen(behind)) == 0)
		return true;
	free(*role);
	if (at != NULL)
		free(*name);
	return false;
}

/* What keeps "ALTER ROLE role SET ...", from the SET on, out of the backup; NULL: nothing. */
static const char *
unfit_because(const GlobalsBackup *backup, const char *at, const char *end)
{
	static const char set[] = " SET ";
	char *name = NULL;
	bool of_transaction;

	if (backup->utf8 && !session_text_is_utf8(at, end))
		return "is not valid UTF-8";
	if (end - at > MAX_SETTING)
		return "has more than 256 kB";
	of_transaction =
		sql_name_read(at + strlen(set), &name) != NULL && setting_is_of_transaction(name);
	free(name);
	return of_transaction ? "is of one transaction, means nothing" : NULL;
}

/*
 * "ALTER ROLE role SET ...;" of which no restore can make anything: bytes that
 * are not text in UTF-8 (of a database of another encoding), very many of them,
 * or a parameter that nobody can set; any role can do that for itself.  They are no reason to
 * lose the rest.
 */
static bool
is_unfit_setting(const GlobalsBackup *backup, const char *statement, const char *end)
{
	static const char start[] = "ALTER ROLE ";
	static const char set[] = " SET ";
	const char *problem = NULL;
	const char *at;
	char *role;

	if (strncmp(statement, start, strlen(start)) != 0 ||
		(at = sql_name_read(statement + strlen(start), &role)) == NULL)
		return false;
	if (strncmp(at, set, strlen(set)) == 0)
		problem = unfit_because(backup, at, end);
	if (problem != NULL)
	{
		char *shown = printable_name(role);

		log_warning("a setting of role \"%s\" %s, and is left out of the backup", shown, problem);
		free(shown);
	}
	free(role);
	return problem != NULL;
}

/*
 * A comment or label that was given in a session of another encoding: no server
 * takes it, and it is no reason to lose the rest.
 */
static bool
is_no_text(GlobalsBackup *backup, const char *statement, const char *end)
{
	char *start;
	char *shown;
	char *text;

	if (!backup->utf8 ||
		(strncmp(statement, "COMMENT ON ", 11) != 0 &&
		 strncmp(statement, "SECURITY LABEL ", 15) != 0) ||
		session_text_is_utf8(statement, end))
		return false;
	start = xasprintf("%.*s", (int) (end - statement < SHOWN_BYTES ? end - statement : SHOWN_BYTES),
					  statement);
	shown = printable_name(start);
	text = xasprintf("\"%s\" is not valid UTF-8, and is left out of the backup", shown);
	backup_warning(backup->manifest, "Give it again in a session of a database in UTF-8.", text);
	free(text);
	free(shown);
	free(start);
	return true;
}

/*
 * More than a server takes?  A comment of half a gigabyte of quotes is, and
 * whoever may create roles can give one to a role: no restore of the globals
 * would get past it.
 */
static bool
is_too_long(GlobalsBackup *backup, const char *statement, const char *end)
{
	bool comment = strncmp(statement, "COMMENT ON ", 11) == 0 ||
				   strncmp(statement, "SECURITY LABEL ", 15) == 0;
	size_t length = (size_t) (end - statement);
	char *start;
	char *shown;
	char *text;

	if (length <= (comment ? LONGEST_COMMENT_SQL : LONGEST_STATEMENT))
		return false;
	start = xasprintf("%.*s", SHOWN_BYTES, statement);
	shown = printable_name(start);
	text = xasprintf("\"%s...\" has %zu MB of SQL and is left out of the backup", shown,
					 length / (1024 * 1024));
	backup_warning(backup->manifest, "Shorten it, and make another backup.", text);
	free(text);
	free(shown);
	free(start);
	return true;
}

/* What it should have been; nothing if the setting is gone meanwhile. */
static bool
append_lacking(GlobalsBackup *backup, SqlText *sql, const char *role, const char *name)
{
	PGresult *result = connection_query(backup->connection, setting_query, 1, &role);
	size_t length = strlen(name);
	int i;

	for (i = 0; i < PQntuples(result); i++)
	{
		const char *item = PQgetvalue(result, i, 0);

		if (strncmp(item, name, length) == 0 && item[length] == '=')
			append_setting(sql, role, name, item + length + 1);
	}
	PQclear(result);
	return result != NULL;
}

/* What replaces this statement; false (reported) on failure. */
static bool
find_own_text(GlobalsBackup *backup, const char *at, const char *end, SqlText *own, bool *found)
{
	char *role;
	char *name;
	bool good = true;

	*found = creates_bootstrap(backup, at, end);
	if (*found)
		append_guard(own, backup->bootstrap);
	else if (is_unfit_setting(backup, at, end) || is_no_text(backup, at, end) ||
			 is_too_long(backup, at, end))
		*found = true;
	else if (lacks_value(at, end, &role, &name))
	{
		*found = true;
		good = append_lacking(backup, own, role, name);
		free(role);
		free(name);
	}
	return good;
}

/*
 * Create the bootstrap superuser only where there is none of this name, and
 * complete what is not SQL.  The text is cut into statements: names in it
 * may hold anything, and so what looks like a statement on a separate line.
 */
static bool
correct_text(GlobalsBackup *backup)
{
	const char *done = backup->text.data;
	const char *at = sql_skip_blank(done);
	bool good = true;
	SqlText own;
	Buffer copy;

	backup->utf8 = strstr(done, "SET client_encoding = 'UTF8';") != NULL;
	sql_init(&own);
	buffer_init(&copy);
	while (good && *at != '\0')
	{
		const char *end = sql_statement_end(at);
		bool found;

		backup->roles += strncmp(at, "CREATE ROLE ", 12) == 0;
		backup->tablespaces += strncmp(at, "CREATE TABLESPACE ", 18) == 0;
		sql_reset(&own);
		good = find_own_text(backup, at, end, &own, &found);
		if (found)
		{
			buffer_append(&copy, done, (size_t) (at - done));
			buffer_append(&copy, sql_string(&own), sql_length(&own));
			done = end;
		}
		at = sql_skip_blank(end);
	}
	buffer_append_string(&copy, done);
	explicit_bzero(backup->text.data, backup->text.length);
	buffer_free(&backup->text);
	backup->text = copy;
	sql_free(&own);
	return good;
}

static bool
add_settings_of_all(GlobalsBackup *backup)
{
	PGresult *result = connection_query(backup->connection, settings_query, 0, NULL);
	SqlText sql;
	int i;

	if (result == NULL)
		return false;
	sql_init(&sql);
	if (PQntuples(result) > 0)
		sql_append(&sql, "\n--\n-- Settings of all roles\n--\n\n");
	for (i = 0; i < PQntuples(result); i++)
	{
		if (setting_is_of_transaction(PQgetvalue(result, i, 0)))
			continue;
		append_setting(&sql, NULL, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
		sql_append(&sql, "\n");
	}
	buffer_append(&backup->text, sql_string(&sql), sql_length(&sql));
	sql_free(&sql);
	PQclear(result);
	return true;
}

/* Head, pg_dumpall's text, tail: only head and tail, with their random key, differ from day to day.
 */
static bool
put_members(GlobalsBackup *backup)
{
	char key[RESTRICT_KEY_LENGTH + 1];
	Buffer head;
	Buffer tail;
	bool good;

	buffer_init(&head);
	buffer_init(&tail);
	good = schema_restrict_key(key);
	if (good)
	{
		buffer_printf(&head,
					  "--\n-- Globals of a PostgreSQL cluster, backed up by nex_backup\n--\n\n"
					  "\\restrict %s\n\n",
					  key);
		schema_tail(&tail, key);
		good = draft_put(backup->draft, MEMBER_HEAD, head.data, head.length) &&
			   draft_put(backup->draft, MEMBER_GLOBALS, backup->text.data, backup->text.length) &&
			   draft_put(backup->draft, MEMBER_TAIL, tail.data, tail.length);
	}
	buffer_free(&head);
	buffer_free(&tail);
	return good;
}

/*
 * Is every role and tablespace in the text?  Some may have been dropped while
 * pg_dumpall read them, so fewer than there were are too few only if more are there.
 */
static bool
check_counts(GlobalsBackup *backup)
{
	ManifestGlobals *globals = &backup->manifest->globals;
	bool good = backup->roles >= globals->roles && backup->tablespaces >= globals->tablespaces;
	PGresult *result = good ? NULL : connection_query(backup->connection, overview_query, 0, NULL);

	if (!good && result == NULL)
		return false;
	if (!good)
		good = backup->roles >= strtoull(PQgetvalue(result, 0, 0), NULL, 10) &&
			   backup->tablespaces >= strtoull(PQgetvalue(result, 0, 2), NULL, 10);
	PQclear(result);
	if (!good)
		return report_error(EXIT_FAILED, NULL, "Try again.",
							"pg_dumpall wrote %llu of %llu roles and %llu of %llu tablespaces",
							(unsigned long long) backup->roles, (unsigned long long) globals->roles,
							(unsigned long long) backup->tablespaces,
							(unsigned long long) globals->tablespaces);
	globals->roles = backup->roles;
	globals->tablespaces = backup->tablespaces;
	return true;
}

/* An update of pg_dumpall is what helps: old ones write SQL that others choose. */
static bool
report_planted(const UnknownSql *unknown)
{
	char *detail = unknown_sql_detail(unknown);

	report_error(
		EXIT_INTEGRITY, detail,
		"pg_dumpall before 14.19, 15.14, 16.10, and 17.6 writes names of roles so that they "
		"can be SQL: update the client programs, and look at the names of the roles.  If the "
		"statement does no harm, use --allow-unknown-sql.",
		"pg_dumpall wrote SQL of a form that is not known, which somebody may have planted");
	free(detail);
	return false;
}

/* Is everything in the text what pg_dumpall has to say?  A restore would not take it otherwise. */
static bool
examine(GlobalsBackup *backup)
{
	UnknownSql unknown;
	bool good;

	known_sql_examine(MEMBER_GLOBALS, backup->text.data, backup->text.length,
					  strstr(backup->text.data, "SET client_encoding = 'UTF8';") != NULL, &unknown);
	good =
		unknown.count == 0 || backup->settings->part->allow_unknown_sql || report_planted(&unknown);
	unknown_sql_free(&unknown);
	return good;
}

static void
clean_up(GlobalsBackup *backup)
{
	lock_watch_end(backup->watch);
	connection_close(backup->connection);
	target_free(backup->target);
	temporary_directory_remove(backup->directory);

	/* Hashes of passwords are in it. */
	if (backup->text.data != NULL)
		explicit_bzero(backup->text.data, backup->text.length);
	buffer_free(&backup->text);
	free(backup->bootstrap);
	free(backup->database);
	draft_end(backup->draft);
}

Manifest *
backup_globals(const Settings *settings, Repository *repository)
{
	GlobalsBackup backup = {.settings = settings, .repository = repository};
	Manifest *manifest = NULL;

	if (begin_globals(&backup) && look_around(&backup) &&
		large_settings_check(backup.connection, false) && check_names(&backup) &&
		run_pg_dumpall(&backup))
	{
		script_cut_restrict(&backup.text);
		if (correct_text(&backup) && check_counts(&backup) && add_settings_of_all(&backup) &&
			examine(&backup) && put_members(&backup))
			manifest = draft_publish(backup.draft, 1);
	}
	clean_up(&backup);
	return manifest;
}
