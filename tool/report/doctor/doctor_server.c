/*-------------------------------------------------------------------------
 *
 * doctor_server.c
 *	  The half of "nex_backup doctor" that looks at the server and at the
 *	  client programs.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "connection.h"
#include "connection_settings.h"
#include "doctor_archiver.h"
#include "doctor_checks.h"
#include "doctor_scheduler.h"
#include "doctor_server.h"
#include "memory.h"
#include "notify_settings.h"
#include "quote.h"
#include "restore_mark.h"
#include "server_clock.h"
#include "settings.h"
#include "subprocess.h"
#include "target.h"
#include "utc_time.h"
#include "version.h"
#include "work_settings.h"

#define OLDEST_SERVER 140000
#define NEWEST_SERVER 190000 /* the first that is not known yet */

static void
check_clock(Doctor *doctor, Connection *connection)
{
	char text[32];
	double ahead;

	if (!server_clock_ahead(connection, &ahead))
		return;
	if (ahead <= CLOCK_TOLERANCE && ahead >= -CLOCK_TOLERANCE)
		doctor_say(doctor, CHECK_OK, "clock", NULL, "that of the server agrees with this host's");
	else
		doctor_say(doctor, CHECK_WARNING, "clock",
				   "Correct the clock that is wrong. Backups are ordered by the server's clock and "
				   "named by that of this host.",
				   "that of the server is %s %s that of this host", clock_difference(ahead, text),
				   ahead > 0 ? "ahead of" : "behind");
}

static void
check_version(Doctor *doctor, const Connection *connection)
{
	int version = connection_version(connection);
	const char *text = PQparameterStatus(connection->pg, "server_version");

	if (version < OLDEST_SERVER)
		doctor_say(doctor, CHECK_CRITICAL, "server version", "PostgreSQL 14 or later is needed.",
				   "PostgreSQL %s is too old", text);
	else if (version >= NEWEST_SERVER)
		doctor_say(doctor, CHECK_WARNING, "server version",
				   "Look for a newer nex_backup; test a restore before you rely on this one.",
				   "PostgreSQL %s is newer than this program", text);
	else
		doctor_say(doctor, CHECK_OK, "server version", NULL, "PostgreSQL %s", text);
}

/*
 * The release that has the fix of CVE-2025-8715, if this one has not: before
 * it a program writes the names of objects, with their line breaks, into
 * comments of its SQL.  NULL: it has.
 */
static const char *
comments_fix_missing(const char *version)
{
	static const struct
	{
		long major;
		long minor;
		const char *name;
	} fixes[] = {{14, 19, "14.19"}, {15, 14, "15.14"}, {16, 10, "16.10"}, {17, 6, "17.6"}};
	char *rest = NULL;
	long major = version != NULL ? strtol(version, &rest, 10) : 0;
	long minor = rest != NULL && *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
	size_t i;

	for (i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
	{
		if (fixes[i].major == major && minor < fixes[i].minor)
			return fixes[i].name;
	}
	return NULL;
}

static void
check_program(Doctor *doctor, const char *program, int server_version)
{
	char *version = NULL;
	const char *fix;
	char *path =
		find_client_program(doctor->settings->work->pg_bindir, program, server_version, &version);

	fix = comments_fix_missing(version);
	if (path != NULL && fix != NULL)
	{
		char *hint = xasprintf("Update the client package to %s or later.", fix);

		doctor_say(doctor, CHECK_WARNING, program, hint,
				   "%s (%s) writes names so that they can be SQL (CVE-2025-8715)", path, version);
		free(hint);
	}
	else if (path == NULL)
		doctor_say(doctor, CHECK_CRITICAL, program,
				   "Install the client package of the server's version, or give --pg-bindir.",
				   "no %s that fits the server", program);
	else
		doctor_say(doctor, CHECK_OK, program, NULL, "%s (%s)", path,
				   version != NULL ? version : "unknown version");
	free(path);
	free(version);
}

static void
check_extension(Doctor *doctor, Connection *connection)
{
	PGresult *result;
	char *database = printable_name(PQdb(connection->pg));

	result = connection_query(connection,
							  "SELECT (SELECT extversion FROM pg_catalog.pg_extension"
							  "        WHERE extname = 'nex_backup'),"
							  "       (SELECT setting FROM pg_catalog.pg_settings"
							  "        WHERE name = 'shared_preload_libraries')",
							  0, NULL);
	if (result != NULL)
	{
		const char *version = PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0);

		if (version == NULL)
			doctor_say(doctor, CHECK_OK, "extension", NULL,
					   "not in database \"%s\"; backups work without it", database);
		else if (strcmp(version, NEX_BACKUP_VERSION) != 0)
			doctor_say(doctor, CHECK_WARNING, "extension", "ALTER EXTENSION nex_backup UPDATE;",
					   "version %s in database \"%s\", this program is %s", version, database,
					   NEX_BACKUP_VERSION);
		else
			doctor_say(doctor, CHECK_OK, "extension", NULL, "version %s in database \"%s\"",
					   version, database);
		if (PQgetisnull(result, 0, 1))
			doctor_say(doctor, CHECK_OK, "preload", NULL,
					   "unknown: role may not read shared_preload_libraries");
		else
			doctor_say(doctor, CHECK_OK, "preload", NULL, "the library is %s",
					   strstr(PQgetvalue(result, 0, 1), "nex_backup") != NULL ? "preloaded"
																			  : "not preloaded");
	}
	PQclear(result);
	free(database);
}

