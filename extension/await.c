/*-------------------------------------------------------------------------
 *
 * await.c
 *	  Waiting for a run, for hours if need be, and holding nothing meanwhile.
 *
 * Whoever changes the extension (DROP EXTENSION, ALTER TABLE, VACUUM FULL) must
 * wait for the locks of a session that waits for a run, while that run can only
 * be recorded when the change is over: a circle that the server's deadlock
 * detector does not see, because the session waits on its latch.  So each look
 * at the tables is a subtransaction that is rolled back: that gives the locks
 * and the memory of the look back.  It waits for no lock itself, either; what
 * is locked is looked at the next time.
 *
 * What the surrounding transaction holds is not ours to give back.  So once a
 * second the session asks whether somebody who belongs to the run, or wants to
 * change the extension, waits behind it; then it ends, and the run goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#include "errand.h"
#include "gate.h"
#include "hold.h"
#include "lock_guard.h"

PG_FUNCTION_INFO_V1(nex_backup_perform);
PG_FUNCTION_INFO_V1(nex_backup_await_run);

#define POLL_MILLISECONDS 200L
#define BLOCKED_MILLISECONDS 1000L
#define NOTICE_MILLISECONDS 10000L
#define LOOK_LOCK_TIMEOUT "100ms"
#define LOOK_COLUMNS 3

typedef struct Wait
{
	int64 run;
	Oid extension; /* one that is created in its place knows nothing of the run */
	MemoryContext context;
	volatile bool leave_run; /* an error does not cancel it */
} Wait;

typedef enum Look
{
	LOOK_DONE,  /* and there are values */
	LOOK_EMPTY, /* there was no row */
	LOOK_BUSY   /* somebody has locked it */
} Look;

static const char *const run_query =
	"SELECT r.finished IS NOT NULL, r.state, coalesce(r.error, r.reason) "
	"FROM nex_backup.runs r WHERE r.id = $1";

static const char *const progress_query = "SELECT nex_backup.progress_text($1), NULL, NULL";

/*
 * Who waits, directly or behind others, for this session, and is at work for
 * nex_backup or wants to change it.  Any session can give itself the tool's
 * name: believed are roles that the tool can work as (those of the view
 * nex_backup.connections), and only if they wait for a lock.  Who waits for the
 * end of this transaction's snapshot, as CREATE INDEX CONCURRENTLY does, is not
 * held up in the work for the run.
 */
static const char *const blocked_query =
	"WITH RECURSIVE waiting AS MATERIALIZED ("
	"	SELECT l.pid, pg_blocking_pids(l.pid) AS blockers, l.locktype <> 'virtualxid' AS for_lock,"
	"		l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"
	"			AND (l.relation IN (SELECT c.oid FROM pg_class c"
	"					WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n"
	"						WHERE n.nspname = 'nex_backup'))"
	"				OR (l.classid, l.objid) IN (SELECT 'pg_extension'::regclass, e.oid"
	"					FROM pg_extension e WHERE e.extname = 'nex_backup')) AS ours"
	"	FROM pg_locks l"
	"	WHERE NOT l.granted AND l.waitstart < clock_timestamp() - interval '500 milliseconds'),"
	" behind AS ("
	"	SELECT w.pid, w.ours, w.for_lock, 0 AS place FROM waiting w WHERE pg_backend_pid() = ANY "
	"(w.blockers)"
	"	UNION SELECT w.pid, w.ours, w.for_lock, 1 FROM waiting w JOIN behind b ON b.pid = ANY "
	"(w.blockers))"
	" SELECT b.pid, coalesce(nullif(a.application_name, ''), a.backend_type, ''), NULL"
	" FROM behind b JOIN pg_stat_activity a ON a.pid = b.pid"
	" WHERE $1 IS NOT NULL AND (b.ours OR a.backend_type LIKE 'nex_backup %'"
	"	OR (b.for_lock AND a.application_name ~ '^nex_backup(:|$)'"
	"		AND (has_function_privilege(a.usesysid,"
	"				'nex_backup.record(pg_catalog.text, pg_catalog.jsonb)', 'EXECUTE')"
	"			OR pg_has_role(a.usesysid, 'pg_read_all_data', 'USAGE'))))"
	" ORDER BY b.place, b.pid LIMIT 1";

