/*-------------------------------------------------------------------------
 *
 * connection.c
 *	  Opening, pinning, using and cancelling connections.
 *
 * libpq's blocking PQconnectdb cannot be interrupted, so the connection is
 * made by PQconnectPoll with a short wait, in which a stop is noticed.
 *
 *-------------------------------------------------------------------------
 */
#include "connection.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "connect_hosts.h"
#include "deadline.h"
#include "interrupt.h"
#include "kept_plans.h"
#include "lock_waits.h"
#include "log.h"
#include "memory.h"
#include "server_error.h"
#include "session_pins.h"
#include "withheld.h"

#define SQLSTATE_QUERY_CANCELED "57014"
#define SQLSTATE_LOCK_NOT_AVAILABLE "55P03"

#define POLL_INTERVAL_MS 200
#define LAST_WORD_TIMEOUT 5        /* seconds at most, after a stop */
#define DEFAULT_CONNECT_TIMEOUT 30 /* seconds, unless connect_timeout says otherwise */
#define NO_ANSWER "the server did not answer within "

/* ---- at a stop ---- */

/* Of a connection and of the thread that sends it; the last one frees it. */
typedef struct CancelRequest
{
	PGcancel *cancel;
	atomic_int users;
} CancelRequest;

static void
cancel_release(CancelRequest *request)
{
	if (request == NULL || atomic_fetch_sub(&request->users, 1) > 1)
		return;
	PQfreeCancel(request->cancel);
	free(request);
}

/* This waits for the server to close the connection on which it asks. */
static void
cancel_send(void *argument)
{
	CancelRequest *request = argument;
	char message[256];

	PQcancel(request->cancel, message, sizeof(message));
	cancel_release(request);
}

static void
cancel_connection(void *argument)
{
	CancelRequest *request = ((Connection *) argument)->cancel;

	atomic_fetch_add(&request->users, 1);
	if (!cancellation_work(cancel_send, request))
		cancel_release(request);
}

/* By a descriptor of our own, as libpq may have closed its own, and the number be another's. */
void
connection_cut(Connection *connection)
{
	atomic_store(&connection->cut, true);
	shutdown(connection->socket, SHUT_RDWR);
}

static void
cut_connection(void *argument)
{
	connection_cut(argument);
}

static void
end_with_stop(Connection *connection, bool cleans_up)
{
	connection->cancel = xcalloc(1, sizeof(CancelRequest));
	connection->cancel->cancel = PQgetCancel(connection->pg);
	atomic_init(&connection->cancel->users, 1);
	connection->socket = fcntl(PQsocket(connection->pg), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	connection->cancellation = cancellation_add(cancel_connection, cut_connection, connection);
	if (cleans_up)
		connection_spare(connection);
}

void
connection_spare(Connection *connection)
{
	cancellation_spare(connection->cancellation);
}

static void
silence_notices(void *argument, const PGresult *result)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	Connection *connection = argument;

	if (primary != NULL)
		log_debug("server: %s", primary);
	/* What the server says to a session that asked nothing comes as a notice. */
	if (connection != NULL && severity != NULL && state != NULL && primary != NULL &&
		(strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
	{
		free(connection->last_word);
		connection->last_word = xstrdup(primary);
		snprintf(connection->last_state, sizeof(connection->last_state), "%s", state);
	}
}

/* Seconds until a connection attempt is given up. */
static int
connect_timeout(PGconn *pg)
{
	PQconninfoOption *options = PQconninfo(pg);
	PQconninfoOption *option;
	int timeout = DEFAULT_CONNECT_TIMEOUT;

	for (option = options; option != NULL && option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, "connect_timeout") == 0 && option->val != NULL)
			timeout = (int) strtol(option->val, NULL, 10);
	}
	PQconninfoFree(options);
	return timeout;
}

/*
 * Drive the connection to its end, or to a failure, timeout or stop.  Returns the
 * seconds of a timeout, else 0; not in the target, which threads share.
 */
