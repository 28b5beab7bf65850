/*-------------------------------------------------------------------------
 *
 * worker_session.c
 *	  What the background workers have in common: signals, a connection, and
 *	  calls of SQL functions in transactions of their own.
 *
 * SIGTERM only sets a flag.  With die() the next SQL call would end the
 * process, and an executor that is told to stop has a child to stop and a run
 * to close first.  What could make it wait meanwhile is bounded by lock_timeout.
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
#include "worker_session.h"

volatile sig_atomic_t worker_stop_requested = false;
bool worker_logs_errors = false;

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
	/* SIGINT stays what it is: lock_timeout works by it. */
	pqsignal(SIGCHLD, handle_child);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

void
worker_session_start(const char *database, Oid database_oid)
{
	worker_handle_signals();
	if (database != NULL)
		BackgroundWorkerInitializeConnection(database, NULL, 0);
	else
		BackgroundWorkerInitializeConnectionByOid(database_oid, InvalidOid, 0);
	pin_settings();
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

/*
 * CREATE RULE, CREATE TRIGGER and the like wait for a lock on a table before
 * PostgreSQL looks who asks, so any role that can name the table can have
 * everybody queue behind it, for as long as another session of that role has
 * read or written there.  Such a statement can only fail: so it is canceled.
 */
#define CLEAR_QUERY                                                                                \
	"SELECT pg_catalog.pg_cancel_backend(l.pid) FROM pg_catalog.pg_locks l"                        \
	" JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid"                    \
	" JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.usesysid"                       \
	" WHERE NOT l.granted AND NOT r.rolsuper"                                                      \
	" AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.mode OPERATOR(pg_catalog.=)"          \
	" ANY (ARRAY['AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock'])"                \
	" AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d"           \
	"  WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"                      \
	" AND EXISTS (SELECT FROM pg_catalog.pg_depend m JOIN pg_catalog.pg_extension e"               \
	"  ON e.oid OPERATOR(pg_catalog.=) m.refobjid WHERE e.extname OPERATOR(pg_catalog.=)"          \
	"  'nex_backup' AND m.objid OPERATOR(pg_catalog.=) l.relation AND m.classid"                   \
	"  OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND m.refclassid"         \
	"  OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass)"

static void
clear_the_way(void)
{
	volatile uint64 canceled = 0;

	PG_TRY();
	{
		StartTransactionCommand();
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		if (SPI_execute(CLEAR_QUERY, false, 0) == SPI_OK_SELECT)
			canceled = SPI_processed;
		SPI_finish();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	if (canceled > 0)
		ereport(LOG, (errmsg("nex_backup canceled " UINT64_FORMAT " statements of other roles, "
							 "which waited to change its tables and kept everybody else from them",
							 canceled)));
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
	MemoryContext context = CurrentMemoryContext;
	bool locked = false;
	SqlOutcome outcome = sql_call_once(query, nparameters, parameters, row, error, &locked);

	if (locked)
	{
		clear_the_way();
		MemoryContextSwitchTo(context);
	}
	return outcome;
}
