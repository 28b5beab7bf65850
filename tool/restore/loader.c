/*-------------------------------------------------------------------------
 *
 * loader.c
 *	  Loading members in parallel.
 *
 * Members are independent of each other, so any number of connections can
 * load one big table at the same time.  The biggest table goes first, then what
 * its foreign keys refer to; within a table members go in their order, so that
 * rows come to lie nearly as they lay.  Two lanes must not be shared: tables that are marked
 * serial (a deadlock between loads through one partition root, foreign keys between configuration
 * tables), and large objects, whose later slices need the first one.  Whoever claims a lane runs it
 * whole.  Between members a connection builds an index or constraint of a table that is complete,
 * if there is one (see early_indexes.c).
 *
 *-------------------------------------------------------------------------
 */
#include "loader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "early_indexes.h"
#include "interrupt.h"
#include "log.h"
#include "long_sql.h"
#include "member_reader.h"
#include "memory.h"
#include "object_errors.h"
#include "owners_and_grants.h"
#include "progress.h"
#include "refused_rows.h"
#include "restore_settings.h"
#include "head_settings.h"
#include "table_copy.h"
#include "work_settings.h"

typedef struct Lane
{
	const Member **members;
	uint32_t count;
	_Atomic uint32_t next;
} Lane;

typedef enum LaneKind
{
	LANE_SERIAL,
	LANE_LARGE_OBJECTS,
	LANE_SHARED,
	LANES
} LaneKind;

typedef struct Loading
{
	const RestorePlan *plan;
	ConnectionTarget *target;
	Lane lanes[LANES];
	_Atomic int next_lane;          /* of those that are run whole */
	_Atomic uint32_t *members_left; /* per table, to count finished tables */
	EarlyIndexes *early;
	_Atomic uint64_t *rows; /* per table, loaded */
	RefusedRows *refused;   /* NULL: a failure ends the restore */
	ObjectAhead *ahead;     /* of all connections; NULL: nothing is read ahead */
} Loading;

/*
 * Tables below this size are loaded in the order of the manifest, as many of them lie in one
 * object, which is then read once.
 */
#define SMALL_TABLE ((uint64_t) 1024 * 1024)

/* A table in the order of loading; by position in the manifest. */
typedef struct TableRank
{
	uint64_t urgency;
	uint64_t bytes; /* in steps of SMALL_TABLE */
} TableRank;

/* For sorting: the array's own order is that of the manifest. */
static int
compare_by_rank(const void *a, const void *b, void *argument)
{
	const TableRank *ranks = argument;
	const Member *x = *(const Member *const *) a;
	const Member *y = *(const Member *const *) b;

	if (ranks[x->table].urgency != ranks[y->table].urgency)
		return ranks[x->table].urgency > ranks[y->table].urgency ? -1 : 1;
	if (ranks[x->table].bytes != ranks[y->table].bytes)
		return ranks[x->table].bytes > ranks[y->table].bytes ? -1 : 1;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return x < y ? -1 : 1;
}

static LaneKind
lane_of(const Manifest *manifest, const Member *member)
{
	if (member->kind == MEMBER_LARGE_OBJECTS)
		return LANE_LARGE_OBJECTS;
	return manifest->tables[member->table].serial ? LANE_SERIAL : LANE_SHARED;
}

/* Sort the members into lanes; returns their raw bytes and counts the tables that have any. */
static uint64_t
fill_lanes(Loading *loading, const Manifest *manifest, uint64_t *tables)
{
	uint64_t bytes = 0;
	uint32_t i;
	int l;

	for (l = 0; l < LANES; l++)
		loading->lanes[l].members = xcalloc((size_t) manifest->nmembers + 1, sizeof(Member *));
	loading->members_left = xcalloc((size_t) manifest->ntables + 1, sizeof(*loading->members_left));
	for (i = 0; i < manifest->nmembers; i++)
	{
		const Member *member = &manifest->members[i];
		Lane *lane;

		if (member->kind != MEMBER_DATA && member->kind != MEMBER_LARGE_OBJECTS)
			continue;
		lane = &loading->lanes[lane_of(manifest, member)];
		lane->members[lane->count++] = member;
		bytes += member->raw;
		if (member->table >= 0 && loading->members_left[member->table]++ == 0)
			(*tables)++;
	}
	return bytes;
}

