/*-------------------------------------------------------------------------
 *
 * notify_alarms.c
 *	  Alarms that the scheduler has raised in the catalog.
 *
 * The scheduler knows what no run can tell: that it did not start one in
 * time, that a job is suspended, that a program could not be started, or died
 * with its host.  It also raises alarms for what runs report by themselves; those
 * runs are remembered (policy_told()), so that nothing is reported twice.
 *
 * An alarm is marked as delivered when its messages are safely queued on disk,
 * in the transaction that has locked its row: what another process is about to
 * deliver is not ours, and is only said to be waiting if that takes long.
 *
 *-------------------------------------------------------------------------
 */
#include "notify_alarms.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "extension_hold.h"
#include "general_settings.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "notify_policy.h"
#include "notify_queue.h"
#include "settings.h"
#include "target.h"

#define LOCK_SECONDS 10

/* Seconds for an answer: some more than its statement_timeout, which the server may ignore. */
#define PATIENCE 25

#define SQLSTATE_LOCK_NOT_AVAILABLE "55P03"

#define QUERY                                                                                      \
	"SELECT a.id, a.event, a.job, a.run, a.kind, a.database, a.location, a.type, a.started,"       \
	" a.finished, a.exit_code, a.reason, a.error, a.log_tail, a.details ->> 'due',"                \
	" a.details ->> 'starts', a.details ->> 'reason',"                                             \
	" pg_catalog.floor(extract(epoch FROM coalesce(a.finished, a.raised)))::pg_catalog.int8"       \
	" FROM nex_backup.alarms_to_deliver($1) a"

enum
{
	COLUMN_ID,
	COLUMN_EVENT,
	COLUMN_JOB,
	COLUMN_RUN,
	COLUMN_KIND,
	COLUMN_DATABASE,
	COLUMN_LOCATION,
	COLUMN_TYPE,
	COLUMN_STARTED,
	COLUMN_FINISHED,
	COLUMN_EXIT_CODE,
	COLUMN_REASON,
	COLUMN_ERROR,
	COLUMN_LOG,
	COLUMN_DUE,
	COLUMN_STARTS,
	COLUMN_WHY,
	COLUMN_WHEN
};

