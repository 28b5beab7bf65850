/*-------------------------------------------------------------------------
 *
 * notify_alarms.c
 *	  Alarms that the scheduler has raised in the catalogue.
 *
 * The scheduler knows what no run can tell: that it did not start one in
 * time, that a job is suspended, that a program could not be started, or died
 * with its host.  It also raises alarms for what runs tell by themselves; who
 * those were is remembered (policy_told()), so that nobody hears it twice.
 *
 * An alarm is marked as delivered when its messages are safely queued on disk.
 *
 *-------------------------------------------------------------------------
 */
#include "notify_alarms.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "notify_policy.h"
#include "notify_queue.h"
#include "target.h"

#define LOCK_SECONDS 10

/* Of advisory locks: the class of agents, and a number that no hash of a name is likely to be. */
#define DELIVERY_LOCK "1852143715, -1"

#define QUERY                                                                                      \
	"SELECT a.id, a.event, a.job, a.run, a.kind, a.database, a.location, a.type, a.started,"       \
	" a.finished, a.exit_code, a.reason, a.error, a.log_tail, a.details ->> 'due',"                \
	" a.details ->> 'starts', a.details ->> 'reason'"                                              \
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
	COLUMN_WHY
};

static const char *
field(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

/* What of a run is in the row, as facts. */
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
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_object_set_new(facts, texts[i].key, json_text(field(result, row, texts[i].column)));
	if (strcmp(kind, "backup") == 0)
		json_object_set_new(facts, "type", json_text(field(result, row, COLUMN_TYPE)));
	json_object_set_new(facts, "repository",
						json_text(location != NULL ? location : settings->repo));
	if (code != NULL)
		json_object_set_new(facts, "exit_code", json_integer(strtol(code, NULL, 10)));
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
	if (strcmp(event, "missed") == 0)
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

/* One process at a time: what it takes, the others must not take as well. */
static bool
lock_alarms(Connection *connection)
{
	PGresult *result =
		PQexec(connection->pg, "SELECT pg_catalog.pg_try_advisory_lock(" DELIVERY_LOCK ")");
	bool locked =
		PQresultStatus(result) == PGRES_TUPLES_OK && strcmp(PQgetvalue(result, 0, 0), "t") == 0;

	PQclear(result);
	return locked;
}

static void
warn(const char *message)
{
	char *line = xstrdup(message != NULL ? message : "unknown error");

	line[strcspn(line, "\n")] = '\0';
	log_warning("could not read the alarms of the catalogue: %s", line);
	free(line);
}

static void
take_alarms(const Settings *settings, const char *directory, Connection *connection)
{
	char host[256] = "";
	const char *parameters[1] = {host};
	PGresult *result;
	int row;

	gethostname(host, sizeof(host) - 1);
	result = PQexecParams(connection->pg, QUERY, 1, NULL, parameters, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		warn(PQerrorMessage(connection->pg));
	for (row = 0; PQresultStatus(result) == PGRES_TUPLES_OK && row < PQntuples(result); row++)
	{
		const char *id = PQgetvalue(result, row, COLUMN_ID);

		take_alarm(settings, directory, result, row);
		PQclear(PQexecParams(connection->pg, "SELECT nex_backup.alarm_delivered($1)", 1, NULL, &id,
							 NULL, NULL, 0));
	}
	PQclear(result);
}

void
notify_take_alarms(const Settings *settings)
{
	const char *where = settings->catalogue;
	ConnectionTarget *target;
	Connection *connection;
	char *message = NULL;
	char *directory;
	int lock;

	if (where == NULL || strcmp(where, "none") == 0 || !notify_configured(settings))
		return;
	directory = queue_directory(settings, true);
	target = directory != NULL ? target_from_conninfo(where) : NULL;
	if (target == NULL)
	{
		free(directory);
		return;
	}
	connection = connection_try(target, &message);
	if (connection == NULL)
		warn(message);
	else
	{
		PQclear(PQexec(connection->pg, "SET statement_timeout = '20s'"));
		lock = lock_alarms(connection) ? queue_lock(directory, "lock", LOCK_SECONDS) : -1;
		if (lock >= 0)
			take_alarms(settings, directory, connection);
		queue_unlock(lock);
		connection_close(connection);
	}
	free(message);
	target_free(target);
	free(directory);
}