/*
 * The commands that give back a database that was there and was taken by a
 * restore; false if the comment does not say what it was like.
 */
static bool
append_way_back(Buffer *command, const char *name, const char *comment)
{
	DatabaseBefore before;
	bool known = restore_mark_read(comment, &before) && before.owner != NULL;

	if (known)
	{
		buffer_append_string(command, "If no restore is running: ALTER DATABASE ");
		quote_identifier_shown(command, name);
		buffer_append_string(command, " OWNER TO ");
		quote_identifier_shown(command, before.owner);
		buffer_append_string(command, "; ALTER DATABASE ");
		quote_identifier_shown(command, name);
		buffer_printf(command, " CONNECTION LIMIT %d; COMMENT ON DATABASE ", before.limit);
		quote_identifier_shown(command, name);
		buffer_append_string(command,
							 " IS NULL; it may hold a part of the backup.  Once it is empty, a "
							 "restore into it can be repeated, which does all that.");
	}
	database_before_free(&before);
	return known;
}

/*
 * Say what to do about a database that a restore may have left behind.  The
 * comment is a claim, which the owner of the database can make as well.
 */
static void
say_leftover(Doctor *doctor, const char *name, const char *comment, const char *owner,
			 bool replaced, bool in_use, bool proof)
{
	char *printable = printable_name(name);
	char *said = printable_name(comment);
	char *by = printable_name(owner);
	Buffer command;

	buffer_init(&command);
	if (strcmp(name, "postgres") == 0 || strcmp(name, "template1") == 0)
		buffer_printf(&command, "If that is so: nex_backup restore %s --drop -d %s", name,
					  strcmp(name, "postgres") == 0 ? "template1" : "postgres");
	else if (proof && append_way_back(&command, name, comment))
		;
	else if (proof)
	{
		buffer_append_string(&command, "If nobody needs it: DROP DATABASE ");
		quote_identifier_shown(&command, name);
		buffer_append_char(&command, ';');
	}
	else
	{
		buffer_append_string(
			&command,
			"The owner, or a former one, may have written that.  Look into it; if it is in use, "
			"take the comment away: COMMENT ON DATABASE ");
		quote_identifier_shown(&command, name);
		buffer_append_string(&command, " IS NULL;");
	}
	if (in_use && !replaced)
		doctor_say(doctor, CHECK_OK, "databases", NULL, "\"%s\" of \"%s\" is in use, and says: %s",
				   printable, by, said);
	else
		doctor_say(doctor, replaced ? CHECK_OK : CHECK_WARNING, "databases", command.data,
				   "\"%s\" of \"%s\" says that it is %s: %s", printable, by,
				   replaced ? "kept" : "left over", said);
	buffer_free(&command);
	free(by);
	free(said);
	free(printable);
}

/* A database that says nothing: a restore may have been killed before, or after, it did. */
static void
say_unmarked(Doctor *doctor, const char *name, const char *owner, bool unmarked, bool ours)
{
	char *shown = printable_name(name);
	char *by = printable_name(owner);
	Buffer hint;

	buffer_init(&hint);
	buffer_append_string(&hint, unmarked
									? "The next restore of that database replaces it, if it is "
									  "empty.  If no restore is running, and "
									: "It may be complete.  If ");
	if (!ours)
		buffer_append_string(&hint, "you do not know it, ask its owner.");
	else
	{
		buffer_append_string(&hint, "nobody needs it: DROP DATABASE ");
		quote_identifier_shown(&hint, name);
		buffer_append_char(&hint, ';');
	}
	if (unmarked)
		doctor_say(doctor, CHECK_WARNING, "databases", hint.data,
				   "\"%s\" of \"%s\" accepts no connections; a restore that was killed just after "
				   "CREATE DATABASE leaves one like this",
				   shown, by);
	else
		doctor_say(doctor, CHECK_OK, "databases", hint.data,
				   "\"%s\" of \"%s\" has a name that restore --drop gives to what it loads", shown,
				   by);
	buffer_free(&hint);
	free(by);
	free(shown);
}

