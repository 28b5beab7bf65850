/*-------------------------------------------------------------------------
 *
 * errand.c
 *	  What a session has done in a transaction other than its own, by a
 *	  background worker that exists for that moment.
 *
 * nex_backup_run() waits for a run, so others must see that run while the
 * statement is still going on; and when the statement is canceled, its own
 * transaction can write nothing any more, but the run must end.  What is to be
 * checked is checked there, too: a session that looked at the tables itself
 * would keep the locks until the end of its transaction (see await.c).
 *
 * Session and worker share a segment of memory.  Its state goes from WAITING to
 * either DONE, set by the worker after its commit, or ABANDONED, set by the
 * session when its statement ends with an error.  One of the two comes first,
 * and the other side then knows that it has to cancel the run that was entered:
 * there is no moment at which a run is left that nobody waits for.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "errand.h"
#include "executor.h"
#include "gate.h"
#include "hold.h"
#include "lock_guard.h"
#include "reserved.h"
#include "settings.h"
#include "worker_session.h"

PG_FUNCTION_INFO_V1(nex_backup_errand);

/* Its name is not that of 0.2.0, whose sessions share a segment of another layout. */
PGDLLEXPORT void nex_backup_errand_worker_main(Datum argument);

/* In bgw_extra. */
typedef struct Errand
{
	Oid database;
	Oid caller;
	int64 run; /* cancel it; or 0: the request is in the segment */
	ErrandKind kind;
	dsm_handle segment;
} Errand;

StaticAssertDecl(sizeof(Errand) <= BGW_EXTRALEN, "an errand does not fit into bgw_extra");

typedef enum ExchangeState
{
	WAITING,
	DONE,
	ABANDONED
} ExchangeState;

/* The segment: what is to be done, and what came of it. */
typedef struct Exchange
{
	pg_atomic_uint32 state; /* an ExchangeState */
	int sqlstate;           /* 0: it was done, and this is its row: */
	ErrandRow row;
	char message[ERRAND_TEXT]; /* else what was reported */
	char detail[ERRAND_TEXT];
	char hint[ERRAND_TEXT];
	char request[FLEXIBLE_ARRAY_MEMBER];
} Exchange;

static const char *const errand_queries[] = {
	[ERRAND_REQUEST] =
		"SELECT d.run, d.notice, d.hint FROM nex_backup.do_request($1::jsonb, $2::oid::regrole) d",
	/* Its request names the caller itself. */
	[ERRAND_REQUEST_0_2_0] = "SELECT nex_backup.do_errand($1::jsonb), $2, NULL",
};

/* Leave of one state, if the other side has not left it. */
static bool
change_state(Exchange *exchange, ExchangeState state)
{
	uint32 expected = WAITING;

	return pg_atomic_compare_exchange_u32(&exchange->state, &expected, state);
}

static bool
is_abandoned(Exchange *exchange)
{
	return pg_atomic_read_u32(&exchange->state) == ABANDONED;
}

int64
errand_run_of(const char *text)
{
	return strtoll(text, NULL, 10);
}

/* ---- in the worker ---- */

static void
cancel_run(int64 run, Oid caller)
{
	const char *parameters[2];

	parameters[0] = psprintf(INT64_FORMAT, run);
	parameters[1] = psprintf("%u", caller);
	sql_call("SELECT nex_backup.request_cancel($1::int8, $2::oid::regrole::text)", 2, parameters,
			 NULL, NULL);
}

/* Whole characters of a text, as many as there is room for. */
static void
copy_text(char *to, const char *from)
{
	int length = from == NULL ? 0 : pg_mbcliplen(from, (int) strlen(from), ERRAND_TEXT - 1);

	if (length > 0)
		memcpy(to, from, (size_t) length);
	to[length] = '\0';
}

static void
run_query(const Errand *errand, Exchange *exchange)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum values[2];
	Oid held;
	int i;

	values[0] = CStringGetTextDatum(exchange->request);
	values[1] = CStringGetTextDatum(psprintf("%u", errand->caller));
	if (!OidIsValid(hold_extension(&held)))
		hold_no_extension();
	SPI_execute_with_args(errand_queries[errand->kind], 2, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		elog(ERROR, "a request has " UINT64_FORMAT " results", SPI_processed);
	for (i = 0; i < ERRAND_COLUMNS; i++)
		copy_text(exchange->row.columns[i],
				  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1));
}

