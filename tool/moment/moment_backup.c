/*-------------------------------------------------------------------------
 *
 * moment_backup.c
 *	  The backup of a database of the private server.
 *
 * The same as that of any other server, with its defenses against what is in
 * the database: whoever could put something there may be nobody to be trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "moment_backup.h"

#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "connection.h"
#include "log.h"
#include "memory.h"
#include "moment_text.h"
#include "owner.h"
#include "quote.h"
#include "repository.h"
#include "server_settings.h"
#include "storage_open.h"
#include "storage_settings.h"
#include "work_settings.h"

/* Besides a worker and a guard of each job. */
#define OTHER_SESSIONS 16

int
moment_backup_sessions(const Settings *settings)
{
	return 2 * settings->work->jobs + OTHER_SESSIONS;
}

/* ---- the server ---- */

/* How it is reached, whatever the settings say of the live server. */
static void
point_to_server(Moment *moment)
{
	MomentSettings *own = &moment->own;

	own->connection =
		(ConnectionSettings){.dbname = (char *) server_conninfo(moment->server.version),
							 .host = moment->server.sockets,
							 .port = (char *) SERVER_PORT,
							 .username = moment->server.role,
							 .no_password = true};
	own->backup = *moment->settings->backup;
	own->backup.type = (char *) "moment";
	own->backup.codec = CODEC_ZSTD;
	own->backup.compress_level = 1;
	own->backup.all = own->backup.same_server = false;
	own->backup.max_snapshot_age = 0;
	own->of_server = *moment->settings;
	own->of_server.connection = &own->connection;
	own->of_server.backup = &own->backup;
}

/* Nothing may lead us to another server: its state would be taken for that of the moment. */
static bool
is_ours(const Moment *moment, Connection *connection)
{
	PGresult *result = connection_query(
		connection, SQL("SELECT pg_catalog.current_setting('data_directory')"), 0, NULL);
	bool ours = result != NULL && strcmp(PQgetvalue(result, 0, 0), moment->server.data) == 0;

	if (result != NULL && !ours)
		report_error(EXIT_FAILED, NULL, NULL, "this is not the private server");
	PQclear(result);
	return ours;
}

/* To a database that is there as a rule; NULL: reported. */
static Connection *
connect_to_any(const Moment *moment)
{
	static const char *const databases[] = {"template1", "postgres"};
	Connection *connection = NULL;
	char *message = NULL;
	size_t i;

	for (i = 0; i < sizeof(databases) / sizeof(databases[0]) && connection == NULL; i++)
	{
		ConnectionTarget *target = target_create(&moment->own.of_server, databases[i]);

		free(message);
		message = NULL;
		connection = target != NULL ? connection_try(target, &message) : NULL;
		target_free(target);
	}
	if (connection == NULL)
		report_error(EXIT_FAILED, message, NULL, "could not connect to the private server");
	free(message);
	if (connection == NULL || is_ours(moment, connection))
		return connection;
	connection_close(connection);
	return NULL;
}

/* ---- the database ---- */

static bool
report_absent(const Moment *moment, Connection *connection, const char *database)
{
	PGresult *result = connection_query(
		connection,
		SQL("SELECT pg_catalog.string_agg(pg_catalog.quote_ident(datname), ', ' ORDER BY datname)"
			" FROM pg_catalog.pg_database WHERE datallowconn"),
		0, NULL);
	char *when = moment_text(&moment->restore.plan);
	char *shown = printable_name(database);
	char *there = result != NULL ? printable_name(PQgetvalue(result, 0, 0)) : NULL;
	char *detail = there != NULL ? xasprintf("There were: %s.", there) : NULL;

	report_error(EXIT_FAILED, detail,
				 "Take a moment at which it was there, or the name that it had then.",
				 "there was no database \"%s\" %s", shown, when);
	free(detail);
	free(there);
	free(shown);
	free(when);
	PQclear(result);
	return false;
}

static bool
was_there(const Moment *moment, const char *database)
{
	Connection *connection = connect_to_any(moment);
	const char *params[1] = {database};
	PGresult *result;
	bool good;

	if (connection == NULL)
		return false;
	result = connection_query(
		connection, SQL("SELECT FROM pg_catalog.pg_database WHERE datname = $1::pg_catalog.name"),
		1, params);
	good = result != NULL;
	if (good && PQntuples(result) == 0)
		good = report_absent(moment, connection, database);
	PQclear(result);
	connection_close(connection);
	return good;
}

/*
 * What was prepared was not committed at the moment, so it is in no backup of it; but it has locks,
 * and its sessions, which could end it, are those of another server.
 */
static bool
roll_back_prepared(const Moment *moment, const char *database)
{
	ConnectionTarget *target = target_create(&moment->own.of_server, database);
	Connection *connection = target != NULL ? connection_open(target) : NULL;
	PGresult *result = NULL;
	SqlText sql;
	bool good;
	int i;

	sql_init(&sql);
	if (connection != NULL)
		result = connection_query(connection,
								  SQL("SELECT gid FROM pg_catalog.pg_prepared_xacts"
									  " WHERE database = pg_catalog.current_database()"),
								  0, NULL);
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result); i++)
	{
		sql_reset(&sql);
		sql_append(&sql, "ROLLBACK PREPARED ");
		sql_literal(&sql, PQgetvalue(result, i, 0));
		good = connection_command(connection, &sql);
	}
	sql_free(&sql);
	PQclear(result);
	connection_close(connection);
	target_free(target);
	return good;
}

/* ---- the backup ---- */

/* A repository beside the files, which needs no keys: whoever can read it can read them. */
static bool
make_repository(Moment *moment)
{
	static const StorageSettings none;
	char *path = xasprintf("%s/repository", moment->server.directory.path);
	bool created;

	storage_use(&none);
	if (repository_init(path, &created))
		moment->copy = repository_open(path);
	free(path);
	return moment->copy != NULL;
}

bool
moment_backup(Moment *moment, const char *database)
{
	Manifest *manifest = NULL;
	char *found = NULL;

	point_to_server(moment);
	if (was_there(moment, database) && roll_back_prepared(moment, database) &&
		make_repository(moment))
		manifest = backup_database(&moment->own.of_server, moment->copy, database, &found);
	if (manifest != NULL)
	{
		const Owner owner = owner_of(NULL, manifest->database.name);
		char *name = owner_name(&owner);

		moment->backup = xasprintf("%s/%s", name, manifest->id);
		free(name);
	}
	free(found);
	manifest_free(manifest);
	return moment->backup != NULL;
}
