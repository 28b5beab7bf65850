/*-------------------------------------------------------------------------
 *
 * catalog_waits.c
 *	  Who waits to lock a system catalog behind this backup.
 *
 * A transaction that has read a catalog holds ACCESS SHARE on it until its
 * end, and whoever wants ACCESS EXCLUSIVE then waits for the backup.  Of
 * catalogs any role can ask for that: CREATE RULE locks first and looks at
 * privileges afterwards.  Behind it waits everybody who needs the catalog, and
 * each new connection needs some of them, those of the whole cluster
 * pg_database.  Sessions of the backup that come later, pg_dump first of all,
 * wait there as well, while the leader waits for them: a deadlock of which the
 * server knows nothing.
 *
 * Neither is left to last.  The statement is canceled, as the scheduler does
 * for the extension's tables, unless it is a superuser's or our role may not:
 * then the backup gives way, if a session of ours waits behind it, or if it
 * keeps the whole cluster waiting, or is by somebody who may not do it anyway.
 * What a superuser does to the catalogs of the database is left to
 * --on-lock-conflict.  Autovacuum asks for no such lock itself: it is code of
 * the owner of the table that it works on.  It is canceled as well, and ended,
 * as that code may catch it; autovacuum comes back by itself.
 *
 * A session that is just starting is in pg_locks, but pg_stat_activity does
 * not tell yet whose it is.  While pg_dump is not seen it may be pg_dump's.
 *
 *-------------------------------------------------------------------------
 */
#include "catalog_waits.h"

#include <stdlib.h>
#include <string.h>

#include "backup_warning.h"
#include "interrupt.h"
#include "lock_waits.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "table_locks.h"

#define PATIENCE 2.0      /* seconds, for who keeps us waiting, or can be canceled */
#define LONG_PATIENCE 9.0 /* seconds, for who keeps others waiting */

static const SqlConstant clear_query = SQL("SELECT pg_catalog.pg_stat_clear_snapshot()");

#define OUR_USER                                                                                   \
	"(SELECT m.usesysid FROM pg_catalog.pg_stat_activity m"                                        \
	" WHERE m.pid = pg_catalog.pg_backend_pid())"

/*
 * Those with somebody behind them.  $1: our sessions; $2: pg_dump's name, or
 * NULL; 16384 is the first OID that is not the server's own.
 */
static const SqlConstant waiting_query =
	SQL("SELECT w.pid, w.relation::pg_catalog.regclass, coalesce(nullif(a.application_name, ''),"
		" a.backend_type), a.usename,"
		" coalesce(pg_catalog.extract('epoch', pg_catalog.clock_timestamp() - w.waitstart), 0),"
		" b.sessions, b.ours, w.database = 0, coalesce(r.rolsuper, true),"
		" coalesce(NOT r.rolsuper AND (pg_catalog.pg_has_role(r.oid, 'USAGE')"
		"  OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')), false)"
		"  OR (a.backend_type = 'autovacuum worker' AND (SELECT m.rolsuper"
		"   FROM pg_catalog.pg_roles m WHERE m.rolname = current_user)),"
		" coalesce(a.backend_type = 'autovacuum worker', false),"
		" CASE WHEN a.backend_type = 'autovacuum worker' THEN a.query END"
		" FROM pg_catalog.pg_locks w"
		" CROSS JOIN LATERAL (SELECT count(*) AS sessions,"
		"  coalesce(pg_catalog.bool_or(l.pid = ANY ($1::pg_catalog.int4[])"
		"   OR (s.application_name = $2::pg_catalog.text AND s.usesysid = " OUR_USER ")"
		"   OR (s.usesysid IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity d"
		"    WHERE d.application_name = $2::pg_catalog.text AND d.usesysid = " OUR_USER ")"
		"    AND $2::pg_catalog.text IS NOT NULL)), false) AS ours"
		"  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity s ON s.pid = l.pid"
		"  WHERE NOT l.granted AND l.pid <> w.pid AND l.locktype = 'relation'"
		"  AND l.database = w.database AND l.relation = w.relation) b"
		" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid"
		" LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"
		" WHERE NOT w.granted AND w.locktype = 'relation' AND w.mode = 'AccessExclusiveLock'"
		" AND w.relation < 16384 AND b.sessions > 0"
		" AND w.database IN (0, (SELECT oid FROM pg_catalog.pg_database"
		"  WHERE datname = pg_catalog.current_database()))"
		" AND EXISTS (SELECT FROM pg_catalog.pg_locks h"
		"  LEFT JOIN pg_catalog.pg_stat_activity s ON s.pid = h.pid"
		"  WHERE h.granted AND h.locktype = 'relation' AND h.database = w.database"
		"  AND h.relation = w.relation AND (h.pid = ANY ($1::pg_catalog.int4[])"
		"   OR (s.application_name = $2::pg_catalog.text AND s.usesysid = " OUR_USER ")))");

/* Only the statement that still waits there. */
static const SqlConstant cancel_query =
	SQL("SELECT pg_catalog.pg_cancel_backend(w.pid) FROM pg_catalog.pg_locks w"
		" WHERE w.pid = $1::pg_catalog.int4 AND NOT w.granted AND w.mode = 'AccessExclusiveLock'"
		" AND w.relation < 16384");

