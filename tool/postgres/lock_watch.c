/*-------------------------------------------------------------------------
 *
 * lock_watch.c
 *	  Say for whom this program waits, and end what waits too long.
 *
 * Any role can hold a lock that a restore needs: on a table of its own, its
 * schema, a system catalog, or a database, by a setting for itself that is not
 * committed.  Our own sessions have a lock_timeout, but pg_restore sets its own
 * to 0, and the server's error does not say who held the lock.  So a thread of
 * its own looks once a second.
 *
 *-------------------------------------------------------------------------
 */
#include "lock_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deadline.h"
#include "interrupt.h"
#include "lock_waits.h"
#include "log.h"
#include "memory.h"
#include "quote.h"

#define LOOK_EVERY 1 /* seconds */
#define SAY_AFTER 5  /* seconds of waiting */
#define SAY_EVERY 60 /* seconds, of the same session */
#define PATIENCE 4   /* seconds that the watch itself waits for a lock */
#define LAST_LOOK 1  /* seconds that its end waits for an answer */

struct LockWatch
{
	Connection *connection;
	char *application;
	int timeout;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* one of these: */
	bool ends;              /* it is asked to */
	bool ended_itself;      /* and has */
	int said_for;           /* process that it was said of */
	double said_at;
	int ended; /* process that was ended */
};

/* Who waits for somebody else than us; those we wait for first in each case. */
static const SqlConstant waiting_query =
	SQL("SELECT a.pid, coalesce(pg_catalog.extract('epoch', pg_catalog.clock_timestamp() -"
		"  (SELECT pg_catalog.min(l.waitstart) FROM pg_catalog.pg_locks l"
		"   WHERE l.pid = a.pid AND NOT l.granted)), 0)::pg_catalog.int4,"
		" a.pid <> ALL ($1::pg_catalog.int4[]), " LOCK_HOLDER_COLUMNS(
			"b") " FROM pg_catalog.pg_stat_activity a,"
				 " pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) WITH ORDINALITY AS x(pid, "
				 "place)"
				 " LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = x.pid"
				 " WHERE (a.pid = ANY ($1::pg_catalog.int4[]) OR a.application_name = $2)"
				 " AND a.usename = session_user AND a.wait_event_type = 'Lock'"
				 " AND x.pid <> ALL ($1::pg_catalog.int4[])"
				 " AND NOT coalesce(b.application_name = $2 AND b.usename = session_user, false)"
				 " ORDER BY a.pid, x.place");

/*
 * The same where that cannot be asked: pg_stat_activity reads pg_authid and pg_database, and
 * whoever has locked these keeps us waiting as well.  These functions read nothing.
 */
static const SqlConstant waiting_blindly_query =
	SQL("SELECT a.pid, coalesce(pg_catalog.extract('epoch', pg_catalog.clock_timestamp() -"
		"  (SELECT pg_catalog.min(l.waitstart) FROM pg_catalog.pg_lock_status() l"
		"   WHERE l.pid = a.pid AND NOT l.granted)), 0)::pg_catalog.int4,"
		" a.pid <> ALL ($1::pg_catalog.int4[]), NULL"
		" FROM pg_catalog.pg_stat_get_activity(NULL) a"
		" WHERE (a.pid = ANY ($1::pg_catalog.int4[]) OR a.application_name = $2)"
		" AND a.usesysid = (SELECT s.usesysid"
		"  FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) s)"
		" AND a.wait_event_type = 'Lock'");

char *
lock_holder_shown(const PGresult *result, int row, int column)
{
	char *application;
	char *user;
	char *database;
	char *text;

	if (PQgetisnull(result, row, column))
		return xstrdup("a prepared transaction, or a session that has ended");
	application = printable_name(PQgetvalue(result, row, column + 1));
	user = printable_name(PQgetvalue(result, row, column + 2));
	database = printable_name(PQgetvalue(result, row, column + 3));
	text = xasprintf("process %s (application \"%s\", user \"%s\", database \"%s\")",
					 PQgetvalue(result, row, column), application, user, database);
	free(application);
	free(user);
	free(database);
	return text;
}