/* Order the members that connections share, and tell of tables that have none. */
static void
order_tables(Loading *loading, const Manifest *manifest)
{
	Lane *shared = &loading->lanes[LANE_SHARED];
	TableRank *ranks = xcalloc((size_t) manifest->ntables + 1, sizeof(TableRank));
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
	{
		ranks[i].urgency = early_indexes_urgency(loading->early, (int32_t) i);
		ranks[i].bytes = manifest->tables[i].raw_bytes / SMALL_TABLE;
		if (loading->members_left[i] == 0)
			early_indexes_table_loaded(loading->early, (int32_t) i);
	}
	qsort_r(shared->members, shared->count, sizeof(Member *), compare_by_rank, ranks);
	free(ranks);
}

/* Lanes in the order in which they are claimed. */
static ObjectAhead *
read_ahead(const Loading *loading, const RestorePlan *plan)
{
	const Member **members = xcalloc((size_t) plan->manifest->nmembers + 1, sizeof(Member *));
	ObjectAhead *ahead;
	size_t count = 0;
	int l;

	for (l = 0; l < LANES; l++)
	{
		if (loading->lanes[l].count > 0)
			memcpy(members + count, loading->lanes[l].members,
				   loading->lanes[l].count * sizeof(Member *));
		count += loading->lanes[l].count;
	}
	ahead = object_ahead_create(plan->repository, plan->manifest, members, count);
	free(members);
	return ahead;
}

/* One connection's work. */
typedef struct Loader
{
	Loading *loading;
	Connection *connection;
	MemberReader reader;
	TableCopy copy;
	uint64_t rows;    /* sent since a COPY of the table was begun */
	uint32_t members; /* the same */
} Loader;

/* End the COPY that is open, if one is. */
static bool
end_copy(Loader *loader)
{
	Loading *loading = loader->loading;
	int32_t table = loader->copy.table;

	if (table < 0)
		return true;
	if (!table_copy_end(&loader->copy))
		return false;
	atomic_fetch_add(&loading->rows[table], loader->rows);
	if (atomic_fetch_sub(&loading->members_left[table], loader->members) == loader->members)
	{
		atomic_fetch_add(&progress.units_done, 1);
		early_indexes_table_loaded(loading->early, table);
	}
	loader->rows = 0;
	loader->members = 0;
	return true;
}

/*
 * Load a data member: its COPY line is a query, the rest up to \. goes as
 * data.  Members of the same table that follow each other share one COPY, so
 * a single connection puts a table's rows into their old order.
 */
static bool
load_data(Loader *loader, const Member *member)
{
	const char *rows;
	size_t length;

	if (!member_reader_rows(&loader->reader, member, &rows, &length))
		return false;
	if (loader->copy.table != member->table &&
		(!end_copy(loader) || !table_copy_begin(&loader->copy, member->table)))
		return false;
	loader->rows += member->rows;
	loader->members++;
	atomic_fetch_add(&progress.weight_done, member->raw - length);
	return table_copy_send(&loader->copy, rows, length, member->rows);
}

/* A table whose rows were refused is left for later; false if that cannot be. */
static bool
leave_refused(Loader *loader, int32_t table)
{
	Loading *loading = loader->loading;
	TableCopy *copy = &loader->copy;

	if (loading->refused == NULL || copy->said == NULL || stop_requested() ||
		!table_copy_give_up(copy))
		return false;
	refused_rows_add(loading->refused, table, copy->said, copy->state);
	early_indexes_table_refused(loading->early, table);
	copy->said = NULL;
	loader->rows = 0;
	loader->members = 0;
	return true;
}

/* End the COPY that is open, if one is; or leave its table. */
static bool
end_or_leave(Loader *loader)
{
	int32_t table = loader->copy.table;

	return end_copy(loader) || leave_refused(loader, table);
}

/* Rows, which may be refused, if not before then here. */
static bool
load_rows(Loader *loader, const Member *member)
{
	Loading *loading = loader->loading;

	if (refused_rows_has(loading->refused, member->table))
	{
		atomic_fetch_add(&progress.weight_done, member->raw);
		return true;
	}
	if (loader->copy.table != member->table && !end_or_leave(loader))
		return false;
	return member_reader_read(&loader->reader, member) &&
		   (load_data(loader, member) || leave_refused(loader, member->table));
}

static bool
load_member(Loader *loader, const Member *member)
{
	const RestorePlan *plan = loader->loading->plan;

	if (stop_requested())
		return false;
	if (member->kind == MEMBER_DATA)
		return load_rows(loader, member);
	if (!member_reader_read(&loader->reader, member))
		return false;
	atomic_fetch_add(&progress.weight_done, loader->reader.raw.length);

	owners_and_grants_filter(plan->settings, &loader->reader.raw);

	if (plan->progress->errors != NULL)
		return object_errors_run(plan, loader->connection, "large objects",
								 loader->reader.raw.data);
	return long_sql_run(loader->connection, loader->reader.raw.data);
}