/* ---- one look ---- */

/* Not for longer than a moment: behind a lock, this session would be one that blocks and waits. */
static void
limit_lock_waits(void)
{
	(void) set_config_option("lock_timeout", LOOK_LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* False if somebody is dropping the extension.  ERROR if it was dropped. */
static bool
lock_extension_at_once(Wait *wait)
{
	Oid extension;

	if (!hold_extension_at_once(&extension))
		return false;
	if (extension != wait->extension)
	{
		wait->leave_run = true;
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("extension \"%s\" was dropped during run " INT64_FORMAT,
							   "nex_backup", wait->run)));
	}
	return true;
}

static Look
run_look_query(const Wait *wait, const char *query, char **values)
{
	Oid types[1] = {INT8OID};
	Datum parameters[1];
	int i;

	parameters[0] = Int64GetDatum(wait->run);
	if (SPI_execute_with_args(query, 1, types, parameters, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "a query about a run is not a query");
	if (SPI_processed == 0)
		return LOOK_EMPTY;
	for (i = 0; i < LOOK_COLUMNS; i++)
	{
		char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);

		values[i] = value != NULL ? MemoryContextStrdup(wait->context, value) : NULL;
	}
	return LOOK_DONE;
}

/* Values of a row, in the wait's context.  In a subtransaction that leaves nothing behind. */
static Look
look(Wait *wait, const char *query, char **values)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Look outcome = LOOK_BUSY;
	ErrorData *volatile error = NULL;
	bool guards = lock_guard_begin();

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		limit_lock_waits();
		if (query == blocked_query || lock_extension_at_once(wait))
		{
			SPI_connect();
			outcome = run_look_query(wait, query, values);
			SPI_finish();
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(wait->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	if (guards)
		lock_guard_end();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ReThrowError(error);
	return error != NULL ? LOOK_BUSY : outcome;
}

/* ---- the wait ---- */

/* What makes a wait impossible is reported before anything is begun. */
static void
check_may_wait(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
						errmsg("cannot wait for a run in a transaction of this isolation level"),
						errdetail("It would not see the end of the run."),
						errhint("Use wait => false, or READ COMMITTED.")));
}

static void
begin_wait(Wait *wait, int64 run)
{
	wait->run = run;
	wait->extension = get_extension_oid("nex_backup", true);
	wait->leave_run = false;
	wait->context =
		AllocSetContextCreate(CurrentMemoryContext, "nex_backup wait", ALLOCSET_SMALL_SIZES);
}

static void
check_blocked(Wait *wait)
{
	char *values[LOOK_COLUMNS];

	if (look(wait, blocked_query, values) != LOOK_DONE)
		return;
	wait->leave_run = true;
	ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					errmsg("cannot wait for run " INT64_FORMAT
						   ", because process %s (%s) waits for a lock of this transaction",
						   wait->run, values[0], values[1]),
					errdetail("The run goes on."),
					errhint("SELECT * FROM nex_backup.runs WHERE id = " INT64_FORMAT
							" shows it. Wait for runs outside of a transaction block.",
							wait->run)));
}

