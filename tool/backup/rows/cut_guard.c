/*-------------------------------------------------------------------------
 *
 * cut_guard.c
 *	  Planning queries over tables of other users, and none of their code.
 *
 * Planning runs code of indexes and statistics objects (code_of_others.h).  The
 * owner of a table can create these at any time, and the planner finds them
 * even if they are newer than the snapshot.  So before each query over such a
 * table a session of its own locks the table in SHARE UPDATE EXCLUSIVE mode,
 * which CREATE INDEX, also CONCURRENTLY, and CREATE STATISTICS need as well or
 * conflict with, looks at what has been committed by then, and lets go as soon
 * as the query has been planned.  Whatever is older than the lock it sees, and
 * whatever is newer has to wait.
 *
 * - The query names the table, and the owner of its schema could give that name
 *   to another one meanwhile.  So pg_namespace is locked as well, in SHARE mode:
 *   ALTER SCHEMA RENAME keeps its ROW EXCLUSIVE lock until its transaction ends.
 *   Renaming the table itself would have to wait for the worker's lock.
 * - A lock on pg_statistic_ext instead would be of no use: CREATE STATISTICS
 *   releases its own before the end of the transaction.  And ANALYZE of any
 *   table would wait for it.
 * - The lock is held for milliseconds.  Held until the data is read it would
 *   keep VACUUM away for hours, and writers waiting behind CREATE INDEX.
 * - It is never waited for, as its holder may wait for this backup, in a way
 *   that the server cannot see.  A table that is locked goes to the end of the
 *   queue.  If it still is then, what is left of it is read by a COPY of the
 *   whole table, which is not planned.  Chunks of a table are claimed in the
 *   order of their blocks, and a heap is read in the same order, so that the
 *   rows stored already are the first ones of that COPY.
 * - On a standby no lock keeps others away, and who may only read may not
 *   lock: there, too, these tables are read whole.
 * - Configuration tables of extensions that have a condition can only be read
 *   by a query.  One that cannot be guarded makes the backup fail.
 *
 *-------------------------------------------------------------------------
 */
#include "cut_guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "code_of_others.h"
#include "quote.h"
#include "table_locks.h"

#define PATIENCE 50 /* naps for locked tables at the end, in the whole backup */
#define NAP_NS 100000000L

typedef enum Verdict
{
	VERDICT_HELD,
	VERDICT_BUSY,   /* somebody has it locked, or waits for that */
	VERDICT_REFUSED /* it has code of others, or may not be locked by this role */
} Verdict;

/* A table whose chunks need the guard. */
typedef struct CutTable
{
	int claimed;   /* chunks */
	int finished;  /* of them */
	uint64_t rows; /* in these */
	bool postponed;
	bool whole; /* what is left of it is read by one worker */
} CutTable;

struct CutGuard
{
	Connection *session; /* NULL: none */
	const SourceTables *tables;
	ChunkPlan *plan;
	CutTable *states; /* per table */
	int naps;
	int whole_tables;
	pthread_mutex_t mutex; /* of all above, and of the plan */
};

static bool
needs_guard(const SourceTables *tables, const Chunk *chunk)
{
	const SourceTable *table;

	if (chunk->kind == CHUNK_LARGE_OBJECTS)
		return false;
	table = &tables->tables[chunk->tables[0]];
	return table->planning == PLANNING_GUARDED &&
		   (chunk->kind == CHUNK_BLOCKS || source_table_is_query(table));
}

CutGuard *
cut_guard_create(ConnectionTarget *target, const SourceTables *tables, ChunkPlan *plan)
{
	CutGuard *guard = xcalloc(1, sizeof(CutGuard));
	bool needed = false;
	char *message;
	int i;

	guard->tables = tables;
	guard->plan = plan;
	guard->states = xcalloc((size_t) tables->count + 1, sizeof(CutTable));
	pthread_mutex_init(&guard->mutex, NULL);
	for (i = 0; i < plan->count && !needed; i++)
		needed = needs_guard(tables, &plan->chunks[i]);
	if (!needed)
		return guard;
	guard->session = connection_try(target, &message);
	if (guard->session == NULL)
	{
		log_debug("no session to guard tables of other users: %s", message);
		free(message);
	}
	return guard;
}

