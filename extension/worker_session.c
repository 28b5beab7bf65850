/*-------------------------------------------------------------------------
 *
 * worker_session.c
 *	  What the background workers have in common: signals, a connection, and
 *	  calls of SQL functions in separate transactions.
 *
 * SIGTERM only sets a flag.  With die() the next SQL call would end the
 * process, and an executor that is told to stop has a child to stop and a run
 * to close first.  What could make it wait meanwhile is bounded by lock_timeout,
 * and commits do not wait for a standby.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "hold.h"
#include "lock_guard.h"
#include "worker_session.h"

volatile sig_atomic_t worker_stop_requested = false;
bool worker_logs_errors = false;

/* What the end of lock_timeout sends: it is known by now what was waited for. */
static void
handle_interrupt(SIGNAL_ARGS)
{
	lock_guard_note_wait();
	StatementCancelHandler(postgres_signal_arg);
}

static void
handle_stop(SIGNAL_ARGS)
{
	int saved = errno;

	worker_stop_requested = true;
	SetLatch(MyLatch);
	errno = saved;
}

/* A child has ended: have a look. */
static void
handle_child(SIGNAL_ARGS)
{
	int saved = errno;

	SetLatch(MyLatch);
	errno = saved;
}

/*
 * Whatever ALTER DATABASE or ALTER ROLE say, these must be so.  The owner of
 * the database need not be a superuser, and the worker is one.
 */
static void
pin_settings(void)
{
	static const char *const pinned[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"standard_conforming_strings", "on"},
		{"session_replication_role", "origin"},
		{"row_security", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"lock_timeout", "20s"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},
		{"DateStyle", "ISO, MDY"},
		{"IntervalStyle", "postgres"},
		{"jit", "off"},
		{"max_parallel_workers_per_gather", "0"},
	};
	size_t i;

	for (i = 0; i < lengthof(pinned); i++)
		SetConfigOption(pinned[i][0], pinned[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	/* No setting bounds the wait for a standby, and not even a shutdown ends it. */
	SetConfigOption("synchronous_commit",
					synchronous_commit == SYNCHRONOUS_COMMIT_OFF ? "off" : "local", PGC_SUSET,
					PGC_S_OVERRIDE);
	if (GetConfigOption("transaction_timeout", true, false) != NULL)
		SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * ALTER DATABASE can even make another user of a worker, which has not logged
 * in by a name; and then "none" is the role of that one.
 */
static void
pin_user(void)
{
	if (GetSessionUserId() != BOOTSTRAP_SUPERUSERID)
		SetConfigOption("session_authorization", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false),
						PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * And all others that the database or the role has: back to what they are
 * without, for a list of those that can do harm would miss the next one.  The
 * language and the time zone of messages may be as they are wanted.
 */
static void
forget_settings(void)
{
	uint64 i;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pin_user();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute("SELECT name, boot_val FROM pg_catalog.pg_settings"
					" WHERE source IN ('database', 'user', 'database user', 'global')"
					" AND context IN ('user', 'superuser') AND boot_val IS NOT NULL"
					" AND name NOT IN ('TimeZone', 'lc_messages')",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the settings");
	for (i = 0; i < SPI_processed; i++)
	{
		TupleDesc columns = SPI_tuptable->tupdesc;
		char *name = SPI_getvalue(SPI_tuptable->vals[i], columns, 1);
		char *value = SPI_getvalue(SPI_tuptable->vals[i], columns, 2);

		SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

void
worker_handle_signals(void)
{
	pqsignal(SIGTERM, handle_stop);
	/* SIGINT does what it does everywhere: lock_timeout works by it. */
	pqsignal(SIGINT, handle_interrupt);
	pqsignal(SIGCHLD, handle_child);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

void
worker_session_start(const char *database, Oid database_oid)
{
	worker_handle_signals();
	/* Locks are waited for already on the way into the database. */
	SetConfigOption("lock_timeout", "20s", PGC_SUSET, PGC_S_OVERRIDE);
	lock_guard_begin();
	/* There is nothing to bring to an end yet. */
	pqsignal(SIGTERM, die);
	if (database != NULL)
		BackgroundWorkerInitializeConnection(database, NULL, 0);
	else
		BackgroundWorkerInitializeConnectionByOid(database_oid, InvalidOid, 0);
	pqsignal(SIGTERM, handle_stop);
	pin_settings();
	lock_guard_begin();
	forget_settings();
}

bool
worker_take_cancel(void)
{
	bool taken = QueryCancelPending;

	QueryCancelPending = false;
	return taken;
}

void
worker_reload(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

/* The first row of the last result, as text, in the context given. */
static char **
copy_row(MemoryContext context)
{
	TupleDesc columns = SPI_tuptable->tupdesc;
	MemoryContext old;
	char **row;
	int i;

	if (SPI_processed == 0)
		return NULL;
	old = MemoryContextSwitchTo(context);
	row = palloc0(sizeof(char *) * (size_t) columns->natts);
	for (i = 0; i < columns->natts; i++)
	{
		char *value = SPI_getvalue(SPI_tuptable->vals[0], columns, i + 1);

		row[i] = value != NULL ? MemoryContextStrdup(context, value) : NULL;
	}
	MemoryContextSwitchTo(old);
	return row;
}

static void
execute(const char *query, int nparameters, const char *const *parameters)
{
	Oid types[8];
	Datum values[8];
	char nulls[8];
	int i;

	Assert(nparameters <= 8);
	for (i = 0; i < nparameters; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = parameters[i] == NULL ? 'n' : ' ';
		values[i] = parameters[i] == NULL ? (Datum) 0 : CStringGetTextDatum(parameters[i]);
	}
	SPI_execute_with_args(query, nparameters, types, values, nulls, false, 0);
}

/* The error that was caught: into *message, or into the log, or both. */
static void
report_caught(MemoryContext context, char **message)
{
	MemoryContextSwitchTo(context);
	if (message != NULL)
	{
		ErrorData *error = CopyErrorData();

		*message = pstrdup(error->message);
		FreeErrorData(error);
	}
	if (message == NULL || worker_logs_errors)
		EmitErrorReport();
	FlushErrorState();
}

static SqlOutcome
sql_call_once(const char *query, int nparameters, const char *const *parameters, char ***row,
			  char **error, bool *locked)
{
	MemoryContext context = CurrentMemoryContext;
	volatile SqlOutcome outcome = SQL_DONE;
	char **volatile values = NULL;
	Oid held;

	SetCurrentStatementStartTimestamp();
	PG_TRY();
	{
		StartTransactionCommand();
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		if (!OidIsValid(hold_extension(&held)))
			outcome = SQL_NO_EXTENSION;
		else
		{
			execute(query, nparameters, parameters);
			values = copy_row(context);
		}
		SPI_finish();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		*locked = geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE;
		report_caught(context, error);
		AbortCurrentTransaction();
		outcome = SQL_FAILED;
		values = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	pgstat_report_stat(false);
	if (row != NULL)
		*row = values;
	return outcome;
}

SqlOutcome
sql_call(const char *query, int nparameters, const char *const *parameters, char ***row,
		 char **error)
{
	bool locked = false;
	SqlOutcome outcome;

	lock_guard_begin();
	outcome = sql_call_once(query, nparameters, parameters, row, error, &locked);
	if (locked)
		lock_guard_clear();
	lock_guard_end();
	return outcome;
}