static void
note_error(Exchange *exchange, MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	exchange->sqlstate = error->sqlerrcode;
	copy_text(exchange->message, error->message);
	copy_text(exchange->detail, error->detail);
	copy_text(exchange->hint, error->hint);
	FreeErrorData(error);
	FlushErrorState();
}

/* In one transaction, which is rolled back if nobody waits for its result any more. */
static void
run_request(const Errand *errand, Exchange *exchange)
{
	MemoryContext context = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	lock_guard_begin();
	PG_TRY();
	{
		StartTransactionCommand();
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		run_query(errand, exchange);
		SPI_finish();
		PopActiveSnapshot();
		if (is_abandoned(exchange))
			ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("the request was abandoned")));
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		note_error(exchange, context);
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	pgstat_report_stat(false);
}

static void
do_request(const Errand *errand)
{
	dsm_segment *segment = dsm_attach(errand->segment);
	Exchange *exchange;
	int64 run;

	/* Nobody waits for it any more. */
	if (segment == NULL)
		return;
	exchange = dsm_segment_address(segment);
	if (!is_abandoned(exchange))
	{
		run_request(errand, exchange);
		run = errand_run_of(exchange->row.columns[0]);
		if (!change_state(exchange, DONE) && exchange->sqlstate == 0 && run != 0)
			cancel_run(run, errand->caller);
	}
	dsm_detach(segment);
}

void
errand_work(const char *extra)
{
	Errand errand;

	memcpy(&errand, extra, sizeof(errand));
	worker_session_start(NULL, errand.database);
	worker_reload();
	MemoryContextSwitchTo(TopMemoryContext);
	if (errand.run != 0)
		cancel_run(errand.run, errand.caller);
	else
		do_request(&errand);
	/* There may be no leader, which would do this. */
	if (setting_executor == EXECUTOR_WORKER && errand.run == 0)
		executor_launch(MyDatabaseId, NULL);
}

void
nex_backup_errand_worker_main(Datum argument)
{
	errand_work(MyBgworkerEntry->bgw_extra);
	proc_exit(0);
}

/* ---- in the session ---- */

#define RESEND_MILLISECONDS 100L
#define SEND_MILLISECONDS 15000L
#define SEND_AT_ERROR_MILLISECONDS 3000L

/* How an errand was sent: with its own worker, or else a reserved one. */
typedef struct Sent
{
	BackgroundWorkerHandle *handle;
	ReservedTicket ticket;
} Sent;

static void
init_errand(Errand *errand, ErrandKind kind, Oid caller)
{
	memset(errand, 0, sizeof(*errand));
	errand->database = MyDatabaseId;
	errand->caller = caller;
	errand->kind = kind;
}

static bool
start_worker(const Errand *errand, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, errand, sizeof(*errand));
	strlcpy(worker.bgw_library_name, "nex_backup", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, CppAsString(nex_backup_errand_worker_main), BGW_MAXLEN);
	strlcpy(worker.bgw_name, "nex_backup errand", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "nex_backup errand", BGW_MAXLEN);
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

static bool
send_errand(const Errand *errand, Latch *waiter, Sent *sent)
{
	ReservedTask task;

	sent->handle = NULL;
	if (start_worker(errand, &sent->handle))
		return true;
	memset(&task, 0, sizeof(task));
	task.kind = RESERVED_ERRAND;
	task.database = errand->database;
	task.waiter = waiter;
	memcpy(task.extra, errand, sizeof(*errand));
	sent->handle = NULL;
	return reserved_assign(&task, &sent->ticket);
}

/*
 * The same, with a little patience: a reserved worker is back a second after its
 * last task.  When the statement is ending with an error, it must not be
 * interrupted again, and not be held up for long.
 */
