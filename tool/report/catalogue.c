/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *	  Tell the extension's catalog what was done, if there is one.
 *
 * Everything is decided at the moment of recording: no connection is kept
 * while a backup runs, because the catalog's server may be restarted in the
 * meantime.  A verification of many backups records many events, so a server
 * that could not be reached once is not tried again.
 *
 *-------------------------------------------------------------------------
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "catalogue.h"
#include "backup_list.h"
#include "connection.h"
#include "connection_settings.h"
#include "encryption.h"
#include "extension_hold.h"
#include "general_settings.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "quote.h"
#include "settings.h"
#include "target.h"
#include "utc_time.h"
#include "version.h"

#define CONNECT_TIMEOUT "5"

/* Seconds for an answer; that to the record itself may wait for a lock. */
#define PATIENCE 20
#define PATIENCE_TO_RECORD 65

/* Of more backups no list is sent. */
#define PRESENT_MOST 100000

/* Since when a catalog takes the list of all backups, and backups of sets of files and copies. */
#define VERSION_WITH_LIST 202
#define VERSION_WITH_SETS 300

/* What became of one place where the catalog might be. */
typedef enum Outcome
{
	OUTCOME_RECORDED,
	OUTCOME_ABSENT, /* no extension there, or a standby */
	OUTCOME_UNREACHABLE,
	OUTCOME_REFUSED /* there, but recording failed; *message says why */
} Outcome;

/* Nothing more is tried in this run. */
static bool given_up = false;

static const char *
event_name(CatalogueEvent event)
{
	switch (event)
	{
		case EVENT_BACKUP:
			return "backup";
		case EVENT_VERIFY:
			return "verify";
		case EVENT_RESTORE:
			return "restore";
		case EVENT_EXPIRE:
			return "expire";
		case EVENT_COPY:
			return "copy";
	}
	return "backup";
}

/* ---- payloads ---- */

/* That a repository is encrypted, and for how many; null where it is not. */
static void
add_encryption(json_t *where, const Encryption *encryption)
{
	if (encryption == NULL)
		json_object_set_new(where, "cipher", json_null());
	else
	{
		json_object_set_new(where, "cipher", json_string(cipher_name(encryption->cipher)));
		json_object_set_new(where, "recipients", json_count(encryption->recipients.count));
	}
}

json_t *
catalogue_database(const Owner *owner)
{
	json_t *value;
	char *name;

	if (owner == NULL || !owner_has_server(owner))
		return json_null();
	name = owner_name(owner);
	value = json_text(name);
	free(name);
	return value;
}

/* Which file nex_backup.json is, as nex_backup.file_mark() says; null if it cannot be told. */
static json_t *
repository_mark(const Repository *repository)
{
	Storage *storage = repository->storage;
	StoreFacts facts;

	if (storage->examine(storage, "nex_backup.json", &facts).code != STORE_OK ||
		facts.mark[0] == '\0')
		return json_null();
	return json_string(facts.mark);
}

/* Where it is; two servers may have buckets of the same name. */
static const char *
place_text(const Repository *repository)
{
	const Storage *storage = repository->storage;

	return storage->place != NULL ? storage->place : storage->location;
}