static int
connect_patiently(PGconn *pg, const ConnectionTarget *target)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	bool last_word = target->last_word;
	int timeout = connect_timeout(pg);
	time_t deadline;

	/* A new session may wait for a lock of its database, or of a catalog, before it is there. */
	if (target->lock_patience > 0 && (timeout <= 0 || timeout > target->lock_patience + 2))
		timeout = target->lock_patience + 2;
	if (last_word && stop_requested() && (timeout <= 0 || timeout > LAST_WORD_TIMEOUT))
		timeout = LAST_WORD_TIMEOUT;
	deadline = time(NULL) + timeout;

	if (PQstatus(pg) == CONNECTION_BAD)
		return 0;
	while (status != PGRES_POLLING_OK)
	{
		struct pollfd wait;

		if (status == PGRES_POLLING_FAILED || (stop_requested() && !last_word))
			return 0;
		if (timeout > 0 && time(NULL) > deadline)
			return timeout;
		wait.fd = PQsocket(pg);
		wait.events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		wait.revents = 0;
		if (poll(&wait, 1, POLL_INTERVAL_MS) != 0)
			status = PQconnectPoll(pg);
	}
	return 0;
}

/* With these options in place of the target's own; NULL: with its own. */
static PGconn *
connect_with(const ConnectionTarget *target, const char *options, int *timed_out)
{
	const char *keywords[TARGET_MAX_OPTIONS + 4];
	const char *values[TARGET_MAX_OPTIONS + 4];
	PGconn *pg;
	int n = 0;
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (options != NULL && strcmp(target->keywords[i], "options") == 0)
			continue;
		keywords[n] = target->keywords[i];
		values[n++] = target->values[i];
	}
	if (target->password != NULL)
	{
		keywords[n] = "password";
		values[n++] = target->password;
	}
	if (options != NULL)
	{
		keywords[n] = "options";
		values[n++] = options;
	}
	keywords[n] = "fallback_application_name";
	values[n++] = "nex_backup";
	keywords[n] = NULL;
	values[n] = NULL;

	*timed_out = 0;
	pg = PQconnectStartParams(keywords, values, 0);
	if (pg != NULL)
	{
		PQsetNoticeReceiver(pg, silence_notices, NULL);
		*timed_out = connect_patiently(pg, target);
	}
	return pg;
}

static PGconn *
connect_once(const ConnectionTarget *target, int *timed_out)
{
	char *options = session_options(target);
	PGconn *pg = connect_with(target, options, timed_out);

	if (options != NULL && PQstatus(pg) != CONNECTION_OK && *timed_out == 0 &&
		session_options_refused(PQerrorMessage(pg)))
	{
		PQfinish(pg);
		pg = connect_with(target, NULL, timed_out);
	}
	free(options);
	return pg;
}

static char *
trim(char *message)
{
	size_t length = strlen(message);

	while (length > 0 && (message[length - 1] == '\n' || message[length - 1] == ' '))
		message[--length] = '\0';
	return message;
}

/* libpq's message without the final newline; caller frees. */
static char *
trimmed(const char *message)
{
	return trim(xstrdup(message));
}

const char *
connection_message(const Connection *connection)
{
	const char *message = PQerrorMessage(connection->pg);

	return message[0] != '\0' ? message : "the server does not answer";
}

/* ---- with a deadline ---- */

/* After a stop, some seconds are left for the last words. */
static WaitOutcome
wait_or_stop(void *argument, int socket, short events, double until)
{
	double *stopped = argument;
	double soon = monotonic_seconds() + POLL_INTERVAL_MS / 1000.0;

	if (stop_requested() && *stopped == 0)
		*stopped = monotonic_seconds();
	if (*stopped > 0 && monotonic_seconds() > *stopped + LAST_WORD_TIMEOUT)
		return WAIT_GIVE_UP;
	return wait_for_socket(socket, events, soon < until ? soon : until);
}

/* Connect to the first host that answers. */
static PGconn *
connect_soon(const ConnectionTarget *target, char **message)
{
	static const ConnectDefault defaults[] = {{"fallback_application_name", "nex_backup"},
											  {NULL, NULL}};
	ConnectHosts *hosts = connect_hosts_begin(target, defaults, target->patience);
	double until = monotonic_seconds() + CONNECT_LONGEST;
	double stopped = 0;
	WaitOutcome outcome = WAIT_NOTHING;

	if (hosts == NULL)
	{
		*message = xstrdup("could not start a thread");
		return NULL;
	}
	while (outcome == WAIT_NOTHING && monotonic_seconds() < until)
		outcome = wait_or_stop(&stopped, connect_hosts_descriptor(hosts), POLLIN, until);
	return connect_hosts_end(hosts, message);
}

