/*-------------------------------------------------------------------------
 *
 * executor.c
 *	  The background worker that runs what is in the queue: claim a run, start
 *	  the tool, watch it, say how it ended; until there is nothing to claim.
 *
 * Apart from the leader, so that a run that hangs holds up nothing, and so
 * that the leader has no child whose end it could miss.  No transaction is
 * open while the tool runs: a backup takes hours, and a snapshot of hours would
 * keep VACUUM from working.
 *
 * Nothing is decided here.  What to run, with which words, for how long, and
 * what its end means: functions of sql/code/leases.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "pgstat.h"
#include "port.h"
#include "postmaster/bgworker.h"
#include "postmaster/postmaster.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "child.h"
#include "child_output.h"
#include "executor.h"
#include "gate.h"
#include "reserved.h"
#include "run_protocol.h"
#include "settings.h"
#include "tool_program.h"
#include "valid_text.h"
#include "worker_session.h"

PG_FUNCTION_INFO_V1(nex_backup_claims_alarms_only);
PG_FUNCTION_INFO_V1(nex_backup_works_in_server);
PG_FUNCTION_INFO_V1(nex_backup_new_fence);

PGDLLEXPORT void nex_backup_executor_main(Datum argument);

/* Between two looks at whether the run is to be canceled. */
#define HEARTBEAT_SECONDS 1.0

/* When we are told to stop ourselves, a shutdown waits for us. */
#define SHUTDOWN_GRACE_SECONDS 10.0

typedef struct Run
{
	char *id;
	char *fence;
	char *job;
	char *kind;
	char *database;
	char *superuser; /* whom the tool connects as */
	char **words;    /* the command and its arguments */
	int nwords;
	double timeout;      /* seconds; 0: none */
	double kill_grace;   /* seconds */
	const char *stopped; /* why we stop it: cancel, timeout, shutdown, lost; or NULL */
	double kill_at;      /* when it has had time enough to stop */
} Run;

/* For the clean-up at exit. */
static Child child = {.output = -1, .control = -1, .input = -1};
static ChildOutput output;

/* Does this process claim runs that deliver alarms, and no others? */
static bool alarms_only = false;

static double
monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* ---- what to start ---- */

/*
 * The words of "6:backup14:--repo=/a path…": length, colon, bytes.  An array's
 * own text form would need its type's functions, and no transaction is open here.
 */
static void
read_words(Run *run, char *text)
{
	int room = 8;

	run->words = palloc(sizeof(char *) * (size_t) room);
	run->nwords = 0;
	while (*text != '\0')
	{
		char *word;
		long length = strtol(text, &word, 10);

		word++;
		if (run->nwords == room)
		{
			room *= 2;
			run->words = repalloc(run->words, sizeof(char *) * (size_t) room);
		}
		run->words[run->nwords++] = pnstrdup(word, (Size) length);
		text = word + length;
	}
}

/* nex_backup.claims_alarms_only() */
Datum
nex_backup_claims_alarms_only(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(alarms_only);
}

/*
 * nex_backup.works_in_server(): is this one of our workers?  What an agent says of
 * itself proves nothing.  A superuser may act as one, as it may do anything: one
 * that calls, not one whose session an index of the agent's is evaluated in.
 */
Datum
nex_backup_works_in_server(PG_FUNCTION_ARGS)
{
	bool worker =
		MyBgworkerEntry != NULL && strcmp(MyBgworkerEntry->bgw_library_name, "nex_backup") == 0;

	PG_RETURN_BOOL(worker || superuser_arg(gate_role_of_call()));
}

