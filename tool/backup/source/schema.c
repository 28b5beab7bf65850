/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  pre-data and post-data, as archive and as text.
 *
 * The DDL comes from pg_dump, which knows every object kind and every order
 * among them; writing that again would only be worse.  One run gives a
 * custom archive without data (for pg_restore -j and its list), from which
 * pg_restore makes the two plain scripts (for psql, without this software).
 * --section is used because --schema-only would lose REFRESH MATERIALIZED
 * VIEW.  Large objects are left to large_objects.c.
 *
 *-------------------------------------------------------------------------
 */
#include "schema.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "client_program.h"
#include "interrupt.h"
#include "log.h"
#include "long_entries.h"
#include "longest_comment.h"
#include "mapped_file.h"
#include "memory.h"
#include "moved_objects.h"
#include "private_file.h"
#include "session_pins.h"
#include "subprocess.h"

/*
 * The leader holds every lock that pg_dump asks for, so it waits only behind
 * a session that itself waits for the leader.
 */
#define CHILD_LOCK_WAIT "--lock-wait-timeout=2s"

/* How pg_dump connects: under a name that its session is found by. */
static char *
conninfo_for_pg_dump(const Schema *schema)
{
	ConnectionTarget *target = target_with_database(schema->target, schema->database);
	char *named = NULL;
	char *conninfo;

	session_pin_writer(target, schema->role, schema->child_options);
	conninfo = target_conninfo_for_child(target, schema->directory);
	target_free(target);
	if (conninfo != NULL)
		named = xasprintf("%s application_name='%s'", conninfo, schema->application);
	free(conninfo);
	return named;
}

/*
 * pg_dump has ended: did anything move under its hands?  That may be why it failed, too; but if it
 * did and the server does not answer, its own message says more.
 */
static bool
nothing_moved(Schema *schema, bool failed)
{
	ConnectionTarget *target = target_with_database(schema->target, schema->database);
	char *message = NULL;
	Connection *connection = failed ? connection_try(target, &message) : connection_open(target);
	bool good = connection != NULL
					? moved_objects_find(connection, schema->names, MOVED_OF_SCHEMA, &schema->moved)
					: failed;

	free(message);
	connection_close(connection);
	target_free(target);
	atomic_store(&schema->stale, schema->moved != NULL);
	return good && schema->moved == NULL;
}

/* Does pg_dump not know our snapshot?  Then it has reached another server. */
static bool
snapshot_is_known(const SubprocessResult *result)
{
	const char *errors = result->errors.data;

	if (result->exit_code == 0 ||
		(strstr(errors, "invalid snapshot identifier") == NULL &&
		 strstr(errors, "could not import the requested snapshot") == NULL &&
		 !(strstr(errors, "snapshot \"") != NULL && strstr(errors, "\" does not exist") != NULL)))
		return true;
	return report_error(EXIT_FAILED, errors, OTHER_SERVER_HINT,
						"pg_dump does not know the snapshot of this backup");
}

/* Arguments, and those that exclude the data of the patterns; the caller frees the array alone. */
static const char **
arguments_with(const char *const *arguments, size_t count, char *const *patterns)
{
	const char **argv;
	size_t npatterns = 0;
	size_t i;

	while (patterns[npatterns] != NULL)
		npatterns++;
	argv = xcalloc(count + 2 * npatterns + 1, sizeof(char *));
	for (i = 0; i < count; i++)
		argv[i] = arguments[i];
	for (i = 0; i < npatterns; i++)
	{
		argv[count + 2 * i] = "--exclude-table-data";
		argv[count + 2 * i + 1] = patterns[i];
	}
	return argv;
}

/* pg_dump -Fc of the two schema sections. */
static bool
dump_archive(Schema *schema, const char *archive)
{
	char *conninfo = conninfo_for_pg_dump(schema);
	SubprocessResult result;
	bool good = false;

	if (conninfo != NULL)
	{
		char *snapshot = xasprintf("--snapshot=%s", schema->snapshot);
		char *file = xasprintf("--file=%s", archive);
		char *encoding = xasprintf("--encoding=%s", schema->encoding);
		const char *const arguments[] = {schema->pg_dump,
										 "--format=custom",
										 "--compress=0",
										 "--section=pre-data",
										 "--section=post-data",
										 "--no-blobs",
										 "--no-sync",
										 "--no-password",
										 encoding,
										 snapshot,
										 CHILD_LOCK_WAIT,
										 file,
										 "--dbname",
										 conninfo};
		const char **argv =
			arguments_with(arguments, sizeof(arguments) / sizeof(arguments[0]), schema->unread);

		if (subprocess_run_connected(argv, schema->directory, &result))
		{
			schema->kept_out =
				result.exit_code > 0 && strstr(result.errors.data, "LOCK TABLE") != NULL;
			good = !schema->kept_out && !stop_requested() &&
				   nothing_moved(schema, result.exit_code != 0) &&
				   (snapshot_is_known(&result) || stop_requested()) &&
				   client_program_check("pg_dump", &result);
			schema->warnings = xstrdup(result.errors.data);
			subprocess_result_free(&result);
		}
		free(argv);
		free(snapshot);
		free(file);
		free(encoding);
	}
	free(conninfo);
	return good;
}

