/*-------------------------------------------------------------------------
 *
 * planner_statistics.c
 *	  ANALYZE at the end of a restore.
 *
 *-------------------------------------------------------------------------
 */
#include "schema_sections.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_errors.h"
#include "object_runner.h"
#include "progress.h"
#include "quote.h"
#include "server_failure.h"
#include "head_settings.h"
#include "settings.h"
#include "withheld.h"
#include "work_settings.h"

/* What the threads of ANALYZE share. */
typedef struct Analyzing
{
	const RestorePlan *plan;
	ConnectionTarget *target;
	const Manifest *manifest;
	uint32_t *order; /* positions of tables, biggest first */
	bool *failed;    /* by position in the manifest */
	_Atomic uint32_t next;
} Analyzing;

static int
compare_table_sizes(const void *a, const void *b, void *argument)
{
	const Manifest *manifest = argument;
	uint64_t x = manifest->tables[*(const uint32_t *) a].raw_bytes;
	uint64_t y = manifest->tables[*(const uint32_t *) b].raw_bytes;

	return x > y ? -1 : x < y;
}

/* *said: a failure of the table's own code, which somebody else is to free; false (reported): any
 * other. */
static bool
run(Connection *connection, const char *sql, char **said)
{
	PGresult *result = connection_exec(connection, sql);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool good = true;

	*said = NULL;
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		/* What is not there was said before; a function would be in the context. */
		if (state != NULL && PQresultErrorField(result, PG_DIAG_CONTEXT) == NULL &&
			(strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0))
			;
		else if (server_failure_is_fatal(connection, state))
			good = connection_report(connection, result, "could not analyze the tables");
		else
			*said = server_failure_said(connection, result);
	}
	PQclear(result);
	return good;
}

static char *
analyze_command(const Manifest *manifest, uint32_t table)
{
	Buffer sql;

	buffer_init(&sql);
	buffer_append_string(&sql, "ANALYZE ");
	quote_qualified(&sql, manifest->tables[table].schema, manifest->tables[table].name);
	return buffer_detach(&sql);
}

/* The server runs code of a table as its owner. */
static bool
has_path(const RestorePlan *plan, Connection *connection, const char *sql, uint32_t oid)
{
	const char *owner = plan->progress->errors != NULL ? object_errors_owner(plan, oid) : "";

	return owner[0] != '\0' && object_runner_with_path(plan, connection, owner, true, sql);
}

/*
 * Statistics are worth having, but a function in an index or in statistics that
 * fails is no reason to give up what was restored.
 */
static bool
analyze_again(const RestorePlan *plan, Connection *connection, const char *sql, uint32_t oid)
{
	char *said;
	bool good = run(connection, sql, &said);

	if (said != NULL && !has_path(plan, connection, sql, oid))
	{
		char *shown = withheld_printable(said);

		log_warning("could not run \"%s\": %s", sql, shown);
		free(shown);
	}
	free(said);
	return good;
}

static void *
analyze(void *argument)
{
	Analyzing *analyzing = argument;
	/* The names are those of the manifest, in the encoding of the backup. */
	Connection *connection = head_settings_connect(analyzing->plan, analyzing->target);
	bool good =
		connection != NULL && connection_command(connection, "SET synchronous_commit = off");
	uint32_t i;

	while (good && !stop_requested() &&
		   (i = atomic_fetch_add(&analyzing->next, 1)) < analyzing->manifest->ntables)
	{
		char *sql = analyze_command(analyzing->manifest, analyzing->order[i]);
		char *said;

		good = run(connection, sql, &said);
		analyzing->failed[analyzing->order[i]] = said != NULL;
		free(said);
		free(sql);
		atomic_fetch_add(&progress.units_done, 1);
	}
	if (!good)
		stop_request();
	connection_close(connection);
	return NULL;
}

/* What failed; and materialized views, which are in no manifest: their rows are made by REFRESH. */
static bool
analyze_rest(const Analyzing *analyzing)
{
	Connection *connection = head_settings_connect(analyzing->plan, analyzing->target);
	PGresult *result = NULL;
	bool good;
	uint32_t t;
	int i;

	if (connection != NULL)
		result = connection_query(connection,
								  "SELECT pg_catalog.format('ANALYZE %I.%I', n.nspname, c.relname)"
								  " FROM pg_catalog.pg_class c"
								  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
								  " WHERE c.relkind = 'm' AND c.relispopulated",
								  0, NULL);
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result) && !stop_requested(); i++)
		good = analyze_again(analyzing->plan, connection, PQgetvalue(result, i, 0), 0);
	for (t = 0; good && t < analyzing->manifest->ntables && !stop_requested(); t++)
	{
		char *sql = analyzing->failed[t] ? analyze_command(analyzing->manifest, t) : NULL;

		good = sql == NULL ||
			   analyze_again(analyzing->plan, connection, sql, analyzing->manifest->tables[t].oid);
		free(sql);
	}
	PQclear(result);
	connection_close(connection);
	return good;
}

bool
schema_sections_analyze(const RestorePlan *plan)
{
	bool good;
	int jobs = plan->settings->work->jobs;
	pthread_t *threads = xcalloc((size_t) jobs, sizeof(pthread_t));
	Analyzing analyzing;
	int started = 0;
	uint32_t i;
	int t;

	memset(&analyzing, 0, sizeof(analyzing));
	analyzing.plan = plan;
	analyzing.target = target_with_database(plan->target, plan->working);
	analyzing.manifest = plan->manifest;
	analyzing.order = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(uint32_t));
	analyzing.failed = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(bool));
	for (i = 0; i < plan->manifest->ntables; i++)
		analyzing.order[i] = i;
	qsort_r(analyzing.order, plan->manifest->ntables, sizeof(uint32_t), compare_table_sizes,
			plan->manifest);
	progress_phase("analyzing", "tables", plan->manifest->ntables, 0);
	for (t = 0; t + 1 < jobs; t++)
	{
		if (pthread_create(&threads[t], NULL, analyze, &analyzing) != 0)
			break;
		started++;
	}
	analyze(&analyzing);
	for (t = 0; t < started; t++)
		pthread_join(threads[t], NULL);
	good = !stop_requested() && analyze_rest(&analyzing);
	target_free(analyzing.target);
	free(analyzing.order);
	free(analyzing.failed);
	free(threads);
	return good && !stop_requested();
}
