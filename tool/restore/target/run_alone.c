/*-------------------------------------------------------------------------
 *
 * run_alone.c
 *	  A transaction that needs nobody to be in a database.
 *
 *-------------------------------------------------------------------------
 */
#include "run_alone.h"

#include <poll.h>
#include <string.h>

#include "backup_settings.h"
#include "database_state.h"
#include "deadline.h"
#include "interrupt.h"
#include "lock_watch.h"
#include "settings.h"
#include "sql_build.h"

#define POLL_INTERVAL_MS 100
#define PAUSE_MS 500
#define TRIES 20
#define LOCK_NOT_AVAILABLE "55P03"

/* End the sessions of the two databases until the swap is through. */
static bool
disconnect_until_done(const RestorePlan *plan, Connection *helper)
{
	const char *params[2] = {plan->database, plan->working};

	while (PQisBusy(plan->maintenance->pg))
	{
		struct pollfd wait = {PQsocket(plan->maintenance->pg), POLLIN, 0};
		PGresult *result;

		result = connection_query(
			helper,
			"SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a"
			" LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"
			" WHERE a.datname IN ($1::pg_catalog.name, $2::pg_catalog.name)"
			" AND a.pid <> pg_catalog.pg_backend_pid()"
			/* Those that we may end; the swap waits for the others until its timeout. */
			" AND (pg_catalog.current_setting('is_superuser') = 'on' OR (NOT r.rolsuper"
			"  AND (pg_catalog.pg_has_role(r.oid, 'MEMBER')"
			"   OR pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER'))))",
			2, params);
		if (result == NULL)
			return false;
		PQclear(result);
		poll(&wait, 1, POLL_INTERVAL_MS);
		if (PQconsumeInput(plan->maintenance->pg) == 0)
			return connection_report(plan->maintenance, NULL,
									 "lost the connection while swapping the databases");
	}
	return true;
}

/*
 * Run the commands on one connection while another one ends sessions.  If they
 * failed only because somebody changed the database at the same moment, which
 * its owner can do in a loop, or has a lock on it, then *again, without a
 * report.
 */
static bool
run_once(const RestorePlan *plan, Connection *helper, const SqlText *sql, const char *what,
		 bool *again)
{
	PGresult *result;
	bool good = connection_send(plan->maintenance, sql);

	if (!good)
		return connection_report(plan->maintenance, NULL, "could not send a query");
	do
	{
		if (!disconnect_until_done(plan, helper))
			good = *again = false;
		result = PQgetResult(plan->maintenance->pg);
		if (result != NULL && PQresultStatus(result) != PGRES_COMMAND_OK && good)
		{
			const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

			good = false;
			*again = *again && state != NULL &&
					 (strcmp(state, CONCURRENTLY_UPDATED) == 0 ||
					  strcmp(state, LOCK_NOT_AVAILABLE) == 0);
			if (!*again && state != NULL && strcmp(state, LOCK_NOT_AVAILABLE) == 0)
				connection_report_hint(plan->maintenance, result, what,
									   "A session has changed the database, in a transaction that "
									   "goes on; view pg_stat_activity shows it. End it, or raise "
									   "--lock-wait-timeout.");
			else if (!*again)
				connection_report(plan->maintenance, result, what);
		}
		PQclear(result);
	} while (result != NULL);
	if (!good && PQtransactionStatus(plan->maintenance->pg) == PQTRANS_INERROR)
		PQclear(PQexec(plan->maintenance->pg, "ROLLBACK"));
	return good;
}

bool
target_database_run_alone(const RestorePlan *plan, const SqlText *sql, const char *what)
{
	Connection *helper = connection_open(plan->target);
	double until = plan->settings->backup->lock_wait_timeout > 0
					   ? monotonic_seconds() + plan->settings->backup->lock_wait_timeout
					   : 0;
	bool again = true;
	bool good =
		helper != NULL && (!plan->superuser || connection_command(helper, SQL("SET ROLE NONE")));
	int tries;

	for (tries = 1; good && again; tries++)
	{
		/* While one waits, nobody can connect; so not before there is hope. */
		good = lock_watch_wait_for_databases(helper, plan->database, plan->working, until);
		if (!good)
			break;
		again = tries < TRIES && !stop_requested() && (until == 0 || monotonic_seconds() < until);
		if (run_once(plan, helper, sql, what, &again))
			break;
		good = again;
		if (again)
			poll(NULL, 0, PAUSE_MS);
	}
	connection_close(helper);
	return good;
}
