/*-------------------------------------------------------------------------
 *
 * globals.c
 *	  A backup of the globals, by pg_dumpall.
 *
 * pg_dumpall of the server's own major version knows how that version writes
 * memberships, their grantors and options.  Two things are added to its
 * text: what ALTER ROLE ALL set, which it leaves out; and that the bootstrap
 * superuser, whom every new cluster has, is created only where he is
 * missing, so that psql meets no error on an empty cluster.
 *
 *-------------------------------------------------------------------------
 */
#include "globals.h"

#include <stdlib.h>
#include <string.h>

#include "client_program.h"
#include "database_settings.h"
#include "encryption.h"
#include "interrupt.h"
#include "log.h"
#include "manifest_envelope.h"
#include "maintenance.h"
#include "memory.h"
#include "pipeline.h"
#include "progress.h"
#include "quote.h"
#include "schema.h"
#include "utc_time.h"

#define NO_PASSWORDS_WARNING "the passwords of the roles are not in this backup"

/* What there is, whether passwords may be read, and who must not be created again. */
static const char overview_query[] =
	"SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'),"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_auth_members"
	"  WHERE NOT (pg_catalog.pg_get_userbyid(roleid) ~ '^pg_'"
	"   AND pg_catalog.pg_get_userbyid(member) ~ '^pg_')),"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_'),"
	" pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT'),"
	" (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10),"
	" pg_catalog.current_database()";

/* ALTER ROLE ALL SET: of no role and of no database.  Lists of names are stored quoted already. */
static const char settings_query[] =
	"SELECT pg_catalog.format('ALTER ROLE ALL SET %s TO %s;', pg_catalog.quote_ident(name),"
	"  CASE WHEN name IN ('local_preload_libraries', 'search_path', 'session_preload_libraries',"
	"   'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories') AND value <> ''"
	"  THEN value ELSE pg_catalog.quote_literal(value) END)"
	" FROM (SELECT pg_catalog.split_part(one, '=', 1) AS name,"
	"  pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) AS value"
	"  FROM pg_catalog.pg_db_role_setting s, LATERAL pg_catalog.unnest(s.setconfig) one"
	"  WHERE s.setrole = 0 AND s.setdatabase = 0) settings ORDER BY name";

typedef struct GlobalsBackup
{
	const Settings *settings;
	Repository *repository;
	ConnectionTarget *target;
	Connection *connection;
	Manifest *manifest;
	ObjectStore *store;
	char *directory; /* private, temporary */
	char *bootstrap; /* superuser of initdb */
	char *database;  /* that we are connected to */
	Buffer text;
	int lock;
} GlobalsBackup;

static bool
begin(GlobalsBackup *backup)
{
	const Settings *settings = backup->settings;
	Manifest *manifest = backup->manifest = manifest_create();

	progress_phase("connecting", "", 0, 0);
	manifest->kind = BACKUP_OF_GLOBALS;
	manifest->database.name = xstrdup(GLOBALS_DATABASE);
	manifest->started = utc_now();
	manifest->type = xstrdup(settings->type);
	manifest->tool = xstrdup(NEX_BACKUP_VERSION);
	manifest->codec = settings->codec;
	manifest->level = settings->compress_level;
	manifest->repository = xstrdup(backup->repository->id);
	manifest_describe(backup->repository, manifest);
	if (!encryption_can_write(backup->repository))
		return false;
	backup->connection = connection_open_maintenance(settings, &backup->target);
	if (backup->connection == NULL || !server_read(backup->connection, &manifest->server) ||
		!repository_lock_shared(backup->repository) ||
		!repository_lock_backup(backup->repository, GLOBALS_DATABASE, &backup->lock) ||
		!repository_new_id(backup->repository, GLOBALS_DATABASE, manifest->id))
		return false;
	backup->store = object_store_create(backup->repository, manifest->codec, NULL);
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
	manifest->snapshot_at = utc_now();
	globals->roles = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	globals->memberships = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
	globals->tablespaces = strtoull(PQgetvalue(result, 0, 2), NULL, 10);
	globals->passwords = !backup->settings->no_role_passwords && PQgetvalue(result, 0, 3)[0] == 't';
	backup->bootstrap = xstrdup(PQgetvalue(result, 0, 4));
	backup->database = xstrdup(PQgetvalue(result, 0, 5));
	if (!globals->passwords)
	{
		manifest_add_warning(manifest, NO_PASSWORDS_WARNING);
		if (!backup->settings->no_role_passwords)
			log_warning_hint("Back up the globals as a superuser to have them, or say "
							 "--no-role-passwords.",
							 NO_PASSWORDS_WARNING);
	}
	PQclear(result);
	return true;
}