/*
 * The last result of what was sent, or the first that is an error.  PQexec()
 * would give the last error: "server closed the connection unexpectedly",
 * after the FATAL message that says why.
 */
static PGresult *
collect_results(Connection *connection)
{
	PGresult *kept = NULL;
	PGresult *next;

	if (connection->patience > 0)
	{
		double stopped = 0;
		Deadline deadline = {monotonic_seconds() + connection->patience, wait_or_stop, &stopped};

		return deadline_results(connection->pg, &deadline);
	}
	while ((next = PQgetResult(connection->pg)) != NULL)
	{
		if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR)
			PQclear(next);
		else
		{
			PQclear(kept);
			kept = next;
		}
	}
	return kept;
}

/* ---- locks ---- */

static bool
set_lock_timeout(Connection *connection, int milliseconds)
{
	SqlText sql;
	PGresult *result;
	bool good;

	sql_init(&sql);
	sql_append(&sql, "SET lock_timeout = ");
	sql_signed(&sql, milliseconds);
	result = connection_exec(connection, &sql);
	good = PQresultStatus(result) == PGRES_COMMAND_OK;
	PQclear(result);
	sql_free(&sql);
	return good;
}

bool
connection_set_lock_timeout(Connection *connection, const ConnectionTarget *target)
{
	return !target->bound_lock_waits || set_lock_timeout(connection, target->lock_timeout);
}

/* A server that outlives us must not go on by itself with what waited. */
static bool
bound_lock_waits(Connection *connection, const ConnectionTarget *target)
{
	if (!target->bound_lock_waits)
		return true;
	if (connection->waits_as == 0)
	{
		connection->waits_as = PQbackendPID(connection->pg);
		lock_waits_add(connection->waits_as);
	}
	/* Not every platform of a server can do this. */
	PQclear(connection_exec(connection, SQL("SET client_connection_check_interval = '2s'")));
	return connection_set_lock_timeout(connection, target);
}

bool
connection_bound_lock_waits(Connection *connection, ConnectionTarget *target, int seconds)
{
	target->bound_lock_waits = true;
	target->lock_timeout = seconds * 1000;
	return bound_lock_waits(connection, target) ||
		   connection_report(connection, NULL, "could not set a timeout for locks");
}

/* ---- open and close ---- */

/* Let go of what the database has set; and note how a child program is to do so. */
static bool
reset_settings(Connection *connection)
{
	PGresult *result = connection_run_exec(connection, (SqlConstant){session_reset_sql});
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (good)
		connection->child_options = session_reset_options(result);
	PQclear(result);
	return good;
}

/* Let the server print all that it could read.  The log of one that refuses says so once only. */
static void
raise_stack_depth(Connection *connection)
{
	static atomic_int refused;
	const char *sql;

	while ((sql = session_stack_sql(atomic_load(&refused))) != NULL)
	{
		PGresult *result = connection_run_exec(connection, (SqlConstant){sql});
		bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

		if (good && PQntuples(result) == 1)
			connection->child_options =
				session_stack_options(connection->child_options, PQgetvalue(result, 0, 0));
		PQclear(result);
		if (good || PQstatus(connection->pg) != CONNECTION_OK)
			return;
		atomic_fetch_add(&refused, 1);
	}
}

/* Pin the session, and note the role that it has then. */
static bool
pin(Connection *connection, const ConnectionTarget *target)
{
	PGresult *result;
	bool good;

	/* Catalogs may be locked, by VACUUM FULL for instance, now and at any time later. */
	if (!set_lock_timeout(connection, target->lock_patience * 1000))
		return false;
	if (!reset_settings(connection))
		return false;
	result = connection_run_exec(connection, (SqlConstant){session_pin_sql});
	good = PQresultStatus(result) == PGRES_TUPLES_OK;
	PQclear(result);
	if (!good)
		return false;
	result = connection_run_exec(connection, (SqlConstant){session_role_sql(target)});
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		connection->role = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	if (connection->role != NULL)
		raise_stack_depth(connection);
	return connection->role != NULL && bound_lock_waits(connection, target);
}