/* The same for autovacuum, whose statement goes on if its code catches that. */
static const SqlConstant terminate_query =
	SQL("SELECT pg_catalog.pg_terminate_backend(w.pid) FROM pg_catalog.pg_locks w"
		" JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid"
		" WHERE w.pid = $1::pg_catalog.int4 AND NOT w.granted AND w.mode = 'AccessExclusiveLock'"
		" AND w.relation < 16384 AND a.backend_type = 'autovacuum worker'");

/* One session, as the server told of it. */
typedef struct Waiter
{
	const char *pid;
	char *what;
	char *who;
	double waited;
	const char *behind; /* sessions */
	bool ours;          /* some of them */
	bool shared;        /* the catalog is one of the whole cluster */
	bool superuser;
	bool cancelable;
	bool autovacuum;
} Waiter;

static bool
is_true(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

static void
waiter_read(Waiter *waiter, const PGresult *result, int row)
{
	waiter->pid = PQgetvalue(result, row, 0);
	waiter->what = printable_name(PQgetvalue(result, row, 1));
	waiter->who =
		describe_session(waiter->pid, PQgetvalue(result, row, 2), PQgetvalue(result, row, 3));
	waiter->waited = strtod(PQgetvalue(result, row, 4), NULL);
	waiter->behind = PQgetvalue(result, row, 5);
	waiter->ours = is_true(result, row, 6);
	waiter->shared = is_true(result, row, 7);
	waiter->superuser = is_true(result, row, 8);
	waiter->cancelable = is_true(result, row, 9);
	waiter->autovacuum = is_true(result, row, 10);
	/* The name of the table says whose code it is. */
	if (waiter->autovacuum)
	{
		char *statement = printable_name(PQgetvalue(result, row, 11));
		char *who = xasprintf("%s (%s)", waiter->who, statement);

		free(waiter->who);
		free(statement);
		waiter->who = who;
	}
}

/* False when the leader's connection is lost. */
static bool
cancel(CatalogWaits *waits, const Waiter *waiter, Connection *leader, PGresult **failed)
{
	const char *params[1] = {waiter->pid};
	bool again = waiter->autovacuum && waits->canceled > 0;
	PGresult *result = connection_ask(leader, again ? terminate_query : cancel_query, 1, params);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		*failed = result;
		return false;
	}
	if (PQntuples(result) > 0)
	{
		if (waits->canceled++ == 0)
			log_warning_hint("It would have waited until the end of the backup, and they behind "
							 "it; nobody else's statements are canceled. Later ones are counted "
							 "in the backup.",
							 "canceled a statement of %s, which had waited %.0f s to lock %s; "
							 "behind it: %s",
							 waiter->who, waiter->waited, waiter->what, waiter->behind);
		free(waits->last);
		waits->last = xasprintf("%s, which wanted to lock %s", waiter->who, waiter->what);
	}
	PQclear(result);
	return true;
}

static void
give_way(const Waiter *waiter)
{
	char *detail =
		xasprintf("It has waited %.0f s behind this backup, and behind it: %s%s.", waiter->waited,
				  waiter->behind, waiter->ours ? ", sessions of the backup among them" : "");

	report_error(EXIT_FAILED, detail,
				 waiter->superuser
					 ? "Run the backup again when that statement is done."
					 : "Run the backup again when that statement is done. A role that is a member "
					   "of pg_signal_backend would have canceled it.",
				 "canceled because %s is waiting to lock %s", waiter->who, waiter->what);
	free(detail);
	stop_request();
}

/* False when the leader's connection is lost. */
static bool
judge(CatalogWaits *waits, const Waiter *waiter, Connection *leader, PGresult **failed)
{
	/* Who does it again and again is not waited for each time. */
	if (waiter->cancelable && (waiter->waited >= PATIENCE || waits->canceled > 0))
		return cancel(waits, waiter, leader, failed);
	if (!waiter->cancelable &&
		((waiter->ours && waiter->waited >= PATIENCE) ||
		 ((waiter->shared || !waiter->superuser) && waiter->waited >= LONG_PATIENCE)))
		give_way(waiter);
	return true;
}

bool
catalog_waits_look(CatalogWaits *waits, Connection *leader, const Schema *schema, PGresult **failed)
{
	char *pids = lock_waits_pids();
	bool dumping = schema != NULL && !atomic_load(&schema->ended);
	const char *params[2] = {pids, dumping ? schema->application : NULL};
	PGresult *result = connection_exec(leader, clear_query);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
	int i;

	if (good)
	{
		PQclear(result);
		result = connection_ask(leader, waiting_query, 2, params);
		good = PQresultStatus(result) == PGRES_TUPLES_OK;
	}
	free(pids);
	if (!good)
	{
		*failed = result;
		return false;
	}
	for (i = 0; i < PQntuples(result) && good && !stop_requested(); i++)
	{
		Waiter waiter;

		waiter_read(&waiter, result, i);
		good = judge(waits, &waiter, leader, failed);
		free(waiter.what);
		free(waiter.who);
	}
	PQclear(result);
	return good;
}

void
catalog_waits_end(CatalogWaits *waits, Manifest *manifest)
{
	if (waits->last != NULL && manifest != NULL)
	{
		char *text = xasprintf("statements canceled because others waited behind them, and they "
							   "behind this backup: %d, at last one of %s",
							   waits->canceled, waits->last);

		backup_warning_keep(manifest, text);
		free(text);
	}
	free(waits->last);
	memset(waits, 0, sizeof(*waits));
}
