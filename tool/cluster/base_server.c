/*-------------------------------------------------------------------------
 *
 * base_server.c
 *	  The server whose files are backed up.
 *
 * The low-level functions have other names before PostgreSQL 15.  A session
 * that ends takes the server out of backup mode, so whatever happens to this
 * program, nothing is left there.
 *
 *-------------------------------------------------------------------------
 */
#include "base_server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_tree.h"
#include "control_file.h"
#include "base_reader.h"
#include "database_settings.h"
#include "log.h"
#include "memory.h"
#include "private_file.h"
#include "utc_time.h"
#include "wal_position.h"

#define LABEL "nex_backup"

#define ARCHIVE_HINT                                                                               \
	"Without its WAL a base backup cannot be recovered.  Set archive_mode = on and "               \
	"archive_command = 'nex_backup wal push %p', restart the server, and try again."

/* A start of the server as two clocks see it: its own, and that of its process. */
#define START_TOLERANCE 60

static const SqlConstant look_query =
	SQL("SELECT pg_catalog.current_setting('data_directory'),"
		" pg_catalog.current_setting('block_size'),"
		" (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'segment_size'),"
		" (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size'),"
		" pg_catalog.current_setting('data_checksums') = 'on',"
		" pg_catalog.current_setting('archive_mode'),"
		" pg_catalog.current_setting('archive_command') NOT IN ('', '(disabled)')"
		"  OR coalesce(pg_catalog.current_setting('archive_library', true), '') <> '',"
		" pg_catalog.current_setting('port'),"
		" (SELECT archived_count FROM pg_catalog.pg_stat_archiver)");

static const SqlConstant archiver_query =
	SQL("SELECT last_failed_wal, pg_catalog.to_char(pg_catalog.timezone('UTC', last_failed_time),"
		"  'YYYY-MM-DD HH24:MI:SS'), last_archived_wal"
		" FROM pg_catalog.pg_stat_archiver"
		" WHERE last_failed_time > coalesce(last_archived_time, '-infinity')");

static const SqlConstant start_query =
	SQL("SELECT pg_catalog.pg_backup_start($1::pg_catalog.text, $2::pg_catalog.bool)");
static const SqlConstant stop_query =
	SQL("SELECT lsn, labelfile, pg_catalog.to_char(pg_catalog.timezone('UTC',"
		"  pg_catalog.clock_timestamp()), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
		" FROM pg_catalog.pg_backup_stop(false)");

/* PostgreSQL 14. */
static const SqlConstant old_start_query =
	SQL("SELECT pg_catalog.pg_start_backup($1::pg_catalog.text, $2::pg_catalog.bool, false)");
static const SqlConstant old_stop_query =
	SQL("SELECT lsn, labelfile, pg_catalog.to_char(pg_catalog.timezone('UTC',"
		"  pg_catalog.clock_timestamp()), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
		" FROM pg_catalog.pg_stop_backup(false, false)");

#define FIRST_WITH_NEW_NAMES 150000

/* ---- looking ---- */

static bool
refuse_standby(const Manifest *manifest)
{
	return !manifest->server.in_recovery ||
		   report_error(EXIT_FAILED, NULL, "Back up the primary server.",
						"the server is a standby, and base backups of standbys are not made yet");
}

static bool
check_archiving(const PGresult *result)
{
	const char *mode = PQgetvalue(result, 0, 5);

	if (strcmp(mode, "off") == 0)
		return report_error(EXIT_FAILED, NULL, ARCHIVE_HINT,
							"the server does not archive its WAL: archive_mode is off");
	if (PQgetvalue(result, 0, 6)[0] != 't')
		return report_error(EXIT_FAILED, NULL, ARCHIVE_HINT,
							"the server does not archive its WAL: archive_command is empty");
	return true;
}

/* The system identifier as directories have it. */
static bool
name_system(Manifest *manifest)
{
	const char *text = manifest->server.system_identifier;

	if (text == NULL)
		return report_error(EXIT_FAILED, NULL,
							"Connect as a superuser, or grant EXECUTE on pg_control_system() and "
							"pg_control_checkpoint().",
							"the role may not read the system identifier of the server");
	manifest->database.name = xasprintf("%016" PRIx64, (uint64_t) strtoull(text, NULL, 10));
	return true;
}

bool
base_server_look(BaseServer *server, Manifest *manifest)
{
	ManifestCluster *cluster = &manifest->cluster;
	PGresult *result;
	bool good;

	if (!server_read(server->connection, &manifest->server) || !refuse_standby(manifest) ||
		!name_system(manifest))
		return false;
	result = connection_query(server->connection, look_query, 0, NULL);
	if (result == NULL)
		return false;
	server->data_directory = xstrdup(PQgetvalue(result, 0, 0));
	cluster->block_size = (uint32_t) strtoul(PQgetvalue(result, 0, 1), NULL, 10);
	server->relation_blocks = (uint32_t) strtoul(PQgetvalue(result, 0, 2), NULL, 10);
	cluster->segment_size = (uint32_t) strtoul(PQgetvalue(result, 0, 3), NULL, 10);
	cluster->checksums = PQgetvalue(result, 0, 4)[0] == 't';
	server->port = strtol(PQgetvalue(result, 0, 7), NULL, 10);
	server->archived = strtoull(PQgetvalue(result, 0, 8), NULL, 10);
	good = check_archiving(result);
	PQclear(result);
	return good;
}

