/*-------------------------------------------------------------------------
 *
 * left_database.c
 *	  Telling a database that an earlier restore has left incomplete.
 *
 * A restore that was killed, or whose server went away, leaves a database
 * with a comment that says what it is (restore_mark.c), and the next one needs
 * the same name.  The comment alone is no proof: the owner of a database can
 * write one, and it stays when the database gets another owner.  So three
 * things must come together:
 *
 * - The owner is this role, or a superuser while we are one, and has been
 *   since before the comment was written: a change of owner writes the row of
 *   pg_database, whose transaction is then younger than that of the comment.
 * - The database is closed as only a restore leaves it, also since then.
 * - Its tables are those of the backup that the comment names, so that
 *   nobody has put anything beside them since.
 *
 * If one is missing, it is a database like any other, which is not removed.
 *
 * A restore that was killed as soon as it had created the database could not
 * write the comment.  Such a database is closed as no other (IS_UNMARKED), so
 * that nobody can look into it either: target_database.c does, before it
 * removes it.
 *
 * Whether the restore is still running, the server knows: its session, whose
 * process is in the comment, or any session in the database.  Those of a
 * restore that was killed need a moment to notice that.
 *
 *-------------------------------------------------------------------------
 */
#include "left_database.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "interrupt.h"
#include "memory.h"
#include "quote.h"
#include "restore_mark.h"

#define LOOKS 20
#define LOOK_INTERVAL_MS 250
#define UNMARKED_LOOKS 4 /* a restore that is alive marks it at once */

static const SqlConstant look_query =
	SQL("SELECT pg_catalog.shobj_description(d.oid, 'pg_database'),"
		" (o.rolname IN (session_user, current_user) OR (o.rolsuper AND"
		"  (SELECT m.rolsuper FROM pg_catalog.pg_roles m WHERE m.rolname = session_user))),"
		" " MARK_IS_OF_OWNER ","
		" EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid"
		"  AND a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid()),"
		" " MARKED_IS_CLOSED ", d.datconnlimit = -2, " IS_UNMARKED ","
		" EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = d.datdba"
		"  AND pg_catalog.starts_with(a.query, $2::pg_catalog.text))"
		" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba"
		" WHERE d.datname = $1::pg_catalog.name");

/* The columns of look_query. */
enum
{
	LOOK_COMMENT,
	LOOK_OURS,
	LOOK_WRITTEN_BY_OWNER,
	LOOK_IN_USE,
	LOOK_CLOSED,
	LOOK_HALF_DROPPED,
	LOOK_UNMARKED,
	LOOK_BEING_CREATED
};

static bool
is_true(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column)[0] == 't';
}

/* Tables with rows of their own, and how many were written in any way; those of extensions apart.
 */
static const SqlConstant tables_query =
	SQL("SELECT n.nspname, c.relname, pg_catalog.pg_stat_get_tuples_inserted(c.oid),"
		" pg_catalog.pg_stat_get_tuples_updated(c.oid) + pg_catalog.pg_stat_get_tuples_deleted("
		"c.oid)"
		" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384"
		" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = c.oid"
		"  AND e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.deptype = 'e')"
		" UNION ALL SELECT NULL, NULL, pg_catalog.count(*), 0"
		" FROM pg_catalog.pg_largeobject_metadata");

/* When the process of a session began; -1: there is none. */
static bool
find_session(Connection *maintenance, int pid, long long *began)
{
	char number[16];
	const char *params[1] = {number};
	PGresult *result;

	snprintf(number, sizeof(number), "%d", pid);
	result = connection_query(
		maintenance,
		SQL("SELECT pg_catalog.floor(EXTRACT(epoch FROM a.backend_start))::pg_catalog.int8"
			" FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1::pg_catalog.int4"
			" AND a.backend_type = 'client backend'"),
		1, params);
	*began = result != NULL && PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)
				 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10)
				 : -1;
	PQclear(result);
	return result != NULL;
}

bool
left_database_session(Connection *connection, MarkSession *session)
{
	session->pid = PQbackendPID(connection->pg);
	return find_session(connection, session->pid, &session->began);
}

/* ---- what is in it ---- */

static int
compare_tables(const void *left, const void *right)
{
	const ManifestTable *a = *(const ManifestTable *const *) left;
	const ManifestTable *b = *(const ManifestTable *const *) right;
	int order = strcmp(a->schema, b->schema);

	return order != 0 ? order : strcmp(a->name, b->name);
}