static void
say(LockWatch *watch, int pid, int seconds, const char *holder)
{
	double now = monotonic_seconds();

	if (seconds < SAY_AFTER || (watch->said_for == pid && now < watch->said_at + SAY_EVERY))
		return;
	watch->said_for = pid;
	watch->said_at = now;
	log_warning_hint("SELECT pg_terminate_backend(PROCESS) ends such a session.",
					 "waiting for a lock, for %d s: it is held or wanted by %s", seconds, holder);
}

/*
 * End what waits too long: a command of pg_restore, which sets its timeouts to
 * 0, or of ours where SQL of an archive has done so.
 */
static void
end_wait(LockWatch *watch, int pid, const char *holder)
{
	SqlText sql;

	if (watch->ended == pid)
		return;
	watch->ended = pid;
	report_error(EXIT_FAILED, holder,
				 "End that session (SELECT pg_terminate_backend(PROCESS)), or raise "
				 "--lock-wait-timeout.",
				 "could not get a lock within %d s", watch->timeout);
	sql_init(&sql);
	sql_append(&sql, "SELECT pg_catalog.pg_cancel_backend(");
	sql_signed(&sql, pid);
	sql_append(&sql, ")");
	PQclear(connection_exec(watch->connection, &sql));
	sql_free(&sql);
}

/* Say of one what there is to say, and end it if it is time. */
static void
judge(LockWatch *watch, const PGresult *result, int row, const char *holder)
{
	int pid = (int) strtol(PQgetvalue(result, row, 0), NULL, 10);
	int seconds = (int) strtol(PQgetvalue(result, row, 1), NULL, 10);
	bool child = PQgetvalue(result, row, 2)[0] == 't';

	lock_waits_note(pid, holder);
	say(watch, pid, seconds, holder);
	if (watch->timeout > 0 && seconds >= watch->timeout + (child ? 0 : LOCK_WATCH_GRACE))
		end_wait(watch, pid, holder);
}

static void
look_at(LockWatch *watch, const PGresult *result)
{
	int before = 0;
	int i;

	for (i = 0; i < PQntuples(result); i++)
	{
		int pid = (int) strtol(PQgetvalue(result, i, 0), NULL, 10);
		char *holder;

		if (pid == before)
			continue;
		before = pid;
		holder = lock_holder_shown(result, i, 3);
		judge(watch, result, i, holder);
		free(holder);
	}
}

static void
look(LockWatch *watch)
{
	char *pids = lock_waits_pids();
	const char *params[2] = {pids, watch->application};
	PGresult *result = connection_ask(watch->connection, waiting_query, 2, params);
	int i;

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		look_at(watch, result);
	else
	{
		PQclear(result);
		result = connection_ask(watch->connection, waiting_blindly_query, 2, params);
		for (i = 0; PQresultStatus(result) == PGRES_TUPLES_OK && i < PQntuples(result); i++)
			judge(watch, result, i,
				  "a session that is not known, as pg_stat_activity is locked as well");
	}
	PQclear(result);
	free(pids);
}

/* Wait for so many seconds, or until something has changed; the mutex is held. */
static bool
time_is_over(LockWatch *watch, int seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	return pthread_cond_timedwait(&watch->changed, &watch->mutex, &until) == ETIMEDOUT;
}

static void *
watch_locks(void *argument)
{
	LockWatch *watch = argument;

	pthread_mutex_lock(&watch->mutex);
	while (!watch->ends && PQstatus(watch->connection->pg) == CONNECTION_OK)
	{
		if (!time_is_over(watch, LOOK_EVERY))
			continue;
		pthread_mutex_unlock(&watch->mutex);
		look(watch);
		pthread_mutex_lock(&watch->mutex);
	}
	watch->ended_itself = true;
	pthread_cond_signal(&watch->changed);
	pthread_mutex_unlock(&watch->mutex);
	return NULL;
}