/* A session; or NULL, with a message. */
static PGconn *
connect_target(ConnectionTarget *target, char **message)
{
	PGconn *pg;
	int timed_out;

	*message = NULL;
	if (target->patience > 0)
	{
		pg = connect_soon(target, message);
		if (pg == NULL)
			trim(*message);
		return pg;
	}
	pg = connect_once(target, &timed_out);
	if (PQstatus(pg) != CONNECTION_OK && PQconnectionNeedsPassword(pg) && target->may_ask &&
		target->password == NULL && target_ask_password(target))
	{
		PQfinish(pg);
		pg = connect_once(target, &timed_out);
	}
	if (PQstatus(pg) == CONNECTION_OK)
		return pg;
	if (timed_out > 0)
		*message = xasprintf(NO_ANSWER "%d s", timed_out);
	else
		*message = trimmed(PQerrorMessage(pg)[0] != '\0' ? PQerrorMessage(pg) : "timeout expired");
	PQfinish(pg);
	return NULL;
}

/* Says, too, whether another attempt would pin more. */
static Connection *
try_once(ConnectionTarget *target, char **message, bool *more)
{
	PGconn *pg = connect_target(target, message);
	Connection *connection;

	*more = session_pins_more(target, PQserverVersion(pg), pg == NULL ? *message : "");
	if (pg == NULL)
		return NULL;
	connection = xcalloc(1, sizeof(Connection));
	connection->pg = pg;
	connection->patience = target->patience;
	connection->cancellation = -1;
	connection->socket = -1;
	PQsetNoticeReceiver(pg, silence_notices, connection);
	/* With patience, each answer has its own end. */
	if (connection->patience == 0)
		end_with_stop(connection, target->last_word);
	if (!pin(connection, target))
	{
		*message = trimmed(connection_message(connection));
		connection_close(connection);
		return NULL;
	}
	return connection;
}

Connection *
connection_try(ConnectionTarget *target, char **message)
{
	bool more;
	Connection *connection = try_once(target, message, &more);

	if (connection == NULL && more)
	{
		free(*message);
		connection = try_once(target, message, &more);
	}
	return connection;
}

/* Libpq does not tell the SQLSTATE of a connection that was not made; ours are always in English.
 */
const char *
connection_limit_hint(const char *message)
{
	static const char *const words[] = {"too many connections for", "too many clients already",
										"remaining connection slots"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strstr(message, words[i]) != NULL)
			return "Use fewer connections (--jobs), or raise the limit of the role or database "
				   "(CONNECTION LIMIT) or of the server (max_connections).";
	}
	return NULL;
}

const char *
connection_refused_hint(const char *message)
{
	if (strstr(message, "due to lock timeout") != NULL)
		return server_error_state_hint(SQLSTATE_LOCK_NOT_AVAILABLE, "");
	if (connection_limit_hint(message) != NULL)
		return connection_limit_hint(message);
	return "Check -h, -p, -U and -d, or the PGHOST, PGPORT, PGUSER and PGDATABASE variables; "
		   "a password belongs in ~/.pgpass.";
}

bool
connection_was_kept_waiting(const char *message)
{
	return strncmp(message, NO_ANSWER, strlen(NO_ANSWER)) == 0 ||
		   strstr(message, "due to lock timeout") != NULL;
}

void
connection_close(Connection *connection)
{
	if (connection == NULL)
		return;
	if (connection->waits_as != 0)
		lock_waits_remove(connection->waits_as);
	/* Saying goodbye may wait, too. */
	PQfinish(connection->pg);
	cancellation_remove(connection->cancellation);
	if (connection->socket >= 0)
		close(connection->socket);
	cancel_release(connection->cancel);
	kept_plans_free(connection->plans);
	free(connection->last_word);
	free(connection->role);
	free(connection->child_options);
	free(connection);
}

bool
connection_report(Connection *connection, const PGresult *result, const char *what)
{
	return connection_report_hint(connection, result, what, NULL);
}

/* When work must stop, queries under way are cancelled by ourselves: the reason was reported. */
static bool
is_echo_of_stop(const char *state)
{
	return state != NULL && strcmp(state, SQLSTATE_QUERY_CANCELED) == 0 && stop_requested();
}