/* Can a restore of this backup have made what is in the row of tables_query? */
static bool
is_of_backup(const Manifest *manifest, const ManifestTable **sorted, const PGresult *result,
			 int row)
{
	unsigned long long inserted = strtoull(PQgetvalue(result, row, 2), NULL, 10);
	ManifestTable wanted = {.schema = PQgetvalue(result, row, 0),
							.name = PQgetvalue(result, row, 1)};
	const ManifestTable *key = &wanted;
	const ManifestTable **found;

	if (PQgetisnull(result, row, 0))
		return inserted <= manifest->totals.large_objects;
	found = bsearch(&key, sorted, manifest->ntables, sizeof(*sorted), compare_tables);
	return found != NULL && inserted <= (*found)->rows &&
		   strcmp(PQgetvalue(result, row, 3), "0") == 0;
}

static bool
are_of_backup(const Manifest *manifest, const PGresult *result)
{
	const ManifestTable **sorted = xcalloc(manifest->ntables + 1, sizeof(*sorted));
	bool good = true;
	uint32_t i;
	int row;

	for (i = 0; i < manifest->ntables; i++)
		sorted[i] = &manifest->tables[i];
	qsort(sorted, manifest->ntables, sizeof(*sorted), compare_tables);
	for (row = 0; good && row < PQntuples(result); row++)
		good = is_of_backup(manifest, sorted, result, row);
	free(sorted);
	return good;
}

/*
 * Does the database hold nothing but what a restore of this backup has put
 * there?  Where that cannot be found out, it does not.
 */
static bool
holds_only(const LeftWhere *where, const BackupName *marked, const char *name)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(where->repository, marked, &error);
	ConnectionTarget *there;
	Connection *connection = NULL;
	PGresult *result = NULL;
	bool only;

	free(error);
	error = NULL;
	if (manifest == NULL)
		return false;
	there = target_with_database(where->target, name);
	connection = connection_try(there, &error);
	if (connection != NULL)
		result = connection_query(connection, tables_query, 0, NULL);
	only = result != NULL && are_of_backup(manifest, result);
	PQclear(result);
	connection_close(connection);
	target_free(there);
	manifest_free(manifest);
	free(error);
	return only;
}

/* ---- the verdict ---- */

/* A database that is half dropped can only be dropped. */
static LeftBy
verdict(const LeftWhere *where, const BackupName *marked, const char *name, const PGresult *result)
{
	return is_true(result, LOOK_HALF_DROPPED) ||
				   (is_true(result, LOOK_CLOSED) && holds_only(where, marked, name))
			   ? LEFT_MADE
			   : LEFT_BY_OTHERS;
}

/* What is asked of the database; the statement that created it is the last one of its session. */
static PGresult *
ask(const LeftWhere *where, const char *name)
{
	const char *params[2] = {name};
	PGresult *result;
	Buffer created;

	buffer_init(&created);
	buffer_append_string(&created, "CREATE DATABASE ");
	quote_identifier(&created, name);
	buffer_append_string(&created, NEW_DATABASE_OPTIONS);
	params[1] = created.data;
	result = connection_query(where->maintenance, look_query, 2, params);
	buffer_free(&created);
	return result;
}

static bool
look_at_mark(const LeftWhere *where, const char *name, LeftBy *left)
{
	PGresult *result = ask(where, name);
	BackupName marked = *where->backup;
	bool taken = false;
	MarkSession session = {0, 0};
	long long began = -1;
	bool good = result != NULL;

	*left = LEFT_BY_OTHERS;
	if (!good || PQntuples(result) != 1 || !is_true(result, LOOK_OURS))
		;
	else if (is_true(result, LOOK_UNMARKED))
		*left = is_true(result, LOOK_BEING_CREATED) ? LEFT_RUNNING : LEFT_UNMARKED;
	else if (!PQgetisnull(result, 0, LOOK_COMMENT) && is_true(result, LOOK_WRITTEN_BY_OWNER) &&
			 restore_mark_of(PQgetvalue(result, 0, LOOK_COMMENT), &marked, &session, &taken))
	{
		good = find_session(where->maintenance, session.pid, &began);
		if ((began == session.began && session.pid != PQbackendPID(where->maintenance->pg)) ||
			is_true(result, LOOK_IN_USE))
			*left = LEFT_RUNNING;
		else if (good)
			*left = taken ? LEFT_TAKEN : verdict(where, &marked, name, result);
	}
	PQclear(result);
	return good;
}

bool
left_database_look(const LeftWhere *where, const char *name, LeftBy *left)
{
	bool good;
	int i;

	for (i = 0;
		 (good = look_at_mark(where, name, left)) &&
		 ((*left == LEFT_RUNNING && i < LOOKS) || (*left == LEFT_UNMARKED && i < UNMARKED_LOOKS)) &&
		 !stop_requested();
		 i++)
		poll(NULL, 0, LOOK_INTERVAL_MS);
	return good;
}
