/*-------------------------------------------------------------------------
 *
 * cluster.c
 *	  Which databases a server has.
 *
 * The comment by which a restore marks what it fills can be written by the
 * database's owner as well, and by a restore that was killed long ago.  So it
 * takes a database out of a backup only while a superuser's session of this
 * program is at work in it: a half restored database costs only space, and a
 * live one that is passed over every night is lost when it is needed.
 *
 * As for pg_dumpall these are all but template0.  Unlike it, a database that
 * cannot be connected to is not passed over in silence.
 *
 *-------------------------------------------------------------------------
 */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "lock_watch.h"
#include "log.h"
#include "maintenance.h"
#include "memory.h"
#include "name_pattern.h"
#include "quote.h"
#include "settings.h"
#include "text_list.h"

#define DATABASES                                                                                  \
	"SELECT datname, datallowconn, datconnlimit = -2,"                                             \
	" coalesce(pg_catalog.shobj_description(oid, 'pg_database')"                                   \
	"  LIKE 'nex_backup: restore of %', false),"                                                   \
	" EXISTS (SELECT FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r"                \
	"  ON r.oid = a.usesysid AND r.rolsuper"                                                       \
	"  WHERE a.datid = d.oid AND a.application_name = 'nex_backup'), d.oid"                        \
	" FROM pg_catalog.pg_database d "

static const SqlConstant databases_query =
	SQL(DATABASES "WHERE datname <> 'template0' ORDER BY datname");

static const SqlConstant database_query = SQL(DATABASES "WHERE d.oid = $1::pg_catalog.oid");

/* Does one of the patterns match?  Notes in `used` which ones did. */
static bool
is_excluded(const TextList *patterns, const char *name, bool *used)
{
	bool excluded = false;
	int i;

	for (i = 0; i < patterns->count; i++)
	{
		if (name_matches(patterns->items[i], name))
			excluded = used[i] = true;
	}
	return excluded;
}

static const char *
why_skipped(const PGresult *result, int row)
{
	if (PQgetvalue(result, row, 2)[0] == 't')
		return "invalid: its DROP DATABASE goes on, or was interrupted";
	if (PQgetvalue(result, row, 3)[0] == 't' && PQgetvalue(result, row, 4)[0] == 't')
		return "a restore into it is not complete";
	if (PQgetvalue(result, row, 1)[0] != 't')
		return "it does not allow connections";
	return NULL;
}

static void
read_database(ClusterDatabase *database, const PGresult *result, int row)
{
	database->oid = xstrdup(PQgetvalue(result, row, 5));
	database->name = xstrdup(PQgetvalue(result, row, 0));
	database->printable = printable_name(database->name);
	database->skipped = why_skipped(result, row);
	database->closed = database->skipped != NULL && PQgetvalue(result, row, 1)[0] != 't';
}

static void
free_database(ClusterDatabase *database)
{
	free(database->oid);
	free(database->name);
	free(database->printable);
}

/* Ask the server's list of databases; NULL (reported) on failure. */
static PGresult *
ask(const Settings *settings, const SqlConstant *query, const char *oid)
{
	ConnectionTarget *target = NULL;
	Connection *connection = connection_open_maintenance(settings, &target);
	PGresult *result = NULL;
	LockWatch *watch;

	if (connection != NULL)
	{
		watch = lock_watch_begin(target, connection, settings->backup->lock_wait_timeout);
		result = connection_query(connection, *query, oid != NULL ? 1 : 0, &oid);
		lock_watch_end(watch);
	}
	connection_close(connection);
	target_free(target);
	return result;
}

bool
cluster_databases(const Settings *settings, ClusterDatabases *databases)
{
	const TextList *patterns = &settings->backup->exclude_databases;
	bool *used = xcalloc((size_t) patterns->count + 1, sizeof(bool));
	PGresult *result = ask(settings, &databases_query, NULL);
	int i;

	memset(databases, 0, sizeof(*databases));
	if (result != NULL)
		databases->items = xcalloc((size_t) PQntuples(result) + 1, sizeof(ClusterDatabase));
	for (i = 0; result != NULL && i < PQntuples(result); i++)
	{
		ClusterDatabase *database = &databases->items[databases->count];

		if (is_excluded(patterns, PQgetvalue(result, i, 0), used))
			continue;
		read_database(database, result, i);
		if (database->skipped == NULL && PQgetvalue(result, i, 3)[0] == 't')
			log_warning(
				"the comment of database \"%s\" says that a restore is at work in it, which is "
				"not so; it is backed up",
				database->printable);
		databases->count++;
	}
	for (i = 0; result != NULL && i < patterns->count; i++)
	{
		if (!used[i])
			log_warning("no database matches the pattern \"%s\"", patterns->items[i]);
	}
	free(used);
	PQclear(result);
	return result != NULL;
}

/* It is called like this now. */
static void
take_renamed(const Settings *settings, ClusterDatabase *database, ClusterDatabase *now)
{
	const TextList *patterns = &settings->backup->exclude_databases;
	bool *used = xcalloc((size_t) patterns->count + 1, sizeof(bool));

	log_info("database \"%s\" was renamed to \"%s\" meanwhile", database->printable,
			 now->printable);
	if (is_excluded(patterns, now->name, used))
	{
		now->skipped = "it was renamed meanwhile, and that name is left out";
		now->closed = false;
	}
	free(used);
}

bool
cluster_database_look(const Settings *settings, ClusterDatabase *database)
{
	PGresult *result = ask(settings, &database_query, database->oid);
	bool changed = false;

	if (result != NULL && PQntuples(result) == 0)
	{
		database->skipped = "it was dropped meanwhile";
		database->closed = false;
		changed = true;
	}
	else if (result != NULL)
	{
		ClusterDatabase now;

		read_database(&now, result, 0);
		changed = strcmp(now.name, database->name) != 0;
		if (changed)
			take_renamed(settings, database, &now);
		changed = changed || now.skipped != NULL;
		free_database(database);
		*database = now;
	}
	PQclear(result);
	return changed;
}

void
cluster_databases_free(ClusterDatabases *databases)
{
	int i;

	for (i = 0; i < databases->count; i++)
		free_database(&databases->items[i]);
	free(databases->items);
	memset(databases, 0, sizeof(*databases));
}