void
base_server_free(BaseServer *server)
{
	connection_close(server->connection);
	free(server->data_directory);
	memset(server, 0, sizeof(*server));
}

char *
base_server_archiver(const BaseServer *server)
{
	PGresult *result = connection_exec(server->connection, archiver_query);
	char *text = NULL;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
		text = xasprintf("The server could not archive %s, last at %s UTC.",
						 PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	PQclear(result);
	return text;
}

/* ---- is it here ---- */

/* A line of postmaster.pid, as a number; 0 if there is none. */
static long
line_of(const char *text, int line)
{
	for (; line > 1 && text != NULL; line--)
	{
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return text != NULL ? strtol(text, NULL, 10) : 0;
}

/* A copy of this server on the same machine has the same identifier, but is another process. */
static bool
same_start(const BaseServer *server, int directory, const Manifest *manifest)
{
	const char *since = manifest->server.running_since;
	double started = since != NULL ? utc_time_read(since) : -1;
	bool same = false;
	Buffer text;

	buffer_init(&text);
	if (private_file_read_in(directory, "postmaster.pid", 65536, &text) == 0)
	{
		double here = (double) line_of(text.data, 3);

		same = line_of(text.data, 4) == server->port && here - started < START_TOLERANCE &&
			   started - here < START_TOLERANCE;
	}
	buffer_free(&text);
	return same;
}

bool
base_server_is_here(const BaseServer *server, int directory, const Manifest *manifest)
{
	BaseTree tree = {.directory = directory};
	ControlFile control = {0};
	Buffer content;
	bool good;

	buffer_init(&content);
	good = base_read_control(&tree, &content);
	if (good && control_file_read(content.data, content.length, &control))
	{
		good =
			control.system_identifier == strtoull(manifest->server.system_identifier, NULL, 10) &&
			control.state == CONTROL_RUNNING && same_start(server, directory, manifest);
		if (!good)
			report_error(EXIT_FAILED, NULL,
						 "Run it on the machine of the server, as the user that the server runs "
						 "as.",
						 "directory \"%s\" here is not that of the server that answers",
						 server->data_directory);
	}
	buffer_free(&content);
	return good;
}

/* ---- start and stop ---- */

bool
base_server_start(BaseServer *server, Manifest *manifest, bool fast)
{
	const char *parameters[2] = {LABEL, fast ? "true" : "false"};
	PGresult *result = connection_version(server->connection) >= FIRST_WITH_NEW_NAMES
						   ? connection_query(server->connection, start_query, 2, parameters)
						   : connection_query(server->connection, old_start_query, 2, parameters);
	bool good;

	if (result == NULL)
		return false;
	good = wal_lsn_parse(PQgetvalue(result, 0, 0), &manifest->cluster.start);
	PQclear(result);
	return good ||
		   report_error(EXIT_FAILED, NULL, NULL, "the server did not say where the backup begins");
}

/* The number behind a word at the beginning of a line of backup_label. */
static uint32_t
label_number(const char *label, const char *word)
{
	const char *at = strstr(label, word);

	return at != NULL && (at == label || at[-1] == '\n')
			   ? (uint32_t) strtoul(at + strlen(word), NULL, 10)
			   : 0;
}

bool
base_server_stop(BaseServer *server, Manifest *manifest)
{
	ManifestCluster *cluster = &manifest->cluster;
	PGresult *result = connection_version(server->connection) >= FIRST_WITH_NEW_NAMES
						   ? connection_query(server->connection, stop_query, 0, NULL)
						   : connection_query(server->connection, old_stop_query, 0, NULL);
	bool good;

	if (result == NULL)
		return false;
	good = wal_lsn_parse(PQgetvalue(result, 0, 0), &cluster->stop);
	cluster->label = xstrdup(PQgetvalue(result, 0, 1));
	cluster->timeline = label_number(cluster->label, "START TIMELINE: ");
	manifest->snapshot_at = xstrdup(PQgetvalue(result, 0, 2));
	free(manifest->server.lsn);
	manifest->server.lsn = xstrdup(PQgetvalue(result, 0, 0));
	manifest->server.timeline = (int) cluster->timeline;
	PQclear(result);
	return (good && cluster->timeline > 0 && cluster->stop >= cluster->start) ||
		   report_error(EXIT_FAILED, NULL, NULL, "the server did not say where the backup ends");
}
