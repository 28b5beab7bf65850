/*-------------------------------------------------------------------------
 *
 * part_rows.c
 *	  The rows of a part, which come into its new tables in one transaction.
 *
 * The order is that of the backup, but for what code of others could get at
 * meanwhile (protections.c): tables whose rows run nothing come first, of these
 * first what nothing protects; then the others.  Policies and triggers often
 * look for something in another table.  Partitions of one table come together,
 * and a table comes behind those that it inherits from, whose row security also
 * is for its rows.
 *
 *-------------------------------------------------------------------------
 */
#include "part_rows.h"

#include <stdlib.h>
#include <string.h>

#include "authors.h"
#include "bound_objects.h"
#include "given_code.h"
#include "interrupt.h"
#include "look_plans.h"
#include "live_names.h"
#include "member_reader.h"
#include "memory.h"
#include "owner_rows.h"
#include "planner_code.h"
#include "progress.h"
#include "protections.h"
#include "quote.h"
#include "row_columns.h"
#include "row_copy.h"
#include "row_rights.h"

/* The table that takes the rows, quoted and perhaps renamed; caller frees. */
char *
part_rows_target(const RestorePlan *plan, const RenameMap *map, const ManifestTable *table)
{
	const Renamed *renamed;
	char *schema;
	char *name;
	Buffer target;

	partial_row_table(plan, table, &schema, &name);
	renamed = rename_find(map, schema, name);
	buffer_init(&target);
	if (renamed != NULL)
		quote_qualified(&target, renamed->schema, renamed->name);
	else
		quote_qualified(&target, schema, name);
	free(schema);
	free(name);
	return buffer_detach(&target);
}

/*
 * A new table has come with the backup, but the functions, domains and
 * operators that it names may be those of the live database.  A new database
 * has none.
 */
static bool
load_table(const RestorePlan *plan, RowCopy *copy, int32_t table, const char *command)
{
	const ManifestTable *source = &plan->manifest->tables[table];
	RowRights rights = {false, NULL, NULL};
	const TocEntry *entry = selection_table(plan->selection, source->oid);
	RowCopyStatus status = ROW_COPY_FAILED;
	uint64_t added;
	uint64_t present;

	if (plan->fate != TARGET_LIVE ||
		(row_rights_decide(plan->settings, copy->connection, source, copy->shown, 0, false,
						   &rights) &&
		 authors_check_rows(plan, copy->connection, entry, &rights) &&
		 given_code_check_rows(copy->connection, copy->shown, false, &rights) &&
		 (!rights.as_owner || entry == NULL ||
		  live_names_check_bound(plan, copy->connection, entry, copy->shown)) &&
		 look_plans_pause(copy->connection)))
		status = rights.as_owner ? owner_rows_add(copy, &rights, table, false, &added, &present)
								 : row_copy_run(copy, table, command);
	row_rights_free(&rights);
	return status == ROW_COPY_GOOD &&
		   (plan->fate != TARGET_LIVE || look_plans_go_on(copy->connection));
}

/* ---- in which order ---- */

/* Of the names, the places of those whose rows may make the server compute anything. */
static const char computes_query[] =
	"SELECT u.place FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[])) WITH ORDINALITY"
	"  u (name, place) JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(u.name)"
	" WHERE EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'c'"
	"   AND k.conrelid = c.oid AND NOT " EXPRESSION_IS_HARMLESS(
		"k.conbin::pg_catalog.text") ")"
									 "  OR EXISTS (SELECT FROM pg_catalog.pg_attrdef d JOIN "
									 "pg_catalog.pg_attribute a"
									 "   ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE "
									 "d.adrelid = c.oid"
									 "   AND a.attgenerated <> '' AND NOT " EXPRESSION_IS_HARMLESS(
										 "d.adbin::pg_catalog.text") ")"
																	 "  OR EXISTS (SELECT FROM "
																	 "pg_catalog.pg_attribute a "
																	 "JOIN pg_catalog.pg_type t"
																	 "   ON t.oid = a.atttypid "
																	 "LEFT JOIN pg_catalog.pg_type "
																	 "e ON e.oid = t.typelem"
																	 "   WHERE a.attrelid = c.oid "
																	 "AND a.attnum > 0 AND NOT "
																	 "a.attisdropped"
																	 "   AND NOT "
																	 "COALESCE(" ROW_TYPE_IS_PLAIN
																	 ", false))"
																	 "  OR EXISTS (SELECT FROM "
																	 "pg_catalog.pg_partitioned_"
																	 "table p WHERE p.partrelid = "
																	 "c.oid"
																	 "   AND p.partexprs IS NOT "
																	 "NULL)";