static void
make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

LockWatch *
lock_watch_begin(const ConnectionTarget *target, const Connection *maintenance, int timeout)
{
	LockWatch *watch = xcalloc(1, sizeof(*watch));
	ConnectionTarget *own = target_with_database(target, PQdb(maintenance->pg));
	char *message = NULL;

	own->bound_lock_waits = false;
	own->lock_patience = PATIENCE;
	own->may_ask = false;
	watch->connection = connection_try(own, &message);
	target_free(own);
	if (watch->connection == NULL)
	{
		log_debug("no connection to watch locks: %s", message);
		free(message);
		free(watch);
		return NULL;
	}
	/* What is cleaned up after a stop may wait, too. */
	connection_spare(watch->connection);
	watch->application = lock_waits_application(maintenance->pg);
	watch->timeout = timeout;
	pthread_mutex_init(&watch->mutex, NULL);
	make_condition(&watch->changed);
	if (pthread_create(&watch->thread, NULL, watch_locks, watch) == 0)
		return watch;
	pthread_cond_destroy(&watch->changed);
	pthread_mutex_destroy(&watch->mutex);
	connection_close(watch->connection);
	free(watch->application);
	free(watch);
	return NULL;
}

void
lock_watch_end(LockWatch *watch)
{
	if (watch == NULL)
		return;
	pthread_mutex_lock(&watch->mutex);
	watch->ends = true;
	pthread_cond_signal(&watch->changed);
	/* It may be asking a server that has fallen silent. */
	while (!watch->ended_itself && !time_is_over(watch, LAST_LOOK))
		continue;
	if (!watch->ended_itself)
		connection_cut(watch->connection);
	pthread_mutex_unlock(&watch->mutex);
	pthread_join(watch->thread, NULL);
	pthread_cond_destroy(&watch->changed);
	pthread_mutex_destroy(&watch->mutex);
	connection_close(watch->connection);
	free(watch->application);
	free(watch);
}

/* ---- locks on databases ---- */

static const SqlConstant holders_query = SQL("SELECT " LOCK_HOLDER_COLUMNS(
	"a") " FROM pg_catalog.pg_locks l"
		 " JOIN pg_catalog.pg_database d ON d.oid = l.objid"
		 " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
		 " WHERE l.locktype = 'object' AND l.database = 0 AND l.granted"
		 " AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass"
		 " AND d.datname IN ($1::pg_catalog.name, $2::pg_catalog.name)"
		 " AND a.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"
		 " AND coalesce(a.datname NOT IN ($1::pg_catalog.name, $2::pg_catalog.name), true)"
		 " ORDER BY a.pid LIMIT 1");

bool
lock_watch_wait_for_databases(Connection *helper, const char *one, const char *other, double until)
{
	const char *params[2] = {one, other};
	double begun = monotonic_seconds();
	bool said = false;

	for (;;)
	{
		PGresult *result = connection_query(helper, holders_query, 2, params);
		double now = monotonic_seconds();
		char *holder;

		if (result == NULL || PQntuples(result) == 0)
		{
			PQclear(result);
			return result != NULL;
		}
		holder = lock_holder_shown(result, 0, 0);
		PQclear(result);
		if (stop_requested() || (until > 0 && now >= until))
		{
			report_error(EXIT_FAILED, holder,
						 "End that session (SELECT pg_terminate_backend(PROCESS)), or raise "
						 "--lock-wait-timeout.",
						 "another session has a lock on the database");
			free(holder);
			return false;
		}
		if (!said && now > begun + SAY_AFTER)
		{
			log_warning_hint("SELECT pg_terminate_backend(PROCESS) ends such a session.",
							 "waiting for a lock on the database, held by %s", holder);
			said = true;
		}
		free(holder);
		poll(NULL, 0, LOOK_EVERY * 1000);
	}
}
