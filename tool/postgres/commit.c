/*-------------------------------------------------------------------------
 *
 * commit.c
 *	  COMMIT, and the truth about it if the connection is lost meanwhile.
 *
 * The number of a transaction means something on its own server only, and there
 * only as long as its history goes on: a standby that was promoted gives the
 * same numbers to others.  So the database and the timeline are compared, too.
 *
 *-------------------------------------------------------------------------
 */
#include "commit.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"

/* Seconds in which the server must answer again, and those for what it has not decided yet. */
#define CONNECT_SECONDS 30
#define UNDECIDED_SECONDS 15
#define INTERVAL_MS 250
#define PATIENCE 20

#define WHERE                                                                                      \
	"SELECT (SELECT d.oid FROM pg_catalog.pg_database d"                                           \
	" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()),"                      \
	" pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8), "

/* What is known of a transaction that shall be committed. */
typedef struct Transaction
{
	char *database; /* its OID */
	char *timeline;
	char *id; /* NULL: not known */
} Transaction;

typedef enum Fate
{
	FATE_UNKNOWN,
	FATE_COMMITTED,
	FATE_ABORTED
} Fate;

/* A role may be forbidden to ask; that must not end the transaction. */
static void
identify(Connection *connection, Transaction *transaction)
{
	PGresult *result;

	memset(transaction, 0, sizeof(*transaction));
	PQclear(connection_exec(connection, SQL("SAVEPOINT nex_backup_commit")));
	result = connection_exec(connection, SQL(WHERE "pg_catalog.pg_current_xact_id()"));
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
	{
		transaction->database = xstrdup(PQgetvalue(result, 0, 0));
		transaction->timeline = xstrdup(PQgetvalue(result, 0, 1));
		transaction->id = xstrdup(PQgetvalue(result, 0, 2));
	}
	PQclear(result);
	PQclear(connection_exec(connection, transaction->id != NULL
											? SQL("RELEASE SAVEPOINT nex_backup_commit")
											: SQL("ROLLBACK TO SAVEPOINT nex_backup_commit")));
}

static void
transaction_free(Transaction *transaction)
{
	free(transaction->database);
	free(transaction->timeline);
	free(transaction->id);
}

/* Connect again, which may take as long as the server needs to start; NULL if it cannot be. */
static Connection *
connect_again(const Connection *lost, const ConnectionTarget *target)
{
	ConnectionTarget *last = target_with_database(target, PQdb(lost->pg));
	double until = monotonic_seconds() + CONNECT_SECONDS;
	Connection *again = NULL;

	last->last_word = true;
	last->patience = PATIENCE;
	for (;;)
	{
		char *message = NULL;

		again = connection_try(last, &message);
		free(message);
		if (again != NULL || interrupted() || monotonic_seconds() > until)
			break;
		poll(NULL, 0, INTERVAL_MS);
	}
	target_free(last);
	return again;
}

/* One answer; *undecided if the server has none yet. */
static Fate
ask(Connection *connection, const Transaction *transaction, bool *undecided)
{
	const char *params[1] = {transaction->id};
	PGresult *result = connection_ask(
		connection, SQL(WHERE "pg_catalog.pg_xact_status($1::pg_catalog.xid8)"), 1, params);
	Fate fate = FATE_UNKNOWN;

	*undecided = false;
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
		strcmp(PQgetvalue(result, 0, 0), transaction->database) == 0 &&
		strcmp(PQgetvalue(result, 0, 1), transaction->timeline) == 0)
	{
		const char *status = PQgetvalue(result, 0, 2);

		*undecided = strcmp(status, "in progress") == 0;
		if (strcmp(status, "committed") == 0)
			fate = FATE_COMMITTED;
		else if (strcmp(status, "aborted") == 0)
			fate = FATE_ABORTED;
	}
	PQclear(result);
	return fate;
}

/* What became of it? */
static Fate
fate_of(const Connection *lost, const ConnectionTarget *target, const Transaction *transaction)
{
	Connection *connection =
		transaction->id != NULL && target != NULL ? connect_again(lost, target) : NULL;
	double until = monotonic_seconds() + UNDECIDED_SECONDS;
	bool undecided = connection != NULL;
	Fate fate = FATE_UNKNOWN;

	while (undecided)
	{
		fate = ask(connection, transaction, &undecided);
		undecided = undecided && !interrupted() && monotonic_seconds() < until;
		if (undecided)
			poll(NULL, 0, INTERVAL_MS);
	}
	connection_close(connection);
	return fate;
}

static bool
report_unknown(Connection *connection, const PGresult *result, const Transaction *transaction,
			   const char *what)
{
	char *hint;
	char *primary;

	if (transaction->id != NULL)
		hint = xasprintf("Look whether it is there before you do it again; SELECT "
						 "pg_xact_status('%llu') asks the server.",
						 strtoull(transaction->id, NULL, 10));
	else
		hint = xstrdup("Look whether it is there before you do it again.");
	primary =
		xasprintf("the connection was lost while committing, and it is not known whether %s was "
				  "committed",
				  what);
	connection_report_hint(connection, result, primary, hint);
	free(primary);
	free(hint);
	return false;
}

/* The connection was lost: success, failure, or nobody knows. */
static bool
settle(Connection *connection, const PGresult *result, const ConnectionTarget *target,
	   const Transaction *transaction, const char *what)
{
	char *text;

	switch (fate_of(connection, target, transaction))
	{
		case FATE_COMMITTED:
			log_warning("%s was committed, although the connection was lost meanwhile", what);
			return true;
		case FATE_ABORTED:
			text = xasprintf("the connection was lost while committing, and %s was not committed",
							 what);
			connection_report_hint(connection, result, text,
								   "Nothing of it was done; do it again.");
			free(text);
			return false;
		case FATE_UNKNOWN:
			break;
	}
	return report_unknown(connection, result, transaction, what);
}

bool
commit_transaction(Connection *connection, const ConnectionTarget *target, const char *what)
{
	Transaction transaction;
	PGresult *result;
	bool good;

	identify(connection, &transaction);
	result = connection_exec(connection, SQL("COMMIT"));
	good = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (good && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		good = report_error(EXIT_FAILED, NULL, NULL, "%s was rolled back by the server", what);
	else if (!good && PQstatus(connection->pg) == CONNECTION_BAD)
		good = settle(connection, result, target, &transaction, what);
	else if (!good)
		connection_report(connection, result, "could not run \"COMMIT\"");
	PQclear(result);
	transaction_free(&transaction);
	return good;
}