json_t *
catalogue_payload(const Repository *repository, const Owner *owner, const char *backup,
				  const char *started)
{
	json_t *payload = json_object();
	json_t *where = json_object();
	ExitCode code = log_exit_code();
	char finished[UTC_EXACT_SIZE];
	char host[256] = "";

	utc_now_exact(finished);
	gethostname(host, sizeof(host) - 1);

	json_object_set_new(where, "id", json_text(repository->id));
	json_object_set_new(where, "location", json_text(place_text(repository)));
	json_object_set_new(where, "host", json_text(host));
	json_object_set_new(where, "mark", repository_mark(repository));
	add_encryption(where, repository->encryption);

	json_object_set_new(payload, "repository", where);
	json_object_set_new(payload, "database", catalogue_database(owner));
	json_object_set_new(payload, "server",
						owner != NULL && owner_has_server(owner) ? json_string(owner_server(owner))
																 : json_null());
	/* A set may have the name of a database. */
	if (owner != NULL && owner->kind == BACKUP_OF_FILES)
		json_object_set_new(payload, "set", json_text(owner->name));
	json_object_set_new(payload, "backup", json_text(backup));
	json_object_set_new(payload, "type", json_null());
	json_object_set_new(payload, "started", json_text(started));
	json_object_set_new(payload, "finished", json_text(finished));
	json_object_set_new(payload, "state",
						json_string(interrupted()       ? "cancelled"
									: code == EXIT_DONE ? "succeeded"
														: "failed"));
	json_object_set_new(payload, "exit_code",
						json_integer(interrupted() ? EXIT_INTERRUPTED : code));
	json_object_set_new(payload, "error", json_text(log_told_error()));
	json_object_set_new(payload, "tool", json_string(NEX_BACKUP_VERSION));
	return payload;
}

/* Is there one to be told, as far as the settings say? */
static bool
is_wanted(const Settings *settings)
{
	return settings->general->catalogue == NULL ||
		   strcmp(settings->general->catalogue, "none") != 0;
}

void
catalogue_add_present(const Settings *settings, json_t *payload, Repository *repository)
{
	BackupName *names = NULL;
	json_t *present;
	json_t *ids = NULL;
	int count = 0;
	int i;

	if (!is_wanted(settings))
		return;
	present = json_array();

	/* What an earlier look has shown may be of some time ago. */
	repository_look_end(repository);
	repository_look_begin(repository, true);
	if (!repository_list(repository, NULL, &names, &count))
		count = -1;
	repository_look_end(repository);
	for (i = 0; i < count && count <= PRESENT_MOST; i++)
	{
		/* The catalog does not have them. */
		if (names[i].owner.kind == BACKUP_OF_CLUSTER)
			continue;
		if (ids == NULL || !backup_same_owner(&names[i], &names[i - 1]))
		{
			json_t *of = json_object();

			ids = json_array();
			json_object_set_new(of, "database", catalogue_database(&names[i].owner));
			if (names[i].owner.kind == BACKUP_OF_FILES)
				json_object_set_new(of, "set", json_text(names[i].owner.name));
			json_object_set_new(of, "backups", ids);
			json_array_append_new(present, of);
		}
		json_array_append_new(ids, json_string(names[i].id));
	}
	/* What hides behind a place that cannot be looked into is not gone. */
	if (count >= 0 && count <= PRESENT_MOST && repository->unclear.unknown == 0)
		json_object_set(payload, "present", present);
	json_decref(present);
	free(names);
}

void
catalogue_add_place(json_t *payload, const CataloguePlace *place)
{
	json_t *to = json_object();
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	json_object_set_new(to, "name", json_text(place->name));
	json_object_set_new(to, "host", json_text(host));
	json_object_set_new(
		to, "location",
		json_text(place->repository != NULL ? place_text(place->repository) : place->location));
	if (place->repository != NULL)
		json_object_set_new(to, "mark", repository_mark(place->repository));
	json_object_set_new(to, "newest", json_text(place->newest));
	json_object_set_new(payload, "to", to);
}

static json_t *
server_json(const ManifestServer *server)
{
	json_t *value = json_object();

	json_object_set_new(value, "version", json_text(server->version));
	json_object_set_new(value, "version_num", json_integer(server->version_num));
	json_object_set_new(value, "system_identifier", json_text(server->system_identifier));
	json_object_set_new(value, "timeline",
						server->timeline > 0 ? json_integer(server->timeline) : json_null());
	json_object_set_new(value, "lsn", json_text(server->lsn));
	json_object_set_new(value, "in_recovery", json_boolean(server->in_recovery));
	return value;
}