/* nex_backup.new_fence(): a number that cannot be guessed, from 1. */
Datum
nex_backup_new_fence(PG_FUNCTION_ARGS)
{
	uint64 number;

	if (!pg_strong_random(&number, sizeof(number)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get a random number")));
	PG_RETURN_INT64((int64) (number % (uint64) PG_INT64_MAX) + 1);
}

/* Version 0.2.0 of the SQL would give us any run. */
static bool
can_claim_alarms_only(void)
{
	char **row = NULL;

	return sql_call(
			   "SELECT pg_catalog.to_regprocedure('nex_backup.claims_alarms_only()') IS NOT NULL",
			   0, NULL, &row, NULL) == SQL_DONE &&
		   row != NULL && strcmp(row[0], "t") == 0;
}

static bool
claim(Run *run)
{
	const char *parameters[3] = {NULL, NULL, NULL};
	char host[256] = "";
	char **row;

	memset(run, 0, sizeof(*run));
	gethostname(host, sizeof(host) - 1);
	parameters[0] = psprintf("worker %d", MyProcPid);
	parameters[1] = host;
	parameters[2] = psprintf("%d", MyProcPid);
	if (sql_call("SELECT c.run, c.fence, c.job, c.kind, c.database, "
				 "(SELECT string_agg(octet_length(w) || ':' || w, '' ORDER BY place) "
				 "FROM unnest(c.argv) WITH ORDINALITY words(w, place)), "
				 "coalesce(c.timeout_seconds, 0), c.kill_grace_seconds, "
				 "(SELECT rolname FROM pg_roles WHERE oid = 10) "
				 "FROM nex_backup.claim($1, true, $2, $3::int4) c",
				 3, parameters, &row, NULL) != SQL_DONE ||
		row == NULL || row[0] == NULL)
		return false;
	run->id = row[0];
	run->fence = row[1];
	run->job = row[2];
	run->kind = row[3];
	run->database = row[4];
	read_words(run, row[5]);
	run->timeout = strtod(row[6], NULL);
	run->kill_grace = strtod(row[7], NULL);
	run->superuser = row[8];
	return true;
}

/* "dbname='…'", as a name with "=" in it would be taken for a connection string. */
static char *
conninfo_of(const char *database)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "dbname='");
	for (; *database != '\0'; database++)
	{
		if (*database == '\'' || *database == '\\')
			appendStringInfoChar(&text, '\\');
		appendStringInfoChar(&text, *database);
	}
	appendStringInfoChar(&text, '\'');
	return text.data;
}

/* The program, the command, what is ours, and then what the job says. */
static char **
build_argv(const Run *run, const char *path)
{
	char **argv = palloc0(sizeof(char *) * (size_t) (run->nwords + 7));
	int n = 0;
	int i;

	argv[n++] = pstrdup(path);
	argv[n++] = run->words[0];
	if (setting_config_file != NULL && setting_config_file[0] != '\0')
		argv[n++] = psprintf("--config=%s", setting_config_file);
	argv[n++] = psprintf("--catalogue=%s", conninfo_of(setting_database));
	argv[n++] = pstrdup("--progress=json");
	if (setting_log_directory != NULL && setting_log_directory[0] != '\0')
		argv[n++] = psprintf("--log-directory=%s", setting_log_directory);
	for (i = 1; i < run->nwords; i++)
		argv[n++] = run->words[i];
	return argv;
}

/* The directory of the first socket: the part before a comma. */
static char *
socket_directory(void)
{
	char *directories = pstrdup(Unix_socket_directories != NULL ? Unix_socket_directories : "");
	char *comma = strchr(directories, ',');

	if (comma != NULL)
		*comma = '\0';
	return directories[0] != '\0' ? directories : pstrdup("localhost");
}

static char **
build_environment(const Run *run)
{
	char **environment = palloc0(sizeof(char *) * (TOOL_ENVIRONMENT + 6));
	int n = tool_environment(environment);

	environment[n++] = psprintf("PGHOST=%s", socket_directory());
	environment[n++] = psprintf("PGPORT=%d", PostPortNumber);
	environment[n++] = psprintf("PGUSER=%s", run->superuser);
	environment[n++] = psprintf("PGDATABASE=%s", setting_database);
	environment[n++] = psprintf(RUN_NAME_VARIABLE "=" RUN_NAME_PREFIX "%s", run->id);
	return environment;
}

/* ---- watching ---- */

/* The worker must not go and leave the tool to itself. */
static void
end_child(int code, Datum argument)
{
	int tenths;

	if (child.pid == 0 || child.ended)
		return;
	child_signal(&child, SIGTERM);
	for (tenths = 0; tenths < 20 && !child_ended(&child); tenths++)
		pg_usleep(100000L);
	child_signal(&child, SIGKILL);
	child_close(&child);
	child_ended(&child);
}