/* How late the rows of a table come. */
enum
{
	RANK_PLAIN,     /* they run nothing, and nothing protects them */
	RANK_PROTECTED, /* they run nothing */
	RANK_COMPUTED,
	RANKS
};

/* A table that waits for those that it inherits from. */
typedef struct Step
{
	uint32_t table;
	uint32_t before; /* the next table of the parent that has been come to, plus 1 */
	int parent;
} Step;

typedef struct RowOrder
{
	const RestorePlan *plan;
	const PartTables *tables;
	unsigned char *ranks; /* by place of the table */
	uint32_t *first;      /* by place: the first table of the manifest with rows for it, plus 1 */
	uint32_t *next;       /* by table of the manifest: the next one, plus 1 */
	uint32_t *trees;      /* the same, by place of the root of its tree */
	uint32_t *fellows;
	bool *taken;
	struct Step *steps;
	uint32_t *order;
	uint32_t count;
	uint32_t plain; /* of these, the first ones run nothing */
} RowOrder;

static bool
find_computed(RowOrder *order, Connection *connection, const RenameMap *map)
{
	const Manifest *manifest = order->plan->manifest;
	const char *params[1];
	PGresult *result;
	Buffer names;
	bool good;
	int i;

	buffer_init(&names);
	buffer_append_char(&names, '{');
	for (i = 0; i < (int) manifest->ntables; i++)
	{
		char *name = part_rows_target(order->plan, map, &manifest->tables[i]);

		quote_array_item(&names, name);
		free(name);
	}
	buffer_append_char(&names, '}');
	params[0] = names.data;
	result = connection_query(connection, computes_query, 1, params);
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result); i++)
	{
		uint32_t table = (uint32_t) strtoul(PQgetvalue(result, i, 0), NULL, 10) - 1;
		const TocEntry *target = order->tables->targets[table];

		if (target != NULL)
			order->ranks[part_tables_root(order->tables, target)->place] = RANK_COMPUTED;
	}
	PQclear(result);
	buffer_free(&names);
	return good;
}

/* The tables that it inherits from; NULL: no more. */
static const TocEntry *
next_parent(const RowOrder *order, const TocEntry *table, int *d)
{
	while (part_tables_inherits(table) && *d < table->ndepends_on)
	{
		const TocEntry *parent =
			archive_toc_find(&order->plan->selection->toc, table->depends_on[(*d)++]);

		if (parent != NULL && toc_entry_is_table(parent) && parent->place < table->place)
			return parent;
	}
	return NULL;
}

/* Trees of partitions together, and a table not before those that it inherits from. */
static void
find_ranks(RowOrder *order)
{
	const ArchiveToc *toc = &order->plan->selection->toc;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *table = &toc->entries[i];
		const TocEntry *parent;
		int d = 0;

		if (!toc_entry_is(table, "TABLE"))
			continue;
		if (order->ranks[i] < RANK_PROTECTED && protections_has(order->plan, table))
			order->ranks[i] = RANK_PROTECTED;
		while ((parent = next_parent(order, table, &d)) != NULL)
		{
			if (order->ranks[i] < order->ranks[parent->place])
				order->ranks[i] = order->ranks[parent->place];
		}
	}
}

static void
link_tables(RowOrder *order)
{
	uint32_t i;

	for (i = order->plan->manifest->ntables; i > 0; i--)
	{
		const TocEntry *target = order->tables->targets[i - 1];
		const TocEntry *root;

		if (target == NULL)
			continue;
		root = part_tables_root(order->tables, target);
		order->next[i - 1] = order->first[target->place];
		order->first[target->place] = i;
		order->fellows[i - 1] = order->trees[root->place];
		order->trees[root->place] = i;
	}
}

/* A table with its whole tree. */
static void
take_tree(RowOrder *order, uint32_t table)
{
	const TocEntry *target = order->tables->targets[table];
	uint32_t other;

	order->order[order->count++] = table;
	if (target == NULL)
		return;
	for (other = order->trees[part_tables_root(order->tables, target)->place]; other > 0;
		 other = order->fellows[other - 1])
	{
		if (!order->taken[other - 1])
		{
			order->taken[other - 1] = true;
			order->order[order->count++] = other - 1;
		}
	}
}

/* The next table that a table must wait for, plus 1; 0: none. */
static uint32_t
next_before(const RowOrder *order, Step *step)
{
	const TocEntry *target = order->tables->targets[step->table];

	while (step->before == 0 && target != NULL)
	{
		const TocEntry *parent = next_parent(order, target, &step->parent);

		if (parent == NULL)
			return 0;
		step->before = order->first[parent->place];
	}
	return step->before;
}

