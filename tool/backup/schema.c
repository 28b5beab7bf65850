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

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "subprocess.h"

#define MIN_CHILD_LOCK_WAIT 60 /* seconds; for ever would be a deadlock that nobody detects */

/* Whole file into a buffer; false (reported) on failure. */
static bool
read_file(const char *path, Buffer *content)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t got = -1;

	buffer_init(content);
	if (fd >= 0 && fstat(fd, &status) == 0)
	{
		buffer_reserve(content, (size_t) status.st_size + 1);
		while ((got = read(fd, content->data + content->length,
						   content->capacity - content->length - 1)) > 0)
			content->length += (size_t) got;
		content->data[content->length] = '\0';
	}
	if (got < 0)
		report_error(EXIT_FAILED, strerror(errno), NULL, "could not read file \"%s\"", path);
	if (fd >= 0)
		close(fd);
	return got == 0;
}

/* Report a child that failed, with the last words it said. */
static bool
check_child(const char *program, SubprocessResult *result)
{
	if (result->exit_code == 0)
		return true;
	if (result->exit_code < 0)
		return report_error(EXIT_FAILED, result->errors.data, NULL,
							"%s was terminated by signal %d", program, result->signal);
	return report_error(EXIT_FAILED, result->errors.data, NULL, "%s failed with exit code %d",
						program, result->exit_code);
}

/* pg_dump -Fc of the two schema sections. */
static bool
dump_archive(Schema *schema, const char *archive)
{
	char *pg_dump = find_client_program(schema->bindir, "pg_dump", schema->server_version,
										&schema->pg_dump_version);
	char *conninfo = NULL;
	SubprocessResult result;
	bool good = false;

	if (pg_dump != NULL)
		conninfo = target_conninfo_for_child(schema->target, schema->directory);
	if (conninfo != NULL)
	{
		int wait = schema->lock_wait_timeout > MIN_CHILD_LOCK_WAIT ? schema->lock_wait_timeout
																   : MIN_CHILD_LOCK_WAIT;
		char *snapshot = xasprintf("--snapshot=%s", schema->snapshot);
		char *lock_wait = xasprintf("--lock-wait-timeout=%ds", wait);
		char *file = xasprintf("--file=%s", archive);
		const char *argv[] = {pg_dump,
							  "--format=custom",
							  "--compress=0",
							  "--section=pre-data",
							  "--section=post-data",
							  "--no-blobs",
							  "--no-sync",
							  "--no-password",
							  snapshot,
							  lock_wait,
							  file,
							  "--dbname",
							  conninfo,
							  NULL};

		if (subprocess_run(argv, NULL, &result))
		{
			good = check_child("pg_dump", &result);
			schema->warnings = xstrdup(result.errors.data);
			subprocess_result_free(&result);
		}
		free(snapshot);
		free(lock_wait);
		free(file);
	}
	free(conninfo);
	free(pg_dump);
	return good;
}

/* Drop a line from a script: everything from its start up to and including its newline. */
static void
cut_line(Buffer *script, char *line)
{
	char *end = strchr(line, '\n');
	size_t length = end != NULL ? (size_t) (end - line) + 1 : strlen(line);

	memmove(line, line + length, script->length - (size_t) (line - script->data) - length + 1);
	script->length -= length;
}

/*
 * Take out pg_restore's own \restrict pair: one pair stands around the whole
 * backup, and these members shall have the same content every day.  The key
 * is random, so its second occurrence can only be the \unrestrict.  The
 * setting transaction_timeout is unknown to servers before 17; the head
 * member has it in a form that all of them take.
 */
static void
clean_script(Buffer *script)
{
	static const char timeout[] = "SET transaction_timeout = 0;\n";
	char *line = strstr(script->data, "\n\\restrict ");
	char *found;

	if (line != NULL)
	{
		size_t length = strcspn(line + 11, "\n");
		char *closing = xasprintf("\n\\unrestrict %.*s\n", (int) length, line + 11);

		cut_line(script, line + 1);
		found = strstr(script->data, closing);
		if (found != NULL)
			cut_line(script, found + 1);
		free(closing);
	}
	found = strstr(script->data, timeout);
	if (found != NULL && found < strstr(script->data, "SET row_security"))
		cut_line(script, found);
}

/* The plain text of one section of the archive. */
static bool
write_script(Schema *schema, const char *archive, const char *section, Buffer *script)
{
	char *pg_restore =
		find_client_program(schema->bindir, "pg_restore", schema->server_version, NULL);
	char *path = xasprintf("%s/%s.sql", schema->directory, section);
	char *option = xasprintf("--section=%s", section);
	char *file = xasprintf("--file=%s", path);
	const char *argv[] = {pg_restore, option, file, archive, NULL};
	SubprocessResult result;
	bool good = false;

	if (pg_restore != NULL && subprocess_run(argv, NULL, &result))
	{
		good = check_child("pg_restore", &result) && read_file(path, script);
		subprocess_result_free(&result);
	}
	if (good)
		clean_script(script);
	free(pg_restore);
	free(path);
	free(option);
	free(file);
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

void *
schema_dump(void *argument)
{
	Schema *schema = argument;
	char *path = xasprintf("%s/archive", schema->directory);
	Buffer archive;

	buffer_init(&archive);
	schema->good = dump_archive(schema, path) && read_file(path, &archive) &&
				   write_script(schema, path, "pre-data", &schema->pre_data) &&
				   write_script(schema, path, "post-data", &schema->post_data);
	if (schema->good)
		append_as_comments(&schema->archive, &archive);
	else
		stop_request();
	buffer_free(&archive);
	free(path);
	return NULL;
}

void
schema_free(Schema *schema)
{
	free(schema->pg_dump_version);
	free(schema->warnings);
	buffer_free(&schema->archive);
	buffer_free(&schema->pre_data);
	buffer_free(&schema->post_data);
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
			 "    'idle_in_transaction_session_timeout', 'idle_session_timeout');\n");
	buffer_printf(sql, "SET client_encoding = '%s';\n", encoding);
	buffer_append_string(sql, "SET standard_conforming_strings = on;\n"
							  "SELECT pg_catalog.set_config('search_path', '', false);\n"
							  "SET check_function_bodies = false;\n"
							  "SET xmloption = content;\n"
							  "SET client_min_messages = warning;\n"
							  "SET row_security = off;\n\n");
}

void
schema_tail(Buffer *sql, const char *key)
{
	buffer_printf(sql, "\n\\unrestrict %s\n", key);
}