void
cut_guard_free(CutGuard *guard)
{
	if (guard == NULL)
		return;
	connection_close(guard->session);
	pthread_mutex_destroy(&guard->mutex);
	free(guard->states);
	free(guard);
}

/*
 * Lock and look, in one round trip.  The look comes with a newer snapshot than
 * the locks, in READ COMMITTED.  That it is this table that is locked, and has
 * the name, is looked at, too: a schema may have been renamed before.
 */
static void
guard_command(const SourceTable *table, SqlText *sql)
{
	sql_append(sql, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;LOCK TABLE ONLY ");
	source_table_name(table, sql);
	sql_append(sql,
			   " IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;"
			   "LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE NOWAIT;"
			   "SELECT NOT (" PLANNING_RUNS_CODE_OF_OTHERS " OR " PLANNING_RUNS_CODE_OF_USERS ")"
			   " AND EXISTS (SELECT FROM pg_catalog.pg_locks l"
			   "  WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'"
			   "  AND l.relation = c.oid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted)"
			   " AND pg_catalog.to_regclass(");
	sql_qualified_literal(sql, table->schema, table->name);
	sql_append(sql, ") = c.oid FROM pg_catalog.pg_class c WHERE c.oid = ");
	sql_unsigned(sql, table->oid);
}

static void
let_go(CutGuard *guard)
{
	PQclear(connection_exec(guard->session, SQL("ROLLBACK")));
	if (PQstatus(guard->session->pg) == CONNECTION_OK)
		return;
	connection_close(guard->session);
	guard->session = NULL;
}

static Verdict
try_guard(CutGuard *guard, const SourceTable *table)
{
	Verdict verdict = VERDICT_REFUSED;
	const char *why = "its indexes or statistics use code of other users";
	PGresult *result;
	SqlText sql;

	if (guard->session == NULL)
		return VERDICT_REFUSED;
	sql_init(&sql);
	guard_command(table, &sql);
	result = connection_exec(guard->session, &sql);
	sql_free(&sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		if (result_has_state(result, SQLSTATE_LOCK_NOT_AVAILABLE))
			verdict = VERDICT_BUSY;
	}
	else if (PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't')
		verdict = VERDICT_HELD;
	if (verdict != VERDICT_HELD)
	{
		char *name = printable_name(table->qualified);

		log_debug("table %s cannot be guarded: %s", name, why != NULL ? why : "no answer");
		free(name);
		let_go(guard);
	}
	PQclear(result);
	return verdict;
}

/* What is left of the table, from this chunk on. */
static void
claim_rest(CutGuard *guard, ClaimedChunk *claim)
{
	int table = claim->chunk.tables[0];
	int i;

	guard->states[table].whole = true;
	guard->whole_tables++;
	claim->unplanned = true;
	claim->chunk.block_to = 0;
	if (guard->states[table].claimed == 0)
		claim->chunk.kind = CHUNK_TABLES;
	for (i = guard->plan->next; i < guard->plan->count; i++)
	{
		const Chunk *chunk = &guard->plan->chunks[i];

		if (chunk->kind == CHUNK_BLOCKS && chunk->tables[0] == table)
			claim->chunk.weight += chunk->weight;
	}
}

/* Wait until the chunks before it are read: only then it is known how many rows they have. */
static bool
wait_for_rows(CutGuard *guard, ClaimedChunk *claim)
{
	static const struct timespec nap = {0, NAP_NS / 10};
	const CutTable *state = &guard->states[claim->chunk.tables[0]];
	bool complete = false;

	while (!complete && !stop_requested())
	{
		pthread_mutex_lock(&guard->mutex);
		complete = state->finished == state->claimed;
		claim->skip = state->rows;
		pthread_mutex_unlock(&guard->mutex);
		if (!complete)
			nanosleep(&nap, NULL);
	}
	return complete;
}

/*
 * Put off a chunk that is locked, with the others of its table; or, for the
 * second time, wait a little.  False when it is time to do without the lock.
 */
static bool
put_off(CutGuard *guard, int table)
{
	static const struct timespec nap = {0, NAP_NS};

	if (guard->states[table].postponed)
	{
		if (guard->naps++ >= PATIENCE || stop_requested())
			return false;
		nanosleep(&nap, NULL);
	}
	guard->states[table].postponed = true;
	chunk_plan_postpone(guard->plan, table);
	return true;
}

/* A table that can only be read by a query, which must not be planned: the end of all work. */
static bool
give_in(const SourceTable *table, Verdict verdict)
{
	char *name = printable_name(table->qualified);

	if (verdict == VERDICT_REFUSED)
		source_table_refuse(table);
	else
		report_error(EXIT_FAILED, NULL, "Run the backup again when the schema change is done.",
					 "could not lock table %s, an index of it, or the names of schemas", name);
	free(name);
	stop_request();
	return false;
}

/* With the mutex, which stays locked if the chunk is guarded. */
static bool
claim_next(CutGuard *guard, ClaimedChunk *claim)
{
	const Chunk *chunk;

	while ((chunk = chunk_plan_claim(guard->plan)) != NULL)
	{
		CutTable *state =
			needs_guard(guard->tables, chunk) ? &guard->states[chunk->tables[0]] : NULL;
		Verdict verdict;

		if (state != NULL && state->whole)
			continue;
		claim->chunk = *chunk;
		if (state == NULL)
			return true;
		verdict = try_guard(guard, &guard->tables->tables[chunk->tables[0]]);
		if (verdict == VERDICT_BUSY && put_off(guard, chunk->tables[0]))
			continue;
		claim->guarded = verdict == VERDICT_HELD;
		if (claim->guarded)
			state->claimed++;
		else if (chunk->kind == CHUNK_TABLES)
			return give_in(&guard->tables->tables[chunk->tables[0]], verdict);
		else
			claim_rest(guard, claim);
		return true;
	}
	return false;
}

bool
cut_guard_claim(CutGuard *guard, ClaimedChunk *claim)
{
	bool good;

	memset(claim, 0, sizeof(*claim));
	pthread_mutex_lock(&guard->mutex);
	good = claim_next(guard, claim);
	if (!claim->guarded)
		pthread_mutex_unlock(&guard->mutex);
	return good && (!claim->unplanned || wait_for_rows(guard, claim));
}

void
cut_guard_planned(CutGuard *guard, ClaimedChunk *claim)
{
	if (!claim->guarded)
		return;
	let_go(guard);
	claim->guarded = false;
	pthread_mutex_unlock(&guard->mutex);
}

/* The mutex is held on, so that nobody claims a later chunk of the table in between. */
bool
cut_guard_give_up(CutGuard *guard, ClaimedChunk *claim)
{
	const SourceTable *table = &guard->tables->tables[claim->chunk.tables[0]];
	bool good = true;

	if (claim->guarded)
		let_go(guard);
	else
		pthread_mutex_lock(&guard->mutex);
	claim->guarded = false;
	guard->states[claim->chunk.tables[0]].claimed--;
	if (claim->chunk.kind == CHUNK_TABLES)
		good = give_in(table, VERDICT_BUSY);
	else
		claim_rest(guard, claim);
	pthread_mutex_unlock(&guard->mutex);
	return good && wait_for_rows(guard, claim);
}

void
cut_guard_finished(CutGuard *guard, const ClaimedChunk *claim, uint64_t rows)
{
	CutTable *state;

	if (claim->unplanned || !needs_guard(guard->tables, &claim->chunk))
		return;
	state = &guard->states[claim->chunk.tables[0]];
	pthread_mutex_lock(&guard->mutex);
	state->finished++;
	state->rows += rows;
	pthread_mutex_unlock(&guard->mutex);
}

bool
cut_guard_hold(CutGuard *guard, int table, ClaimedChunk *claim)
{
	const SourceTable *source = &guard->tables->tables[table];

	if (source->planning != PLANNING_GUARDED)
		return source->planning == PLANNING_FREE;
	pthread_mutex_lock(&guard->mutex);
	claim->guarded = try_guard(guard, source) == VERDICT_HELD;
	if (!claim->guarded)
		pthread_mutex_unlock(&guard->mutex);
	return claim->guarded;
}

int
cut_guard_whole_tables(const CutGuard *guard)
{
	return guard->whole_tables;
}