static bool
send_errand_soon(const Errand *errand, Latch *waiter, Sent *sent, bool interruptible)
{
	long left = interruptible ? SEND_MILLISECONDS : SEND_AT_ERROR_MILLISECONDS;

	while (!send_errand(errand, waiter, sent))
	{
		if (left <= 0 || !reserved_exist())
			return false;
		if (interruptible)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 RESEND_MILLISECONDS, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		else
			pg_usleep(RESEND_MILLISECONDS * 1000L);
		left -= RESEND_MILLISECONDS;
	}
	return true;
}

void
errand_cancel_run(int64 run, Oid caller)
{
	Errand errand;
	Sent sent;

	init_errand(&errand, ERRAND_REQUEST, caller);
	errand.run = run;
	if (!send_errand_soon(&errand, NULL, &sent, false))
		ereport(WARNING,
				(errmsg("run " INT64_FORMAT " goes on, as no slot for a background worker is free",
						run),
				 errhint("SELECT nex_backup_cancel(" INT64_FORMAT ") stops it.", run)));
}

static Exchange *
create_exchange(const char *request, dsm_segment **segment)
{
	Size length = strlen(request) + 1;
	Exchange *exchange;

	*segment = dsm_create(offsetof(Exchange, request) + length, 0);
	exchange = dsm_segment_address(*segment);
	memset(exchange, 0, offsetof(Exchange, request));
	pg_atomic_init_u32(&exchange->state, WAITING);
	memcpy(exchange->request, request, length);
	return exchange;
}

/* The statement ends with an error: what the worker is about to do, or has done, must not stay. */
static void
abandon(Exchange *exchange, Oid caller)
{
	int64 run;

	if (change_state(exchange, ABANDONED) || exchange->sqlstate != 0)
		return;
	run = errand_run_of(exchange->row.columns[0]);
	if (run != 0)
		errand_cancel_run(run, caller);
}

static void
wait_until_gone(const Sent *sent)
{
	if (sent->handle != NULL)
	{
		if (WaitForBackgroundWorkerShutdown(sent->handle) == BGWH_POSTMASTER_DIED)
			proc_exit(1);
		return;
	}
	while (!reserved_ended(&sent->ticket))
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1000L,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
wait_for_worker(const Errand *errand, Exchange *exchange)
{
	Sent sent;

	if (!send_errand_soon(errand, MyLatch, &sent, true))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no slot for a background worker is free"),
				 errhint("Parallel queries of any role use these slots, too. Try again later, or "
						 "see to it that fewer are used, or increase max_worker_processes.")));
	wait_until_gone(&sent);
	if (pg_atomic_read_u32(&exchange->state) != DONE)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("the background worker ended before it was done"),
						errhint("The server's log says why.")));
	if (exchange->sqlstate != 0)
		ereport(ERROR,
				(errcode(exchange->sqlstate), errmsg_internal("%s", exchange->message),
				 exchange->detail[0] != '\0' ? errdetail_internal("%s", exchange->detail) : 0,
				 exchange->hint[0] != '\0' ? errhint("%s", exchange->hint) : 0));
}

void
errand_do(ErrandKind kind, const char *request, Oid caller, ErrandRow *row)
{
	dsm_segment *segment;
	Exchange *exchange;
	Errand errand;

	/* The worker would start at the promotion. */
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("cannot run a job on a standby"),
						errhint("Call this function on the primary.")));
	exchange = create_exchange(request, &segment);
	init_errand(&errand, kind, caller);
	errand.segment = dsm_segment_handle(segment);
	PG_TRY();
	{
		wait_for_worker(&errand, exchange);
	}
	PG_CATCH();
	{
		abandon(exchange, caller);
		PG_RE_THROW();
	}
	PG_END_TRY();
	*row = exchange->row;
	dsm_detach(segment);
}

/* nex_backup.errand(request), of version 0.2.0 */
Datum
nex_backup_errand(PG_FUNCTION_ARGS)
{
	ErrandRow *row = palloc(sizeof(ErrandRow));

	errand_do(ERRAND_REQUEST_0_2_0, text_to_cstring(PG_GETARG_TEXT_PP(0)), gate_caller_0_2_0(),
			  row);
	PG_RETURN_TEXT_P(cstring_to_text(row->columns[0]));
}