static const char *
field(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

/* What of a run is in the row, as facts. */
/* The catalog's name of a database of another server is LABEL@db. */
static void
set_owner(json_t *facts, const char *name)
{
	Owner owner;

	if (name == NULL || !owner_parse_full(name, &owner))
		return;
	json_object_set_new(facts, "database", json_text(owner.name));
	if (owner.server[0] != '\0')
		json_object_set_new(facts, "server", json_string(owner.server));
}

static json_t *
facts_of_alarm(const Settings *settings, const PGresult *result, int row)
{
	static const struct
	{
		const char *key;
		int column;
	} texts[] = {
		{"kind", COLUMN_KIND},       {"database", COLUMN_DATABASE}, {"job", COLUMN_JOB},
		{"started", COLUMN_STARTED}, {"finished", COLUMN_FINISHED}, {"log", COLUMN_LOG},
		{"detail", COLUMN_ERROR},    {"error", COLUMN_REASON},
	};
	json_t *facts = json_object();
	const char *kind = field(result, row, COLUMN_KIND);
	const char *location = field(result, row, COLUMN_LOCATION);
	const char *code = field(result, row, COLUMN_EXIT_CODE);
	const char *when = field(result, row, COLUMN_WHEN);
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_object_set_new(facts, texts[i].key, json_text(field(result, row, texts[i].column)));
	set_owner(facts, field(result, row, COLUMN_DATABASE));
	if (strcmp(kind, "backup") == 0)
		json_object_set_new(facts, "type", json_text(field(result, row, COLUMN_TYPE)));
	json_object_set_new(facts, "repository",
						json_text(location != NULL ? location : settings->general->repo));
	if (code != NULL)
		json_object_set_new(facts, "exit_code", json_integer(strtol(code, NULL, 10)));
	if (when != NULL)
		json_object_set_new(facts, "when", json_integer(strtoll(when, NULL, 10)));
	/* The reason of the scheduler is the same for many errors. */
	json_object_set_new(facts, "cause", json_text(field(result, row, COLUMN_ERROR)));
	return facts;
}

/* Replace the error of the facts, which takes the text over. */
static void
set_error(json_t *facts, char *error)
{
	json_object_set_new(facts, "error", json_text(error));
	json_object_set_new(facts, "detail", json_null());
	free(error);
}

/* Make messages of one alarm. */
static void
take_alarm(const Settings *settings, const char *directory, const PGresult *result, int row)
{
	const char *event = field(result, row, COLUMN_EVENT);
	const char *run = field(result, row, COLUMN_RUN);
	const char *starts = field(result, row, COLUMN_STARTS);
	const char *due = field(result, row, COLUMN_DUE);
	const char *why = field(result, row, COLUMN_WHY);
	json_t *facts;

	if (run != NULL && policy_told(settings, directory, run))
		return;
	facts = facts_of_alarm(settings, result, row);
	if (strcmp(event, "missed") == 0 && why != NULL)
	{
		set_error(facts, xstrdup(why));
		policy_missed(settings, directory, facts);
	}
	else if (strcmp(event, "missed") == 0)
	{
		set_error(facts, xasprintf("it was due %s, when the scheduler was not running; %s",
								   due != NULL ? due : "before",
								   starts != NULL && strcmp(starts, "true") == 0
									   ? "it starts now"
									   : "it is not made up for"));
		policy_missed(settings, directory, facts);
	}
	else if (strcmp(event, "suspended") == 0)
	{
		set_error(facts, xasprintf("the scheduler has suspended the job: %s",
								   why != NULL ? why : "no reason was given"));
		policy_missed(settings, directory, facts);
	}
	else
	{
		json_object_set_new(facts, "good", json_boolean(strcmp(event, "failure") != 0));
		policy_apply(settings, directory, facts, false);
	}
	if (run != NULL)
		policy_tell(settings, directory, run);
	json_decref(facts);
}

static void
warn(const char *message)
{
	char *line = xstrdup(message != NULL ? message : "unknown error");

	line[strcspn(line, "\n")] = '\0';
	log_warning("could not read the alarms of the catalog: %s", line);
	free(line);
}

/* The server warns when another session holds alarms that we could deliver. */
static void
note_held(void *argument, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state != NULL && strcmp(state, SQLSTATE_LOCK_NOT_AVAILABLE) == 0)
		*(bool *) argument = true;
}

static bool
run(Connection *connection, SqlConstant sql)
{
	PGresult *result = connection_exec(connection, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
		warn(connection_message(connection));
	PQclear(result);
	return good;
}

static bool
mark_delivered(Connection *connection, const char *id)
{
	PGresult *result =
		connection_ask(connection, SQL("SELECT nex_backup.alarm_delivered($1)"), 1, &id);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!good)
		warn(connection_message(connection));
	PQclear(result);
	return good;
}