bool
connection_report_hint(Connection *connection, const PGresult *result, const char *what,
					   const char *hint)
{
	const char *primary = NULL;
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	char *message = NULL;
	char *server_hint = NULL;
	Buffer text;

	if (state == NULL && connection->last_word != NULL)
	{
		primary = connection->last_word;
		state = connection->last_state;
	}
	if (is_echo_of_stop(state) || (atomic_load(&connection->cut) && stop_requested()))
	{
		log_debug("%s: canceled", what);
		return false;
	}
	if (hint == NULL)
		hint = server_error_state_hint(state, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	if (hint == NULL && result != NULL)
		hint = server_hint = server_error_hint(result);
	message = trimmed(PQresultErrorMessage(result)[0] != '\0' ? PQresultErrorMessage(result)
															  : PQerrorMessage(connection->pg));
	buffer_init(&text);
	buffer_append_string(&text, "The server said: ");
	server_error_append(&text, primary != NULL ? NULL : result,
						primary != NULL ? primary : message);
	if (state != NULL && strcmp(state, SQLSTATE_LOCK_NOT_AVAILABLE) == 0)
	{
		char *holder = lock_waits_holder(PQbackendPID(connection->pg));

		if (holder != NULL)
			buffer_printf(&text, " It waited for %s.", holder);
		free(holder);
	}
	report_error(EXIT_FAILED, text.data, hint, "%s", what);
	buffer_free(&text);
	free(server_hint);
	free(message);
	return false;
}

PGresult *
connection_run_exec(Connection *connection, SqlConstant sql)
{
	return connection_run_send(connection, sql) ? collect_results(connection) : NULL;
}

bool
connection_run_send(Connection *connection, SqlConstant sql)
{
	return PQsendQuery(connection->pg, sql.text) == 1;
}

bool
connection_run_command(Connection *connection, SqlConstant sql)
{
	PGresult *result = connection_run_exec(connection, sql);
	ExecStatusType status = PQresultStatus(result);
	/* Nothing is left to run, for instance, of grants with --no-privileges. */
	bool good =
		status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;

	if (!good)
	{
		char *shown = withhold_values(sql.text, 200);
		char *what = xasprintf("could not run \"%s\"", shown);

		connection_report(connection, result, what);
		free(what);
		free(shown);
	}
	PQclear(result);
	return good;
}

bool
connection_commandf(Connection *connection, const char *format, ...)
{
	va_list arguments;
	va_list again;
	char *sql;
	int length;
	bool good;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	sql = xmalloc((size_t) length + 1);
	vsnprintf(sql, (size_t) length + 1, format, again);
	va_end(again);
	good = connection_command(connection, sql);
	free(sql);
	return good;
}

static PGresult *
ask_once(Connection *connection, SqlConstant sql, int nparams, const char *const *params)
{
	if (PQsendQueryParams(connection->pg, sql.text, nparams, NULL, params, NULL, NULL, 0) != 1)
		return NULL;
	return collect_results(connection);
}

/* What is asked a second time is prepared, if the session keeps plans. */
PGresult *
connection_run_ask(Connection *connection, SqlConstant sql, int nparams, const char *const *params)
{
	struct KeptPlans *plans = connection->plans;
	uint32_t place;
	char name[32];
	bool first;

	if (plans == NULL)
		return ask_once(connection, sql, nparams, params);
	place = kept_plans_find(plans, sql.text, &first);
	if (first)
		return ask_once(connection, sql, nparams, params);
	snprintf(name, sizeof(name), "nex_backup_%u", place);
	if (!kept_plans_prepared(plans, place))
	{
		PGresult *result = NULL;

		if (PQsendPrepare(connection->pg, name, sql.text, nparams, NULL) == 1)
			result = collect_results(connection);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			return result;
		PQclear(result);
		kept_plans_note(plans, place);
	}
	if (PQsendQueryPrepared(connection->pg, name, nparams, params, NULL, NULL, 0) != 1)
		return NULL;
	return collect_results(connection);
}

PGresult *
connection_run_query(Connection *connection, SqlConstant sql, int nparams,
					 const char *const *params)
{
	PGresult *result = connection_run_ask(connection, sql, nparams, params);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		connection_report(connection, result, "could not query the server");
		log_debug("query: %s", sql.text);
		PQclear(result);
		return NULL;
	}
	return result;
}

bool
result_has(const PGresult *result, const char *text)
{
	int i;

	for (i = 0; i < PQntuples(result); i++)
	{
		if (strcmp(PQgetvalue(result, i, 0), text) == 0)
			return true;
	}
	return false;
}

int
connection_version(const Connection *connection)
{
	return PQserverVersion(connection->pg);
}

bool
connection_is_local(const Connection *connection)
{
	const char *host = PQhost(connection->pg);

	/* A path, or a name in the abstract namespace. */
	return host != NULL && (host[0] == '/' || host[0] == '@');
}