/* What is wrong with a message about progress is no reason to end a wait. */
static void
report_progress(Wait *wait)
{
	char *values[LOOK_COLUMNS];
	MemoryContext context = CurrentMemoryContext;
	volatile bool there = false;

	PG_TRY();
	{
		there = look(wait, progress_query, values) == LOOK_DONE && values[0] != NULL;
	}
	PG_CATCH();
	{
		if (wait->leave_run || ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	if (there)
		ereport(NOTICE, (errmsg_internal("%s", values[0])));
}

/* Until the run has ended; a notice now and then says how far it is. */
static void
wait_for_end(Wait *wait, char **values)
{
	long until_notice = NOTICE_MILLISECONDS;
	long until_blocked = BLOCKED_MILLISECONDS;

	for (;;)
	{
		Look seen;

		MemoryContextReset(wait->context);
		seen = look(wait, run_query, values);
		if (seen == LOOK_EMPTY || (seen == LOOK_DONE && strcmp(values[0], "t") == 0))
			return;
		if (until_notice <= 0)
		{
			report_progress(wait);
			until_notice = NOTICE_MILLISECONDS;
		}
		if (until_blocked <= 0)
		{
			check_blocked(wait);
			until_blocked = BLOCKED_MILLISECONDS;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 POLL_MILLISECONDS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		until_notice -= POLL_MILLISECONDS;
		until_blocked -= POLL_MILLISECONDS;
		CHECK_FOR_INTERRUPTS();
	}
}

/* What is known of the run now: one look, which may have to wait for its moment. */
static void
look_once(Wait *wait, char **values)
{
	int attempts;

	for (attempts = 0; attempts < 10 && look(wait, run_query, values) == LOOK_BUSY; attempts++)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(POLL_MILLISECONDS * 1000L);
	}
}

static Datum
make_row(FunctionCallInfo fcinfo, const Wait *wait, char *const *values)
{
	TupleDesc columns;
	Datum datums[3];
	bool nulls[3];

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	datums[0] = Int64GetDatum(wait->run);
	datums[1] = values[1] != NULL ? CStringGetTextDatum(values[1]) : (Datum) 0;
	datums[2] = values[2] != NULL ? CStringGetTextDatum(values[2]) : (Datum) 0;
	nulls[0] = false;
	nulls[1] = values[1] == NULL;
	nulls[2] = values[2] == NULL;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), datums, nulls));
}

/*
 * nex_backup.perform(request, wait, cancel): have a request done, wait for the
 * end of its run if that is wanted, give what is known of it.  One call, so that
 * there is no moment between the two; if the statement ends with an error, so
 * does the run, unless it was there before ("cancel" is false).
 */
Datum
nex_backup_perform(PG_FUNCTION_ARGS)
{
	char *request = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool waits = PG_GETARG_BOOL(1);
	bool cancel = PG_GETARG_BOOL(2);
	Oid caller = gate_caller();
	ErrandRow *row = palloc(sizeof(ErrandRow));
	char *values[LOOK_COLUMNS] = {NULL, NULL, NULL};
	Wait wait;

	if (waits)
		check_may_wait();
	begin_wait(&wait, 0);
	gate_give_back();
	errand_do(ERRAND_REQUEST, request, caller, row);
	wait.run = errand_run_of(row->columns[0]);
	PG_TRY();
	{
		if (row->columns[1][0] != '\0')
			ereport(NOTICE,
					(errmsg_internal("%s", row->columns[1]), errhint("%s", row->columns[2])));
		if (waits)
			wait_for_end(&wait, values);
		else
			look_once(&wait, values);
	}
	PG_CATCH();
	{
		if (cancel && !wait.leave_run)
			errand_cancel_run(wait.run, caller);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return make_row(fcinfo, &wait, values);
}

/* nex_backup.await_run(run, cancel), of version 0.2.0 */
Datum
nex_backup_await_run(PG_FUNCTION_ARGS)
{
	bool cancel = PG_GETARG_BOOL(1);
	Oid caller = gate_caller_0_2_0();
	char *values[LOOK_COLUMNS];
	Wait wait;

	begin_wait(&wait, PG_GETARG_INT64(0));
	PG_TRY();
	{
		check_may_wait();
		wait_for_end(&wait, values);
	}
	PG_CATCH();
	{
		if (cancel && !wait.leave_run)
			errand_cancel_run(wait.run, caller);
		PG_RE_THROW();
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
