/*-------------------------------------------------------------------------
 *
 * errand.c
 *	  What a session has done in a transaction other than its own, by a
 *	  background worker that exists for that moment.
 *
 * nex_backup_run() waits for a run, so others must see that run while the
 * statement is still going on; and when the statement is cancelled, its own
 * transaction can write nothing any more, but the run must end.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/wait_event.h"

#include "executor.h"
#include "settings.h"
#include "worker_session.h"

PG_FUNCTION_INFO_V1(nex_backup_errand);
PG_FUNCTION_INFO_V1(nex_backup_await_run);

PGDLLEXPORT void nex_backup_errand_main(Datum argument);

#define RESULT_SIZE 4096
#define POLL_MILLISECONDS 200L
#define NOTICE_SECONDS 10

/* In bgw_extra. */
typedef struct Errand
{
	Oid database;
	Oid caller;
	int64 run; /* cancel it; or 0: the request is in the segment */
	dsm_handle segment;
} Errand;

StaticAssertDecl(sizeof(Errand) <= BGW_EXTRALEN, "an errand does not fit into bgw_extra");

/* The segment: what is to be done, and what came of it. */
typedef struct Exchange
{
	bool done;
	bool failed;
	char result[RESULT_SIZE];
	char request[FLEXIBLE_ARRAY_MEMBER];
} Exchange;

/* ---- in the worker ---- */

static void
cancel_run(const Errand *errand)
{
	const char *parameters[2];

	parameters[0] = psprintf(INT64_FORMAT, errand->run);
	parameters[1] = psprintf("%u", errand->caller);
	sql_call("SELECT nex_backup.request_cancel($1::int8, $2::oid::regrole::text)", 2, parameters,
			 NULL, NULL);
}

static void
do_request(dsm_handle handle)
{
	dsm_segment *segment = dsm_attach(handle);
	Exchange *exchange;
	const char *parameters[1];
	char **row = NULL;
	char *error = NULL;

	/* Nobody waits for it any more. */
	if (segment == NULL)
		return;
	exchange = dsm_segment_address(segment);
	parameters[0] = exchange->request;
	exchange->failed =
		sql_call("SELECT nex_backup.do_errand($1::jsonb)", 1, parameters, &row, &error) != SQL_DONE;
	if (error == NULL && row != NULL)
		error = row[0];
	strlcpy(exchange->result, error != NULL ? error : "", RESULT_SIZE);
	exchange->done = true;
	dsm_detach(segment);
}

void
nex_backup_errand_main(Datum argument)
{
	Errand errand;

	memcpy(&errand, MyBgworkerEntry->bgw_extra, sizeof(errand));
	worker_session_start(NULL, errand.database);
	MemoryContextSwitchTo(TopMemoryContext);
	if (errand.run != 0)
		cancel_run(&errand);
	else
		do_request(errand.segment);
	/* There may be no leader, which would do this. */
	if (setting_executor == EXECUTOR_WORKER && errand.run == 0)
		executor_launch(MyDatabaseId, NULL);
	proc_exit(0);
}

/* ---- in the session ---- */

static bool
send_errand(const Errand *errand, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, errand, sizeof(*errand));
	strlcpy(worker.bgw_library_name, "nex_backup", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, CppAsString(nex_backup_errand_main), BGW_MAXLEN);
	strlcpy(worker.bgw_name, "nex_backup errand", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "nex_backup errand", BGW_MAXLEN);
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

static void
init_errand(Errand *errand)
{
	memset(errand, 0, sizeof(*errand));
	errand->database = MyDatabaseId;
	errand->caller = GetOuterUserId();
}

/* nex_backup.errand(request): have nex_backup.do_errand(request) run and committed elsewhere. */
Datum
nex_backup_errand(PG_FUNCTION_ARGS)
{
	char *request = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Size size = offsetof(Exchange, request) + strlen(request) + 1;
	dsm_segment *segment = dsm_create(size, 0);
	Exchange *exchange = dsm_segment_address(segment);
	BackgroundWorkerHandle *handle;
	Errand errand;
	char *result;
	bool failed;

	exchange->done = exchange->failed = false;
	memcpy(exchange->request, request, strlen(request) + 1);
	init_errand(&errand);
	errand.segment = dsm_segment_handle(segment);
	if (!send_errand(&errand, &handle))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("no slot for a background worker is free"),
						errhint("Increase max_worker_processes, or try again later.")));
	if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
		proc_exit(1);
	if (!exchange->done)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("the background worker ended before it was done"),
						errhint("The server's log says why.")));
	failed = exchange->failed;
	result = pstrdup(exchange->result);
	dsm_detach(segment);
	if (failed)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", result)));
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/* A column of the first row of a query with the run's id, or NULL. */
static char *
ask(const char *query, int64 run)
{
	Oid types[1] = {INT8OID};
	Datum values[1];

	values[0] = Int64GetDatum(run);
	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Until the run has ended; a notice now and then says how far it is. */
static void
wait_for_end(int64 run)
{
	long waited = 0;

	for (;;)
	{
		char *ended =
			ask("SELECT r.finished IS NOT NULL FROM nex_backup.runs r WHERE r.id = $1", run);

		if (ended == NULL || strcmp(ended, "t") == 0)
			return;
		if (waited >= NOTICE_SECONDS * 1000L)
		{
			char *text = ask("SELECT nex_backup.progress_text($1)", run);

			if (text != NULL)
				ereport(NOTICE, (errmsg_internal("%s", text)));
			waited = 0;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 POLL_MILLISECONDS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		waited += POLL_MILLISECONDS;
		CHECK_FOR_INTERRUPTS();
	}
}

/* nex_backup.await_run(run, cancel): wait for its end; if the statement is cancelled, so is the
 * run. */
Datum
nex_backup_await_run(PG_FUNCTION_ARGS)
{
	int64 run = PG_GETARG_INT64(0);
	bool cancel = PG_GETARG_BOOL(1);

	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
						errmsg("cannot wait for a run in a transaction of this isolation level"),
						errdetail("It would not see the end of the run."),
						errhint("Use wait => false, or READ COMMITTED.")));
	SPI_connect();
	PG_TRY();
	{
		wait_for_end(run);
	}
	PG_CATCH();
	{
		Errand errand;

		init_errand(&errand);
		errand.run = run;
		if (cancel && !send_errand(&errand, NULL))
			ereport(
				WARNING,
				(errmsg("run " INT64_FORMAT " goes on, as no slot for a background worker is free",
						run),
				 errhint("SELECT nex_backup_cancel(" INT64_FORMAT ") stops it.", run)));
		PG_RE_THROW();
	}
	PG_END_TRY();
	SPI_finish();
	PG_RETURN_VOID();
}
