/*-------------------------------------------------------------------------
 *
 * object_runner.c
 *	  Restoring entries of the schema archive one by one, past errors.
 *
 * What pg_restore does in a restore that stops at the first error, in one
 * that does not (--on-object-error=skip): the entries of one section or pass,
 * over as many connections as there are, each not before what it depends on.
 * Each entry is one command string, hence one transaction.  What fails is
 * tried again when all others are done, by one connection: statement by
 * statement, as an owner that does not exist is no reason to go without the
 * table; and with the search_path of the database (own_path.c).
 *
 *-------------------------------------------------------------------------
 */
#include "object_runner.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "long_sql.h"
#include "memory.h"
#include "object_errors.h"
#include "own_path.h"
#include "part_lists.h"
#include "progress.h"
#include "restore_settings.h"
#include "selection.h"
#include "server_failure.h"
#include "head_settings.h"
#include "settings.h"
#include "sql_text.h"
#include "work_settings.h"

static const char *const usual_settings[] = {"SET default_tablespace = '';\n",
											 "SET default_table_access_method = heap;\n"};

typedef enum ItemState
{
	ITEM_WAITING,
	ITEM_RUNNING,
	ITEM_DONE,
	ITEM_LATER /* failed once */
} ItemState;

typedef struct Item
{
	const EntryScript *script;
	const TocEntry *entry;
	ItemState state;
	char *said;    /* what the server said when it failed */
	char error[6]; /* its SQLSTATE */
} Item;

typedef struct Run
{
	const RestorePlan *plan;
	Item *items;
	uint32_t count;
	uint32_t *by_place; /* position in items plus 1, by place of the entry */
	uint32_t first;     /* no item before it waits */
	bool failed;        /* nothing more can be run */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
} Run;

/* How one command string ended. */
typedef enum Outcome
{
	OUTCOME_DONE,
	OUTCOME_ERROR,
	OUTCOME_FATAL /* reported */
} Outcome;

Connection *
object_runner_connect(const RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	const char *memory = plan->settings->restore->maintenance_work_mem;
	Connection *connection;
	bool good;

	target_add_option(target, "-c synchronous_commit=off");
	head_settings_add_options(plan, target);
	if (memory != NULL)
	{
		char *option = xasprintf("-c maintenance_work_mem=%s", memory);

		target_add_option(target, option);
		free(option);
	}
	connection = head_settings_connect(plan, target);
	target_free(target);
	if (connection == NULL)
		return NULL;
	good = object_errors_with_scripts(plan) != NULL &&
		   connection_command(connection, plan->progress->errors->scripts.head);
	if (good)
		return connection;
	connection_close(connection);
	return NULL;
}

/* *said, what the server said, is to be freed; `state` has room for a SQLSTATE. */
static Outcome
run_text(Connection *connection, const char *sql, char **said, char *state)
{
	PGresult *result;
	ExecStatusType status;
	const char *code;
	Outcome outcome = OUTCOME_DONE;

	*said = NULL;
	state[0] = '\0';
	if (long_sql_refused(sql, said))
		return OUTCOME_ERROR;
	result = connection_exec(connection, sql);
	status = PQresultStatus(result);
	code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
	{
		outcome = OUTCOME_ERROR;
		if (code != NULL)
			strncat(state, code, 5);
		if (server_failure_is_fatal(connection, code))
		{
			outcome = OUTCOME_FATAL;
			connection_report(connection, result, "could not restore the schema");
		}
		else
			*said = server_failure_said(connection, result);
	}
	PQclear(result);
	return outcome;
}

/* ---- with the database's own search_path ---- */

/* Does the server run the code of such an entry as the owner of the table? */
static bool
runs_as_owner(const TocEntry *entry)
{
	static const char *const kinds[] = {"INDEX", "CONSTRAINT", "MATERIALIZED VIEW DATA", NULL};

	return entry != NULL && toc_entry_is_any(entry, kinds);
}

