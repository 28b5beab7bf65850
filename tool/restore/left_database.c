/*-------------------------------------------------------------------------
 *
 * left_database.c
 *	  Telling a database that an earlier restore has left incomplete.
 *
 * A restore that was killed, or whose server went away, leaves a database
 * with a comment that says what it is (restore_mark.c), and the next one needs
 * the same name.  The comment alone is no proof: the owner of a database can
 * write one.  It is believed if the database belongs to us, or to a superuser
 * while we are one: such a database only a restore of ours, or somebody with
 * the same rights, can have made.
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

#include "interrupt.h"
#include "restore_mark.h"

#define LOOKS 20
#define LOOK_INTERVAL_MS 250

static const SqlConstant look_query =
	SQL("SELECT pg_catalog.shobj_description(d.oid, 'pg_database'),"
		" o.rolname IN (session_user, current_user) OR (o.rolsuper AND"
		"  (SELECT m.rolsuper FROM pg_catalog.pg_roles m WHERE m.rolname = session_user)),"
		" EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid"
		"  AND a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid())"
		" FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba"
		" WHERE d.datname = $1::pg_catalog.name");

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

static bool
look(Connection *maintenance, const char *source, const char *name, LeftBy *left)
{
	const char *params[1] = {name};
	PGresult *result = connection_query(maintenance, look_query, 1, params);
	bool alive = false;
	bool taken = false;
	MarkSession session = {0, 0};
	long long began = -1;
	bool good = result != NULL;

	*left = LEFT_BY_OTHERS;
	if (good && PQntuples(result) == 1 && !PQgetisnull(result, 0, 0) &&
		PQgetvalue(result, 0, 1)[0] == 't' &&
		restore_mark_of(PQgetvalue(result, 0, 0), source, &session, &taken))
	{
		good = find_session(maintenance, session.pid, &began);
		alive = (began == session.began && session.pid != PQbackendPID(maintenance->pg)) ||
				PQgetvalue(result, 0, 2)[0] == 't';
		*left = alive ? LEFT_RUNNING : taken ? LEFT_TAKEN : LEFT_MADE;
	}
	PQclear(result);
	return good;
}

bool
left_database_look(Connection *maintenance, const char *source, const char *name, LeftBy *left)
{
	bool good;
	int i;

	for (i = 0; (good = look(maintenance, source, name, left)) && *left == LEFT_RUNNING &&
				i < LOOKS && !stop_requested();
		 i++)
		poll(NULL, 0, LOOK_INTERVAL_MS);
	return good;
}