static void
stop_child(Run *run, const char *reason, double grace)
{
	if (run->stopped != NULL && strcmp(reason, "shutdown") != 0)
		return;
	if (run->stopped == NULL)
		run->stopped = reason;
	ereport(LOG, (errmsg("nex_backup run %s is being stopped: %s", run->id, reason)));
	child_signal(&child, SIGTERM);
	run->kill_at = monotonic_seconds() + grace;
}

static void
read_output(void)
{
	char buffer[8192];
	ssize_t got;

	while ((got = child_read(&child, buffer, sizeof(buffer))) > 0)
		child_output_add(&output, buffer, (size_t) got);
}

/* As text of this database; NULL: nothing. */
static char *
text_of(const char *bytes, size_t length)
{
	return length > 0 ? valid_output(bytes, (int) length) : NULL;
}

static void
heartbeat(Run *run)
{
	const char *parameters[3];
	char **row;

	parameters[0] = run->id;
	parameters[1] = run->fence;
	parameters[2] = text_of(output.progress, strlen(output.progress));
	output.progress[0] = '\0';
	if (sql_call("SELECT nex_backup.heartbeat($1::int8, $2::int8, $3) "
				 "FROM set_config('synchronous_commit', 'off', true)",
				 3, parameters, &row, NULL) == SQL_NO_EXTENSION)
		stop_child(run, "lost", run->kill_grace);
	else if (row != NULL && row[0] != NULL && strcmp(row[0], "continue") != 0)
		stop_child(run, strcmp(row[0], "cancel") == 0 ? "cancel" : "lost", run->kill_grace);
}

/* Sleep until something happens; the tool is not left alone without a postmaster. */
static void
wait_for_events(long milliseconds)
{
	int events = WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH;
	int happened;

	if (child.output >= 0)
		events |= WL_SOCKET_READABLE;
	happened =
		WaitLatchOrSocket(MyLatch, events, child.output >= 0 ? child.output : PGINVALID_SOCKET,
						  milliseconds, PG_WAIT_EXTENSION);
	if (happened & WL_POSTMASTER_DEATH)
		proc_exit(1);
	if (happened & WL_LATCH_SET)
		ResetLatch(MyLatch);
}

/* Until the tool has ended. */
static void
watch(Run *run)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "nex_backup heartbeat", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	double started = monotonic_seconds();
	double next_heartbeat = started;
	bool killed = false;

	for (;;)
	{
		double now;

		read_output();
		if (child_ended(&child))
			break;
		now = monotonic_seconds();
		if (worker_stop_requested &&
			(run->stopped == NULL || run->kill_at > now + SHUTDOWN_GRACE_SECONDS))
			stop_child(run, "shutdown", Min(run->kill_grace, SHUTDOWN_GRACE_SECONDS));
		if (worker_take_cancel())
			stop_child(run, "cancel", run->kill_grace);
		if (run->timeout > 0 && now - started > run->timeout)
			stop_child(run, "timeout", run->kill_grace);
		if (run->stopped != NULL && now >= run->kill_at && !killed)
		{
			ereport(LOG, (errmsg("nex_backup run %s has not stopped, and is killed", run->id)));
			child_signal(&child, SIGKILL);
			killed = true;
		}
		CHECK_FOR_INTERRUPTS();
		if (now >= next_heartbeat)
		{
			worker_reload();
			heartbeat(run);
			MemoryContextReset(context);
			next_heartbeat = now + HEARTBEAT_SECONDS;
		}
		wait_for_events(killed ? 100 : 500);
	}
	read_output();
	child_output_end(&output);
	/* A shutdown ends the tool's connections as well, and the tool may be quicker than we are. */
	if (worker_stop_requested && run->stopped == NULL && child.status != 0)
		run->stopped = "shutdown";
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- the end ---- */