/* Run pg_dumpall into backup->text. */
static bool
run_pg_dumpall(GlobalsBackup *backup)
{
	Manifest *manifest = backup->manifest;
	char *program = find_client_program(backup->settings->pg_bindir, "pg_dumpall",
										connection_version(backup->connection), &manifest->pg_dump);
	char *conninfo =
		program != NULL
			? target_conninfo_for_pg_dumpall(backup->target, backup->database, backup->directory)
			: NULL;
	char *path = xasprintf("%s/globals.sql", backup->directory);
	char *file = xasprintf("--file=%s", path);
	char *database = database_option(backup->database);
	const char *argv[] = {program,
						  "--globals-only",
						  "--no-sync",
						  "--no-password",
						  file,
						  database,
						  "--dbname",
						  conninfo,
						  manifest->globals.passwords ? NULL : "--no-role-passwords",
						  NULL};
	SubprocessResult result;
	bool good = false;

	progress_phase("reading roles and tablespaces", "", 0, 0);
	if (conninfo != NULL && subprocess_run_connected(argv, backup->directory, &result))
	{
		good = client_program_check("pg_dumpall", &result) &&
			   client_program_output(path, &backup->text);
		if (good && result.errors.data[0] != '\0')
		{
			log_warning("%s", result.errors.data);
			manifest_add_warning(manifest, result.errors.data);
		}
		subprocess_result_free(&result);
	}
	free(program);
	free(conninfo);
	free(path);
	free(file);
	free(database);
	return good && !stop_requested();
}

/* Replace the first occurrence of a text. */
static void
replace_once(Buffer *text, const char *old, const char *new)
{
	char *found = memmem(text->data, text->length, old, strlen(old));
	Buffer copy;

	if (found == NULL)
		return;
	buffer_init(&copy);
	buffer_append(&copy, text->data, (size_t) (found - text->data));
	buffer_append_string(&copy, new);
	buffer_append_string(&copy, found + strlen(old));
	buffer_free(text);
	*text = copy;
}

/* Create the bootstrap superuser only where there is none of his name. */
static void
guard_bootstrap(GlobalsBackup *backup)
{
	Buffer name;
	Buffer body;
	Buffer old;
	Buffer new;

	buffer_init(&name);
	buffer_init(&body);
	buffer_init(&old);
	buffer_init(&new);
	quote_identifier(&name, backup->bootstrap);
	buffer_printf(&old, "\nCREATE ROLE %s;\n", name.data);
	buffer_append_string(&body,
						 "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ");
	quote_literal(&body, backup->bootstrap);
	buffer_printf(&body, ") THEN CREATE ROLE %s; END IF; END", name.data);
	buffer_append_string(&new, "\nDO ");
	quote_literal(&new, body.data);
	buffer_append_string(&new, ";\n");
	replace_once(&backup->text, old.data, new.data);
	buffer_free(&name);
	buffer_free(&body);
	buffer_free(&old);
	buffer_free(&new);
}

static bool
add_settings_of_all(GlobalsBackup *backup)
{
	PGresult *result = connection_query(backup->connection, settings_query, 0, NULL);
	int i;

	if (result == NULL)
		return false;
	if (PQntuples(result) > 0)
		buffer_append_string(&backup->text, "\n--\n-- Settings of all roles\n--\n\n");
	for (i = 0; i < PQntuples(result); i++)
		buffer_printf(&backup->text, "%s\n", PQgetvalue(result, i, 0));
	PQclear(result);
	return true;
}

/* Head, pg_dumpall's text, tail: only head and tail, with their random key, differ from day to day.
 */
static bool
assemble(GlobalsBackup *backup)
{
	Manifest *manifest = backup->manifest;
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
		good = store_member(backup->store, manifest, MEMBER_HEAD, head.data, head.length) &&
			   store_member(backup->store, manifest, MEMBER_GLOBALS, backup->text.data,
							backup->text.length) &&
			   store_member(backup->store, manifest, MEMBER_TAIL, tail.data, tail.length);
	}
	buffer_free(&head);
	buffer_free(&tail);
	return good;
}

static bool
publish(GlobalsBackup *backup)
{
	Manifest *manifest = backup->manifest;

	progress_phase("publishing", "", 0, 0);
	if (!assemble(backup))
		return false;
	manifest_sum_up(manifest);
	if (stop_requested() || !object_store_barrier(backup->store, 1))
		return false;
	manifest->totals.new_objects = object_store_new_objects(backup->store);
	manifest->totals.new_bytes = object_store_new_bytes(backup->store);
	manifest->finished = utc_now();
	return !stop_requested() && repository_publish(backup->repository, manifest);
}

static void
clean_up(GlobalsBackup *backup)
{
	object_store_free(backup->store);
	connection_close(backup->connection);
	target_free(backup->target);
	temporary_directory_remove(backup->directory);

	/* Hashes of passwords are in it. */
	if (backup->text.data != NULL)
		explicit_bzero(backup->text.data, backup->text.length);
	buffer_free(&backup->text);
	free(backup->bootstrap);
	free(backup->database);
	if (backup->lock >= 0)
		repository_unlock(backup->repository, backup->lock);
}

Manifest *
backup_globals(const Settings *settings, Repository *repository)
{
	GlobalsBackup backup;
	Manifest *manifest;
	bool good;

	memset(&backup, 0, sizeof(backup));
	backup.settings = settings;
	backup.repository = repository;
	backup.lock = -1;
	good = begin(&backup) && look_around(&backup) && run_pg_dumpall(&backup);
	if (good)
	{
		script_cut_restrict(&backup.text);
		guard_bootstrap(&backup);
		good = add_settings_of_all(&backup) && publish(&backup);
	}
	manifest = backup.manifest;
	clean_up(&backup);
	if (!good)
	{
		manifest_free(manifest);
		return NULL;
	}
	return manifest;
}