static json_t *
totals_json(const ManifestTotals *totals)
{
	json_t *value = json_object();

	json_object_set_new(value, "tables", json_count(totals->tables));
	json_object_set_new(value, "rows", json_count(totals->rows));
	json_object_set_new(value, "raw_bytes", json_count(totals->raw_bytes));
	json_object_set_new(value, "stored_bytes", json_count(totals->stored_bytes));
	json_object_set_new(value, "members", json_count(totals->members));
	json_object_set_new(value, "objects", json_count(totals->objects));
	json_object_set_new(value, "new_objects", json_count(totals->new_objects));
	json_object_set_new(value, "new_bytes", json_count(totals->new_bytes));
	json_object_set_new(value, "large_objects", json_count(totals->large_objects));
	json_object_set_new(value, "sequences", json_count(totals->sequences));
	return value;
}

/* One entry a table, with the number of its members. */
static json_t *
tables_json(const Manifest *manifest)
{
	json_t *tables = json_array();
	uint32_t *members = xcalloc(manifest->ntables > 0 ? manifest->ntables : 1, sizeof(uint32_t));
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		if (manifest->members[i].table >= 0)
			members[manifest->members[i].table]++;
	}
	for (i = 0; i < manifest->ntables; i++)
	{
		const ManifestTable *table = &manifest->tables[i];
		json_t *value = json_object();

		json_object_set_new(value, "schema", json_text(table->schema));
		json_object_set_new(value, "name", json_text(table->name));
		json_object_set_new(value, "rows", json_count(table->rows));
		json_object_set_new(value, "raw_bytes", json_count(table->raw_bytes));
		json_object_set_new(value, "stored_bytes", json_count(table->stored_bytes));
		json_object_set_new(value, "heap_bytes", json_count(table->heap_bytes));
		json_object_set_new(value, "members", json_integer(members[i]));
		if (table->extension != NULL)
			json_object_set_new(value, "extension", json_text(table->extension));
		json_array_append_new(tables, value);
	}
	free(members);
	return tables;
}

void
catalogue_add_manifest(json_t *payload, const Manifest *manifest)
{
	json_t *value = json_object();
	json_t *warnings = json_array();
	int i;

	for (i = 0; i < manifest->nwarnings; i++)
		json_array_append_new(warnings, json_text(manifest->warnings[i]));
	json_object_set_new(payload, "type", json_text(manifest->type));
	json_object_set_new(value, "snapshot_at", json_text(manifest->snapshot_at));
	json_object_set_new(value, "codec", json_string(codec_name(manifest->codec)));
	json_object_set_new(value, "level", json_integer(manifest->level));
	json_object_set_new(value, "server", server_json(&manifest->server));
	json_object_set_new(value, "totals", totals_json(&manifest->totals));
	json_object_set_new(value, "warnings", warnings);
	json_object_set_new(value, "tables", tables_json(manifest));
	json_object_set_new(payload, "manifest", value);
}

/* ---- recording ---- */

/* Give up soon where nobody answers, unless the user said how long to wait. */
static void
limit_timeout(ConnectionTarget *target)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], "connect_timeout") == 0)
			return;
	}
	if (target->count == TARGET_MAX_OPTIONS || getenv("PGCONNECT_TIMEOUT") != NULL)
		return;
	target->keywords[target->count] = xstrdup("connect_timeout");
	target->values[target->count] = xstrdup(CONNECT_TIMEOUT);
	target->count++;
}

/* What the server said, without the word ERROR; caller frees. */
static char *
server_message(Connection *connection, const PGresult *result)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	return xstrdup(primary != NULL ? primary : connection_message(connection));
}

/*
 * Say once that the catalog is of another version than this program: recording works, so
 * nobody would notice that one half of an update was not made.
 */
static void
say_version(Connection *connection, const char *version)
{
	static bool said = false;
	char *database;
	char *shown;

	if (said || strcmp(version, NEX_BACKUP_VERSION) == 0)
		return;
	said = true;
	database = printable_name(PQdb(connection->pg));
	shown = printable_name(version);
	log_warning_hint("Update the older one: the program, or the extension with \"ALTER EXTENSION "
					 "nex_backup UPDATE\" in that database.",
					 "the catalog in database \"%s\" is of version %s, this program of version %s",
					 database, shown, NEX_BACKUP_VERSION);
	free(shown);
	free(database);
}