/*
 * One table: behind those that it inherits from, and with its whole tree.  Whoever makes tables
 * decides how many inherit from one another, so this needs no stack.
 */
static void
take(RowOrder *order, uint32_t table)
{
	uint32_t depth = 0;

	if (order->taken[table])
		return;
	order->taken[table] = true;
	order->steps[depth++] = (Step){.table = table};
	while (depth > 0)
	{
		Step *step = &order->steps[depth - 1];
		uint32_t other = next_before(order, step);

		if (other == 0)
		{
			take_tree(order, step->table);
			depth--;
			continue;
		}
		step->before = order->next[other - 1];
		if (order->taken[other - 1])
			continue;
		order->taken[other - 1] = true;
		order->steps[depth++] = (Step){.table = other - 1};
	}
}

/*
 * What runs nothing comes first: what policies and triggers look for in other
 * tables is mostly there by then, when anybody has a turn.
 */
static void
make_order(RowOrder *order)
{
	uint32_t i;
	int rank;

	find_ranks(order);
	link_tables(order);
	for (rank = 0; rank < RANKS; rank++)
	{
		if (rank == RANK_COMPUTED)
			order->plain = order->count;
		for (i = 0; i < order->plan->manifest->ntables; i++)
		{
			const TocEntry *target = order->tables->targets[i];
			int own = RANK_COMPUTED;

			if (target != NULL)
				own = order->ranks[part_tables_root(order->tables, target)->place];
			if (own <= rank)
				take(order, i);
		}
	}
}

/*
 * The tables of the manifest in the order of their rows, and how many of the first
 * ones run nothing; NULL (reported) on failure.
 */
static uint32_t *
read_order(const RestorePlan *plan, Connection *connection, const RenameMap *map, uint32_t *plain)
{
	size_t count = (size_t) plan->selection->toc.count + 1;
	size_t ntables = (size_t) plan->manifest->ntables + 1;
	RowOrder order = {.plan = plan, .tables = protections_tables(plan)};
	bool good = true;
	uint32_t i;

	order.order = xcalloc(ntables, sizeof(uint32_t));
	for (i = 0; i < plan->manifest->ntables; i++)
		order.order[i] = i;
	if (order.tables == NULL)
		return order.order;
	order.ranks = xcalloc(count, 1);
	order.first = xcalloc(count, sizeof(uint32_t));
	order.trees = xcalloc(count, sizeof(uint32_t));
	order.next = xcalloc(ntables, sizeof(uint32_t));
	order.fellows = xcalloc(ntables, sizeof(uint32_t));
	order.taken = xcalloc(ntables, sizeof(bool));
	order.steps = xcalloc(ntables, sizeof(Step));
	good = find_computed(&order, connection, map);
	if (good)
		make_order(&order);
	*plain = order.plain;
	free(order.ranks);
	free(order.first);
	free(order.trees);
	free(order.next);
	free(order.fellows);
	free(order.taken);
	free(order.steps);
	if (good)
		return order.order;
	free(order.order);
	return NULL;
}

static bool
load_one(const RestorePlan *plan, Connection *connection, const RenameMap *map,
		 MemberReader *reader, uint32_t table)
{
	const ManifestTable *source = &plan->manifest->tables[table];
	char *target = part_rows_target(plan, map, source);
	char *command = row_copy_command(source, target);
	RowCopy copy = {connection, reader, target, false, NULL, NULL, true};
	bool good;

	good =
		(plan->fate != TARGET_LIVE || row_columns_check_part(plan, connection, source, target)) &&
		protections_before_rows(plan, connection, map, table) &&
		load_table(plan, &copy, (int32_t) table, command) && !stop_requested() &&
		protections_after_rows(plan, connection, map, table);
	plan->result->rows += source->rows;
	atomic_fetch_add(&progress.units_done, 1);
	free(target);
	free(command);
	return good;
}

bool
part_rows_load(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const Manifest *manifest = plan->manifest;
	uint32_t plain = 0;
	uint32_t *order = read_order(plan, connection, map, &plain);
	MemberReader reader;
	bool good = member_reader_open(&reader, plan->repository, manifest);
	uint32_t i;

	if (good)
		member_reader_read_ahead(&reader);
	progress_phase("loading data", "tables", manifest->ntables, manifest->totals.raw_bytes);
	for (i = 0; good && order != NULL && i < manifest->ntables; i++)
		good = (plan->fate != TARGET_LIVE || i < plain ||
				bound_objects_settle_rows(plan, connection, map)) &&
			   load_one(plan, connection, map, &reader, order[i]);
	member_reader_close(&reader);
	good = good && order != NULL;
	free(order);
	return good;
}