static int
check_unmarked(Doctor *doctor, Connection *connection)
{
	PGresult *result = connection_query(
		connection,
		SQL("SELECT d.datname, r.rolname, " IS_UNMARKED ", r.rolsuper"
			"  OR r.rolname IN (session_user, current_user)"
			"  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba"
			" WHERE " IS_UNMARKED " OR (d.datname ~ '_restore_[0-9]{8}T[0-9]{6}Z(_[0-9]+)?$'"
			"  AND coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '')"
			"   !~ '^nex_backup: '"
			"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid))"
			" ORDER BY 1"),
		0, NULL);
	int count = result != NULL ? PQntuples(result) : 0;
	int i;

	for (i = 0; i < count; i++)
		say_unmarked(doctor, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1),
					 PQgetvalue(result, i, 2)[0] == 't', PQgetvalue(result, i, 3)[0] == 't');
	PQclear(result);
	return count;
}

static void
check_databases(Doctor *doctor, Connection *connection)
{
	int unmarked = check_unmarked(doctor, connection);
	PGresult *result;
	int i;

	result = connection_query(
		connection,
		"SELECT d.datname, s.comment, s.comment LIKE 'nex\\_backup: replaced by %',"
		"       EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid),"
		"       r.rolname, r.rolsuper AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m"
		"        WHERE m.roleid = r.oid) AND " MARK_IS_OF_OWNER
		"  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba,"
		"       pg_catalog.shobj_description(d.oid, 'pg_database') AS s(comment)"
		" WHERE s.comment LIKE 'nex\\_backup: restore of % in progress since %'"
		"    OR s.comment LIKE 'nex\\_backup: replaced by %'"
		" ORDER BY 1",
		0, NULL);
	if (result == NULL)
	{
		doctor_say(doctor, CHECK_WARNING, "databases", NULL,
				   "could not look for leftovers of restores");
		return;
	}
	for (i = 0; i < PQntuples(result); i++)
		say_leftover(doctor, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1),
					 PQgetvalue(result, i, 4), PQgetvalue(result, i, 2)[0] == 't',
					 PQgetvalue(result, i, 3)[0] == 't', PQgetvalue(result, i, 5)[0] == 't');
	if (PQntuples(result) == 0 && unmarked == 0)
		doctor_say(doctor, CHECK_OK, "databases", NULL, "no leftovers of restores");
	PQclear(result);
}

/* Did the user name a server, one way or another? */
static bool
server_named(const Settings *settings)
{
	return settings->connection->dbname != NULL || settings->connection->host != NULL ||
		   settings->connection->port != NULL || settings->connection->username != NULL ||
		   getenv("PGDATABASE") != NULL || getenv("PGHOST") != NULL || getenv("PGPORT") != NULL ||
		   getenv("PGHOSTADDR") != NULL || getenv("PGUSER") != NULL || getenv("PGSERVICE") != NULL;
}

void
doctor_check_server(Doctor *doctor)
{
	bool named = server_named(doctor->settings);
	ConnectionTarget *target;
	Connection *connection;
	char *message = NULL;

	if (doctor->settings->notify->no_server)
	{
		doctor_say(doctor, CHECK_OK, "server", NULL, "not checked, because of --no-server");
		return;
	}
	target = target_create(doctor->settings, named ? NULL : "postgres");
	connection = target != NULL ? connection_try(target, &message) : NULL;
	if (connection == NULL)
	{
		if (message != NULL)
			message[strcspn(message, "\n")] = '\0';
		/* A host that only holds a repository has no server beside it. */
		doctor_say(doctor, named ? CHECK_CRITICAL : CHECK_WARNING, "server",
				   named ? "Check -d, -h, -p, -U and ~/.pgpass."
						 : "Name the server with -d, -h, -p or -U, or use --no-server; run as a "
						   "user who can connect to it.",
				   "could not connect: %s", message != NULL ? message : "bad settings");
	}
	else
	{
		char *database = printable_name(PQdb(connection->pg));

		doctor_say(doctor, CHECK_OK, "server", NULL, "connected to database \"%s\"", database);
		free(database);
		check_version(doctor, connection);
		check_clock(doctor, connection);
		check_program(doctor, "pg_dump", connection_version(connection));
		check_program(doctor, "pg_restore", connection_version(connection));
		check_program(doctor, "pg_dumpall", connection_version(connection));
		check_extension(doctor, connection);
		check_databases(doctor, connection);
		doctor_check_archiver(doctor, connection);
		doctor_check_scheduler(doctor, connection, target);
		connection_close(connection);
	}
	free(message);
	target_free(target);
}