/* 202 for 0.2.2; 0 if it cannot be told. */
static int
version_number(const char *version)
{
	int major = 0;
	int minor = 0;
	int patch = 0;

	return sscanf(version, "%d.%d.%d", &major, &minor, &patch) == 3
			   ? major * 10000 + minor * 100 + patch
			   : 0;
}

/* Is the extension there, and may one write?  -1 with *message on an error. */
static int
catalogue_present(Connection *connection, int *version, char **message)
{
	PGresult *result;
	int present = -1;

	result = connection_exec(connection,
							 SQL("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = "
								 "'nex_backup' AND NOT pg_catalog.pg_is_in_recovery()"));
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		present = PQntuples(result) > 0;
		if (present)
		{
			say_version(connection, PQgetvalue(result, 0, 0));
			*version = version_number(PQgetvalue(result, 0, 0));
		}
	}
	else
		*message = server_message(connection, result);
	PQclear(result);
	return present;
}

/* Run a command without a result; false with *message. */
static bool
run(Connection *connection, SqlConstant sql, char **message)
{
	PGresult *result = connection_exec(connection, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
		*message = server_message(connection, result);
	PQclear(result);
	return good;
}

/* In one transaction, in which the function is known to be the extension's. */
static Outcome
record(Connection *connection, CatalogueEvent event, const char *payload, char **message)
{
	const char *parameters[2] = {event_name(event), payload};
	PGresult *result;
	bool good;

	if (!run(connection, SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"), message) ||
		!extension_hold(connection, message))
		return OUTCOME_REFUSED;
	result = connection_ask(connection, SQL("SELECT nex_backup.record($1::text, $2::jsonb)"), 2,
							parameters);
	good = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (!good)
		*message = server_message(connection, result);
	PQclear(result);
	return good && run(connection, SQL("COMMIT"), message) ? OUTCOME_RECORDED : OUTCOME_REFUSED;
}

/* Record in the database that the target names. */
static Outcome
record_at(ConnectionTarget *target, CatalogueEvent event, json_t *payload, char **message)
{
	Connection *connection;
	Outcome outcome;
	int version = 0;
	int present;

	limit_timeout(target);
	target->last_word = true;
	target->patience = PATIENCE;
	connection = connection_try(target, message);
	if (connection == NULL)
		return OUTCOME_UNREACHABLE;
	present = catalogue_present(connection, &version, message);
	if (present <= 0)
		outcome = present == 0 ? OUTCOME_ABSENT : OUTCOME_REFUSED;
	/* An older catalog has no backups of sets, and no copies; that it is older has been said. */
	else if ((event == EVENT_COPY ||
			  (event == EVENT_BACKUP && json_object_get(payload, "set") != NULL)) &&
			 version < VERSION_WITH_SETS)
		outcome = OUTCOME_RECORDED;
	else
	{
		char *text;

		/* Which would be kept with the run. */
		if (version < VERSION_WITH_LIST)
			json_object_del(payload, "present");
		/* ASCII, because the session speaks the database's encoding. */
		text = json_dumps(payload, JSON_COMPACT | JSON_ENSURE_ASCII);
		/* A lock on the catalog must not hold up the end of a backup forever. */
		PQclear(connection_exec(connection, interrupted() ? SQL("SET statement_timeout = '5s'")
														  : SQL("SET statement_timeout = '60s'")));
		/* And if the server does not care, our own patience ends. */
		connection->patience = PATIENCE_TO_RECORD;
		outcome = text != NULL ? record(connection, event, text, message) : OUTCOME_REFUSED;
		free(text);
	}
	connection_close(connection);
	return outcome;
}

/* Warn, once in a run: what failed for one backup fails for the next. */
static void
warn(const char *message)
{
	char *line = xstrdup(message != NULL ? message : "unknown error");

	given_up = true;
	line[strcspn(line, "\n")] = '\0';
	log_warning_hint(
		"This does not affect the outcome of the command.  nex_backup_sync() brings the "
		"list of backups in the catalog up to date; --catalogue=none turns recording off.",
		"could not record this in the catalog: %s", line);
	free(line);
}

/*
 * The target of a --catalogue value: a conninfo string, or a database beside
 * ours.  A bad string is a warning, because the work itself is done by now.
 */
static ConnectionTarget *
explicit_target(const Settings *settings, const char *where)
{
	PQconninfoOption *options;

	if (strchr(where, '=') == NULL && strstr(where, "://") == NULL)
		return target_create(settings, where);
	options = PQconninfoParse(where, NULL);
	if (options == NULL)
	{
		warn("invalid connection string");
		return NULL;
	}
	PQconninfoFree(options);
	return target_from_conninfo(where);
}

/*
 * Try the candidates in turn.  Whether an unreachable server is worth a
 * warning depends: the backup of a database has just talked to it, but verify,
 * expire and backups of files may well run where there is no server at all.
 */
static void
record_anywhere(const Settings *settings, CatalogueEvent event, const char *database,
				json_t *payload)
{
	const char *candidates[2] = {database, "postgres"};
	bool needs_server = (event == EVENT_BACKUP && json_object_get(payload, "set") == NULL) ||
						event == EVENT_RESTORE;
	bool reached = false;
	char *first_message = NULL;
	int i;

	if (settings->general->catalogue != NULL)
		candidates[0] = settings->general->catalogue;
	for (i = 0; i < 2 && !given_up; i++)
	{
		ConnectionTarget *target;
		Outcome outcome = OUTCOME_UNREACHABLE;
		char *message = NULL;

		if (candidates[i] == NULL || (i == 1 && settings->general->catalogue != NULL) ||
			(i == 1 && database != NULL && strcmp(database, "postgres") == 0))
			continue;
		target = settings->general->catalogue != NULL ? explicit_target(settings, candidates[i])
													  : target_create(settings, candidates[i]);
		if (target == NULL)
			break;
		outcome = record_at(target, event, payload, &message);
		target_free(target);
		if (outcome != OUTCOME_UNREACHABLE)
			reached = true;
		if (outcome == OUTCOME_REFUSED)
			warn(message);
		if (outcome == OUTCOME_ABSENT && settings->general->catalogue != NULL)
			warn("the extension nex_backup is not there, or the server is a standby");
		if (message != NULL && first_message == NULL)
			first_message = message;
		else
			free(message);
		if (outcome == OUTCOME_RECORDED || outcome == OUTCOME_REFUSED)
			break;
	}
	if (!reached && !given_up)
	{
		if (needs_server || settings->general->catalogue != NULL)
			warn(first_message);
		else
			log_debug("no catalog: %s", first_message != NULL ? first_message : "no server");
		given_up = true;
	}
	free(first_message);
}

void
catalogue_record(const Settings *settings, CatalogueEvent event, const Owner *owner,
				 json_t *payload)
{
	const char *database = NULL;
	Settings quiet = *settings;
	ConnectionSettings connection = *settings->connection;
	json_t *present;

	/* It has no place for base backups yet. */
	if (owner != NULL && owner->kind == BACKUP_OF_CLUSTER)
	{
		json_decref(payload);
		return;
	}
	present = json_incref(json_object_get(payload, "present"));

	/* Whoever wants to be told of the run gets the same facts, but for the long list. */
	json_object_del(payload, "present");
	if (owner != NULL)
		notify_note(event_name(event), owner, payload);
	if (present != NULL)
		json_object_set_new(payload, "present", present);

	/* The globals belong to no database, nor do sets of files; others are not of this server. */
	if (owner != NULL && owner->kind == BACKUP_OF_DATABASE &&
		strcmp(owner->server, label_stored(settings->general->server)) == 0)
		database = owner->name;

	/* Nobody is asked for a password just to keep a record. */
	connection.no_password = true;
	connection.force_password = false;
	quiet.connection = &connection;

	if (is_wanted(settings))
	{
		stop_clear();
		record_anywhere(&quiet, event, database, payload);
	}
	json_decref(payload);
}