/* Some alarms, in one transaction; how many, or -1 (said) if that failed. */
static int
take_some(const Settings *settings, const char *directory, Connection *connection)
{
	char host[256] = "";
	const char *parameters[1] = {host};
	char *message = NULL;
	PGresult *result;
	bool good;
	int row = 0;

	gethostname(host, sizeof(host) - 1);
	if (!run(connection, SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")))
		return -1;
	/* An error ends the session, and that the transaction. */
	if (!extension_hold(connection, &message))
	{
		warn(message);
		free(message);
		return -1;
	}
	result = connection_ask(connection, SQL(QUERY), 1, parameters);
	good = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (!good)
		warn(connection_message(connection));
	/* All are marked before one is sent, or a failure would send the others again and again. */
	for (row = 0; good && row < PQntuples(result); row++)
		good = mark_delivered(connection, PQgetvalue(result, row, COLUMN_ID));
	for (row = 0; good && row < PQntuples(result); row++)
		take_alarm(settings, directory, result, row);
	PQclear(result);
	return run(connection, good ? SQL("COMMIT") : SQL("ROLLBACK")) && good ? row : -1;
}

/*
 * All alarms.  False (reported) if others hold some and do not come to an end
 * with them: the messages about them do not get through.
 */
static bool
take_alarms(const Settings *settings, const char *directory, Connection *connection)
{
	struct timespec pause = {0, 500000000};
	int tries = LOCK_SECONDS * 2;
	bool held = false;
	int taken;

	PQsetNoticeReceiver(connection->pg, note_held, &held);
	do
	{
		held = false;
		taken = take_some(settings, directory, connection);
		if (taken == 0 && held)
			nanosleep(&pause, NULL);
	} while (taken > 0 || (taken == 0 && held && tries-- > 0 && !stop_requested()));
	if (taken == 0 && held && !stop_requested())
		return report_error(EXIT_LOCKED, NULL,
							"Find the session that has called nex_backup.alarms_to_deliver() in "
							"pg_stat_activity.",
							"alarms of the catalog are being delivered by another process, "
							"which does not come to an end");
	return true;
}

bool
notify_take_alarms(const Settings *settings)
{
	const char *where = settings->general->catalogue;
	ConnectionTarget *target;
	Connection *connection;
	char *message = NULL;
	char *directory;
	bool good = true;

	if (where == NULL || strcmp(where, "none") == 0 || !notify_configured(settings))
		return true;
	directory = queue_directory(settings, true);
	target = directory != NULL ? target_from_conninfo(where) : NULL;
	if (target == NULL)
	{
		free(directory);
		return true;
	}
	target->patience = PATIENCE;
	connection = connection_try(target, &message);
	if (connection == NULL)
		warn(message);
	else
	{
		int lock = queue_lock(directory, "lock", LOCK_SECONDS);

		/* Nobody else must wait for long for rows that we hold. */
		PQclear(
			connection_exec(connection, SQL("SET statement_timeout = '20s';"
											"SET idle_in_transaction_session_timeout = '60s'")));
		if (lock >= 0)
			good = take_alarms(settings, directory, connection);
		else
			good = report_error(EXIT_LOCKED, NULL, NULL,
								"alarms of the catalog are not delivered, as another process "
								"holds the lock of \"%s\"",
								directory);
		queue_unlock(lock);
		connection_close(connection);
	}
	free(message);
	target_free(target);
	free(directory);
	return good;
}

/* ---- whose backups the catalog knows ---- */

/* Ask within the transaction in which the table is known to be the extension's. */
static PGresult *
ask_owners(Connection *connection, const char *repository, char **message)
{
	PGresult *result;

	PQclear(connection_exec(connection, SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
											"SET LOCAL statement_timeout = '20s'")));
	if (!extension_hold(connection, message))
		return NULL;
	result = connection_ask(connection,
							SQL("SELECT DISTINCT b.database FROM nex_backup.backups b"
								" WHERE b.repository OPERATOR(pg_catalog.=) $1"),
							1, &repository);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	*message = xstrdup(connection_message(connection));
	PQclear(result);
	return NULL;
}

void
notify_catalogue_owners(const Settings *settings, const char *repository, BackupName **owners,
						int *count)
{
	const char *where = settings->general->catalogue;
	ConnectionTarget *target =
		where != NULL && strcmp(where, "none") != 0 ? target_from_conninfo(where) : NULL;
	Connection *connection = NULL;
	PGresult *result = NULL;
	char *message = NULL;
	int i;

	*owners = NULL;
	*count = 0;
	if (target != NULL)
	{
		target->patience = PATIENCE;
		connection = connection_try(target, &message);
	}
	if (connection != NULL)
		result = ask_owners(connection, repository, &message);
	if (result != NULL)
		*owners = xcalloc((size_t) PQntuples(result) + 1, sizeof(BackupName));
	for (i = 0; result != NULL && i < PQntuples(result); i++)
	{
		Owner owner;

		if (!owner_parse_full(PQgetvalue(result, i, 0), &owner))
			owner = owner_of(NULL, PQgetvalue(result, i, 0));
		(*owners)[(*count)++].owner = owner;
	}
	/* The repository says most of it without the catalog. */
	if (message != NULL)
	{
		message[strcspn(message, "\n")] = '\0';
		log_warning("could not ask the catalog which databases were backed up: %s", message);
	}
	free(message);
	PQclear(result);
	connection_close(connection);
	target_free(target);
}