/* Load what no other connection has taken, and build indexes as they become possible. */
static bool
share_work(Loader *loader)
{
	Loading *loading = loader->loading;
	Lane *shared = &loading->lanes[LANE_SHARED];
	bool more = true;
	uint32_t i;

	while (!stop_requested())
	{
		if (early_indexes_claim(loading->early, !more && loader->copy.table < 0, &i))
		{
			if (!end_or_leave(loader))
				return false;
			early_indexes_build(loading->early, i);
		}
		else if (more && (i = atomic_fetch_add(&shared->next, 1)) < shared->count)
		{
			if (!load_member(loader, shared->members[i]))
				return false;
		}
		else if (loader->copy.table >= 0)
		{
			more = false;
			if (!end_or_leave(loader))
				return false;
		}
		else if (more)
			more = false;
		else
			return true;
	}
	return false;
}

/* Run the lanes that belong to one connection, then share the rest. */
static bool
load_lanes(Loader *loader)
{
	Loading *loading = loader->loading;
	uint32_t i;
	int l;

	loader->reader.ahead = loading->ahead;
	while ((l = atomic_fetch_add(&loading->next_lane, 1)) < LANE_SHARED)
	{
		for (i = 0; i < loading->lanes[l].count; i++)
		{
			if (!load_member(loader, loading->lanes[l].members[i]))
				return false;
		}
		if (!end_or_leave(loader))
			return false;
	}
	return share_work(loader);
}

static void *
load(void *argument)
{
	Loading *loading = argument;
	const RestorePlan *plan = loading->plan;
	Loader loader;
	bool good;

	memset(&loader, 0, sizeof(loader));
	loader.loading = loading;
	loader.connection = head_settings_connect(plan, loading->target);
	table_copy_init(&loader.copy, loader.connection, plan->manifest,
					plan->settings->restore->copy_format);
	loader.copy.quiet = loading->refused != NULL;
	good = loader.connection != NULL &&
		   connection_command(loader.connection, "SET synchronous_commit = off") &&
		   member_reader_open(&loader.reader, plan->repository, plan->manifest) &&
		   load_lanes(&loader);
	if (!good)
		stop_request();
	member_reader_close(&loader.reader);
	table_copy_free(&loader.copy);
	connection_close(loader.connection);
	return NULL;
}

/* The sum; of a table that was refused, what the last attempt brought. */
static uint64_t
count_rows(const Loading *loading)
{
	uint64_t rows = 0;
	uint32_t i;

	for (i = 0; i < loading->plan->manifest->ntables; i++)
	{
		if (refused_rows_has(loading->refused, (int32_t) i))
			rows += refused_rows_loaded(loading->refused, (int32_t) i);
		else
			rows += atomic_load(&loading->rows[i]);
	}
	return rows;
}

bool
loader_run(const RestorePlan *plan)
{
	int jobs = plan->settings->work->jobs;
	pthread_t *threads = xcalloc((size_t) jobs, sizeof(pthread_t));
	Loading loading;
	uint64_t tables = 0;
	uint64_t bytes;
	int started = 0;
	bool good;
	int i;

	memset(&loading, 0, sizeof(loading));
	loading.plan = plan;
	loading.target = target_with_database(plan->target, plan->working);
	target_send_patiently(loading.target);
	loading.early = early_indexes_plan(plan);
	loading.rows = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(*loading.rows));
	if (plan->progress->errors != NULL)
		loading.refused = refused_rows_create(plan);
	bytes = fill_lanes(&loading, plan->manifest, &tables);
	order_tables(&loading, plan->manifest);
	loading.ahead = read_ahead(&loading, plan);
	progress_phase("loading data", "tables", tables, bytes);
	for (i = 0; i < jobs; i++)
	{
		if (pthread_create(&threads[i], NULL, load, &loading) != 0)
			break;
		started++;
	}
	if (started == 0)
	{
		report_error(EXIT_FAILED, NULL, NULL, "could not start a thread");
		stop_request();
	}
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	object_ahead_free(loading.ahead);
	early_indexes_finish(loading.early);
	good = !stop_requested() && (loading.refused == NULL || refused_rows_run(loading.refused));
	plan->result->rows = count_rows(&loading);
	refused_rows_free(loading.refused);
	free(loading.rows);
	for (i = 0; i < LANES; i++)
		free(loading.lanes[i].members);
	free(loading.members_left);
	target_free(loading.target);
	free(threads);
	return good && !stop_requested();
}