/* The plain text of one section of the archive. */
static bool
write_script(Schema *schema, const char *archive, const char *section, Buffer *script)
{
	char *pg_restore =
		find_client_program(schema->bindir, "pg_restore", schema->server_version, NULL);
	char *option = xasprintf("--section=%s", section);
	const char *argv[] = {pg_restore, option, "--file=-", archive, NULL};
	bool good = pg_restore != NULL && client_program_script("pg_restore", argv, NULL, script, NULL);

	if (good)
		script_clean(script);
	free(pg_restore);
	free(option);
	return good;
}

/* base64 in SQL comments, 72 digits to a line. */
static void
append_as_comments(Buffer *sql, const Buffer *binary)
{
	static const char title[] =
		"-- The schema as an archive for pg_restore, base64-encoded (see RECOVER.txt).\n--\n";
	unsigned char digits[80];
	size_t at;

	buffer_append_string(sql, title);
	for (at = 0; at < binary->length; at += 54)
	{
		size_t length = binary->length - at < 54 ? binary->length - at : 54;

		EVP_EncodeBlock(digits, (const unsigned char *) binary->data + at, (int) length);
		buffer_append_string(sql, "-- ");
		buffer_append_string(sql, (const char *) digits);
		buffer_append_char(sql, '\n');
	}
	buffer_append_char(sql, '\n');
}

/*
 * What pg_dump wrote, without what no server takes and what is elsewhere; what
 * pg_restore then reads is another file.
 */
static bool
read_archive(Schema *schema, Buffer *archive, char **path)
{
	MappedFile written;
	Buffer warnings;
	bool good = true;
	bool changed;

	if (!mapped_file_open(&written, *path))
		return false;
	buffer_init(&warnings);
	buffer_append_string(&warnings, schema->warnings);
	changed = long_entries_cut(written.data, written.length, LONGEST_COMMENT_SQL, LONGEST_STATEMENT,
							   archive, &warnings);
	mapped_file_close(&written);
	if (changed)
	{
		char *cut = xasprintf("%s_cut", *path);
		int error = new_file_write(cut, archive->data, archive->length, false);

		if (error != 0)
			good = report_error(EXIT_FAILED, strerror(error), temporary_file_hint(error),
								"could not write file \"%s\"", cut);
		free(*path);
		*path = cut;
	}
	free(schema->warnings);
	schema->warnings = buffer_detach(&warnings);
	return good;
}

void *
schema_dump(void *argument)
{
	Schema *schema = argument;
	char *path = xasprintf("%s/archive", schema->directory);
	Buffer archive;

	buffer_init(&archive);
	schema->good = dump_archive(schema, path) && read_archive(schema, &archive, &path) &&
				   write_script(schema, path, "pre-data", &schema->pre_data) &&
				   write_script(schema, path, "post-data", &schema->post_data);
	if (schema->good)
	{
		log_debug("the schema is read");
		append_as_comments(&schema->archive, &archive);
	}
	else if (!schema->kept_out && schema->moved == NULL)
		stop_request();
	buffer_free(&archive);
	free(path);
	atomic_store(&schema->ended, true);
	return NULL;
}

void
schema_free(Schema *schema)
{
	free(schema->application);
	free(schema->pg_dump_version);
	free(schema->warnings);
	free(schema->moved);
	buffer_free(&schema->archive);
	buffer_free(&schema->pre_data);
	buffer_free(&schema->post_data);
	memset(schema, 0, sizeof(*schema));
}

bool
schema_restrict_key(char key[RESTRICT_KEY_LENGTH + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";
	unsigned char random[RESTRICT_KEY_LENGTH];
	int i;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate random bytes");
	for (i = 0; i < RESTRICT_KEY_LENGTH; i++)
		key[i] = digits[random[i] & 63];
	key[RESTRICT_KEY_LENGTH] = '\0';
	return true;
}

void
schema_head(Buffer *sql, const char *key, const char *encoding)
{
	buffer_append_string(sql, "--\n-- PostgreSQL database backup by nex_backup\n--\n\n");
	buffer_printf(sql, "\\set ON_ERROR_STOP on\n\\restrict %s\n\n", key);
	buffer_append_string(
		sql, "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings\n"
			 "  WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout',\n"
			 "    'idle_in_transaction_session_timeout', 'idle_session_timeout');\n"
			 "SET default_transaction_read_only = off;\n"
			 "SELECT pg_catalog.set_config(name, '', false) FROM pg_catalog.pg_settings\n"
			 "  WHERE name = 'restrict_nonsystem_relation_kind';\n");
	buffer_printf(sql, "SET client_encoding = '%s';\n", encoding);
	buffer_append_string(sql, "SET standard_conforming_strings = on;\n"
							  "SELECT pg_catalog.set_config('search_path', '', false);\n"
							  "SET check_function_bodies = false;\n"
							  "SET xmloption = content;\n"
							  "SET client_min_messages = warning;\n"
							  "SET lc_monetary = 'C';\n"
							  "SET quote_all_identifiers = off;\n"
							  "SET array_nulls = on;\n"
							  "SET row_security = off;\n\n");
}

void
schema_tail(Buffer *sql, const char *key)
{
	buffer_printf(sql, "\n\\unrestrict %s\n", key);
}