/* A failure is that of the first attempt. */
static bool
run_quietly(Connection *connection, const char *sql)
{
	PGresult *result = connection_exec(connection, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool
object_runner_with_path(const RestorePlan *plan, Connection *connection, const char *owner,
						bool as_owner, const char *statement)
{
	char *unpin = NULL;
	bool good;

	if (!run_quietly(connection, "BEGIN"))
		return false;
	good = own_path_pin(plan, connection, owner, as_owner, &unpin) &&
		   run_quietly(connection, statement) && run_quietly(connection, unpin);
	free(unpin);
	PQclear(good ? connection_exec(connection, SQL("COMMIT"))
				 : connection_exec(connection, SQL("ROLLBACK")));
	return good;
}

bool
object_runner_statement(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
						const char *label, const char *owner, const char *statement)
{
	char state[6];
	char *said;
	Outcome outcome = run_text(connection, statement, &said, state);
	bool good = outcome != OUTCOME_FATAL;

	if (outcome == OUTCOME_ERROR &&
		!(own_path_may_help(state) &&
		  object_runner_with_path(plan, connection, owner, runs_as_owner(entry), statement)))
	{
		good = PQstatus(connection->pg) == CONNECTION_OK && !stop_requested();
		if (good)
			object_errors_add(plan, entry, entry != NULL, label, statement, said, 0);
	}
	free(said);
	return good;
}

/* ---- what failed once ---- */

/* For the file, whose head has the usual settings. */
static char *
text_for_file(const EntryScript *script)
{
	const char *settings = script->settings;
	size_t i;

	for (i = 0; i < sizeof(usual_settings) / sizeof(usual_settings[0]); i++)
	{
		if (strncmp(settings, usual_settings[i], strlen(usual_settings[i])) == 0)
			settings += strlen(usual_settings[i]);
	}
	if (*settings == '\0')
		return xstrdup(script->text);
	return xasprintf("%s%s\n%s%s", script->settings, script->text, usual_settings[0],
					 usual_settings[1]);
}

/*
 * May another attempt end in another way?  What takes long is not repeated for
 * nothing: the second look at a foreign server that is away, say.
 */
static bool
is_worth_repeating(const Item *item, const char *end)
{
	static const char *const slow[] = {"INDEX", "CONSTRAINT", "FK CONSTRAINT",
									   "MATERIALIZED VIEW DATA", NULL};

	/* A deadlock, or a lock that could not be had. */
	return *sql_skip_blank(end) != '\0' || !toc_entry_is_any(item->entry, slow) ||
		   strncmp(item->error, "40", 2) == 0 || strcmp(item->error, "55P03") == 0;
}

/* Without its first statement the others are of no use. */
static bool
run_first(Run *run, Connection *connection, const Item *item, const char *end, bool *more)
{
	const RestorePlan *plan = run->plan;
	char *first = xasprintf("%s%.*s", item->script->settings, (int) (end - item->script->text),
							item->script->text);
	Outcome outcome = OUTCOME_ERROR;
	char *said = NULL;
	char state[6];

	if (is_worth_repeating(item, end))
		outcome = run_text(connection, first, &said, state);
	else
	{
		said = xstrdup(item->said);
		memcpy(state, item->error, sizeof(state));
	}
	*more = outcome == OUTCOME_DONE;
	if (outcome == OUTCOME_ERROR && own_path_may_help(state))
		*more = object_runner_with_path(plan, connection, item->entry->owner,
										runs_as_owner(item->entry), first);
	if (outcome == OUTCOME_ERROR && !*more)
	{
		char *all = text_for_file(item->script);

		object_errors_add(plan, item->entry, true, NULL, all, said, 0);
		free(all);
	}
	free(said);
	free(first);
	return outcome != OUTCOME_FATAL;
}

static bool
run_again(Run *run, Connection *connection, const Item *item)
{
	const char *text = item->script->text;
	const char *end = entry_statement_end(text);
	bool more;
	bool good = run_first(run, connection, item, end, &more);

	for (text = sql_skip_blank(end); good && more && *text != '\0'; text = sql_skip_blank(end))
	{
		char *statement;
		char state[6];
		char *said;
		Outcome outcome;

		end = entry_statement_end(text);
		statement = xasprintf("%.*s", (int) (end - text), text);
		outcome = run_text(connection, statement, &said, state);
		if (outcome == OUTCOME_ERROR)
			object_errors_add(run->plan, item->entry, false, NULL, statement, said, 0);
		good = outcome != OUTCOME_FATAL;
		free(said);
		free(statement);
	}
	return good && !stop_requested();
}

/* ---- all of them ---- */

/* Is everything that it depends on, among these, done? */
static bool
is_ready(const Run *run, const Item *item)
{
	int d;

	for (d = 0; d < item->entry->ndepends_on; d++)
	{
		const TocEntry *other =
			archive_toc_find(run->plan->progress->errors->toc, item->entry->depends_on[d]);
		uint32_t position = other != NULL ? run->by_place[other->place] : 0;

		if (position > 0 && run->items[position - 1].state < ITEM_DONE)
			return false;
	}
	return true;
}

/* The first one that is ready; *waits, *runs: there are such. */
static Item *
find_ready(Run *run, bool *waits, bool *runs)
{
	Item *waiting = NULL;
	uint32_t i;

	*waits = *runs = false;
	while (run->first < run->count && run->items[run->first].state >= ITEM_DONE)
		run->first++;
	for (i = run->first; i < run->count; i++)
	{
		Item *item = &run->items[i];

		*runs = *runs || item->state == ITEM_RUNNING;
		if (item->state != ITEM_WAITING)
			continue;
		if (is_ready(run, item))
			return item;
		if (waiting == NULL)
			waiting = item;
	}
	*waits = waiting != NULL;

	/* What depends on itself is no archive of pg_dump's, but nothing to wait for, either. */
	return *runs ? NULL : waiting;
}

/* The next one to run, or NULL: nothing is left.  Waits for one that others depend on. */
static Item *
claim(Run *run)
{
	Item *claimed = NULL;
	bool waits = true;
	bool runs;

	pthread_mutex_lock(&run->mutex);
	while (claimed == NULL && waits && !run->failed && !stop_requested())
	{
		claimed = find_ready(run, &waits, &runs);
		if (claimed != NULL)
			claimed->state = ITEM_RUNNING;
		else if (waits)
			pthread_cond_wait(&run->changed, &run->mutex);
	}
	pthread_mutex_unlock(&run->mutex);
	return claimed;
}

static void
finish(Run *run, Item *item, Outcome outcome)
{
	pthread_mutex_lock(&run->mutex);
	if (item != NULL)
		item->state = outcome == OUTCOME_DONE ? ITEM_DONE : ITEM_LATER;
	run->failed = run->failed || outcome == OUTCOME_FATAL;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->mutex);
}

static void *
work(void *argument)
{
	Run *run = argument;
	Connection *connection = object_runner_connect(run->plan);
	Item *item;

	if (connection == NULL)
		finish(run, NULL, OUTCOME_FATAL);
	while (connection != NULL && (item = claim(run)) != NULL)
	{
		char *text = xasprintf("%s%s", item->script->settings, item->script->text);

		finish(run, item, run_text(connection, text, &item->said, item->error));
		free(text);
	}
	connection_close(connection);
	return NULL;
}

/* Over several connections, then what failed over one. */
static bool
run_all(Run *run, int jobs)
{
	pthread_t *threads = xcalloc((size_t) jobs, sizeof(pthread_t));
	Connection *connection = NULL;
	int started = 0;
	uint32_t i;
	int t;

	for (t = 1; t < jobs; t++)
	{
		if (pthread_create(&threads[started], NULL, work, run) != 0)
			break;
		started++;
	}
	work(run);
	for (t = 0; t < started; t++)
		pthread_join(threads[t], NULL);
	free(threads);
	for (i = 0; i < run->count && !run->failed && !stop_requested(); i++)
	{
		if (run->items[i].state != ITEM_LATER)
			continue;
		if (connection == NULL)
			connection = object_runner_connect(run->plan);
		run->failed = connection == NULL || !run_again(run, connection, &run->items[i]);
	}
	connection_close(connection);
	return !run->failed && !stop_requested();
}

static bool
is_wanted(const RestorePlan *plan, const TocEntry *entry, const bool *wanted)
{
	if (wanted != NULL)
		return wanted[entry->place];
	if (plan->selection != NULL)
		return partial_is_in_list(plan, entry, LIST_PRE_DATA);
	return entry->section == TOC_PRE_DATA;
}

/* `wanted` by place; NULL: everything before the rows. */
static bool
run_wanted(const RestorePlan *plan, const bool *wanted, bool parallel)
{
	ObjectErrors *errors = plan->progress->errors;
	Run run;
	bool good;
	uint32_t i;

	memset(&run, 0, sizeof(run));
	run.plan = plan;
	run.items = xcalloc((size_t) errors->scripts.count + 1, sizeof(Item));
	run.by_place = xcalloc((size_t) errors->toc->count + 1, sizeof(uint32_t));
	pthread_mutex_init(&run.mutex, NULL);
	pthread_cond_init(&run.changed, NULL);
	for (i = 0; i < errors->scripts.count; i++)
	{
		const TocEntry *entry = archive_toc_find(errors->toc, errors->scripts.items[i].id);

		if (entry == NULL || !is_wanted(plan, entry, wanted))
			continue;
		run.items[run.count].script = &errors->scripts.items[i];
		run.items[run.count++].entry = entry;
		run.by_place[entry->place] = run.count;
	}
	good = run_all(&run, parallel ? plan->settings->work->jobs : 1);
	for (i = 0; i < run.count; i++)
		free(run.items[i].said);
	pthread_cond_destroy(&run.changed);
	pthread_mutex_destroy(&run.mutex);
	free(run.by_place);
	free(run.items);
	return good;
}

bool
object_runner_pre_data(const RestorePlan *plan)
{
	progress_phase("restoring schema", "", 0, 0);
	return object_errors_with_scripts(plan) != NULL && run_wanted(plan, NULL, false);
}

bool
object_runner_entries(const RestorePlan *plan, const int *ids, uint32_t count, bool parallel)
{
	const ObjectErrors *errors = object_errors_with_scripts(plan);
	bool *wanted;
	bool good;
	uint32_t i;

	if (errors == NULL)
		return false;
	wanted = xcalloc((size_t) errors->toc->count + 1, sizeof(bool));
	for (i = 0; i < count; i++)
	{
		const TocEntry *entry = archive_toc_find(errors->toc, ids[i]);

		if (entry != NULL)
			wanted[entry->place] = true;
	}
	progress_phase("building indexes and constraints", "", 0, 0);
	good = run_wanted(plan, wanted, parallel);
	free(wanted);
	return good;
}