static void
finish(const Run *run, const char *error)
{
	const char *parameters[7] = {run->id, run->fence};
	bool started = child.pid != 0;
	const char *tail;
	size_t length;
	char **row;
	int attempts;

	if (started && child_exit_code(&child) >= 0)
		parameters[2] = psprintf("%d", child_exit_code(&child));
	else if (started)
		parameters[3] = psprintf("%d", child_end_signal(&child));
	tail = child_output_tail(&output, &length);
	parameters[4] = run->stopped;
	parameters[5] = error != NULL ? error : text_of(output.error, strlen(output.error));
	parameters[6] = text_of(tail, length);
	/* If this fails, the leader sees that we are gone, and calls it a crash: better not. */
	for (attempts = 0; attempts < 3; attempts++)
	{
		SqlOutcome outcome =
			sql_call("SELECT nex_backup.finish($1::int8, $2::int8, $3::int4, $4::int4, $5, $6, $7)",
					 7, parameters, &row, NULL);

		if (outcome != SQL_FAILED)
			break;
		pg_usleep(200000L);
	}
	ereport(LOG,
			(errmsg("nex_backup run %s (%s%s%s) %s", run->id, run->kind,
					run->database != NULL ? " of " : "", run->database != NULL ? run->database : "",
					row != NULL && row[0] != NULL ? row[0] : "has ended")));
}

static void
start_failed(const Run *run, const char *path, const char *problem)
{
	child.pid = 0;
	finish(run, psprintf("could not start \"%s\": %s", path, problem));
}

static void
execute_run(Run *run)
{
	const char *path = tool_path();
	const char *problem = program_problem(path);
	const char *parameters[3] = {run->id, run->fence, NULL};
	ChildProgram program = {.apart = true};
	char **row = NULL;

	child_output_init(&output);
	if (problem != NULL)
	{
		start_failed(run, path, problem);
		return;
	}
	program.path = path;
	program.argv = build_argv(run, path);
	program.environment = build_environment(run);
	if (!child_start(&child, &program))
	{
		start_failed(run, path, strerror(errno));
		return;
	}
	parameters[2] = psprintf("%d", (int) child.pid);
	if (sql_call("SELECT nex_backup.start($1::int8, $2::int8, $3::int4)", 3, parameters, &row,
				 NULL) != SQL_DONE ||
		row == NULL || strcmp(row[0], "t") != 0)
		stop_child(run, "lost", run->kill_grace);
	watch(run);
	if (run->stopped == NULL || strcmp(run->stopped, "lost") != 0)
		finish(run, NULL);
	child_close(&child);
	child.pid = 0;
}

void
executor_work(Oid database, bool alarms)
{
	MemoryContext context;
	Run run;

	worker_session_start(NULL, database);
	alarms_only = alarms;
	if (alarms && !can_claim_alarms_only())
		return;
	before_shmem_exit(end_child, 0);
	context = AllocSetContextCreate(TopMemoryContext, "nex_backup run", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		worker_reload();
		if (worker_stop_requested)
			break;
		pgstat_report_activity(STATE_RUNNING, "looking for a run");
		if (!claim(&run))
			break;
		pgstat_report_activity(STATE_RUNNING, psprintf("run %s: %s%s%s", run.id, run.kind,
													   run.database != NULL ? " of " : "",
													   run.database != NULL ? run.database : ""));
		execute_run(&run);
	}
}

void
nex_backup_executor_main(Datum argument)
{
	executor_work(DatumGetObjectId(argument), false);
	proc_exit(0);
}

static bool
launch_reserved(Oid database, ReservedKind kind)
{
	ReservedTicket ticket;
	ReservedTask task;

	memset(&task, 0, sizeof(task));
	task.kind = kind;
	task.database = database;
	return reserved_assign(&task, &ticket);
}

bool
executor_launch_alarms(Oid database)
{
	return launch_reserved(database, RESERVED_ALARMS);
}

bool
executor_launch(Oid database, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	strlcpy(worker.bgw_library_name, "nex_backup", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, CppAsString(nex_backup_executor_main), BGW_MAXLEN);
	strlcpy(worker.bgw_name, "nex_backup executor", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "nex_backup executor", BGW_MAXLEN);
	if (RegisterDynamicBackgroundWorker(&worker, handle))
		return true;
	if (handle != NULL)
		*handle = NULL;
	return launch_reserved(database, RESERVED_RUNS);
}
