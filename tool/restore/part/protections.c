/*-------------------------------------------------------------------------
 *
 * protections.c
 *	  Row security, policies, rules and triggers of a part, before code of
 *	  others has its next turn.
 *
 * The archive has them after all rows, behind indexes and keys.  While a part
 * comes into a live database, other roles have turns in between
 * (author_turn.c, owner_rows.c), and their code need not have a privilege on a
 * table to get at it: the owner may have given them functions that run with
 * the owner's rights (SECURITY DEFINER), and rely on a trigger that checks what
 * comes, or on policies that say who sees what.  So for every turn of anybody
 * else, a restored table is either still empty or already protected:
 *
 * - what protects views, foreign tables and tables without rows is made before
 *   the first rows of any table;
 * - before rows come, the table must be empty, because code of others has run;
 * - what protects the table is made directly behind its rows.  Triggers of a
 *   partitioned table act on rows of its partitions, and come behind these.
 *
 * What is verified over all rows when it is added (foreign keys, unique keys,
 * CHECK constraints) can stay where it is; what is NOT VALID is verified by
 * nobody, and counts as such a protection.
 *
 * A protection can need something that comes after the rows: a rule with ON
 * CONFLICT ON CONSTRAINT, a key.  That is made first, if it needs no turn of
 * another role.  Otherwise the protection stays in its place; policies then
 * come all together, as one of them alone may show more than all of them.  Until
 * then the server counts what is written to the table, also by code that hides
 * it in an exception block, and the restore fails if that is anything.
 *
 * With --rows-as=session all code is trusted, and the archive's order is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "protections.h"

#include <stdlib.h>
#include <string.h>

#include "author_turn.h"
#include "connection.h"
#include "entry_calls.h"
#include "log.h"
#include "memory.h"
#include "part_lists.h"
#include "part_of.h"
#include "post_batch.h"
#include "row_copy.h"
#include "selection_closure.h"
#include "settings.h"
#include "sql_text.h"
#include "turn_settings.h"

/* ---- which entries they are ---- */

/* Those that bind whoever names the table, and not those of rows that come to its partitions. */
static bool
is_of_name(const TocEntry *entry)
{
	return toc_entry_is(entry, "ROW SECURITY") || toc_entry_is(entry, "POLICY") ||
		   toc_entry_is(entry, "RULE");
}

static bool
is_constraint(const TocEntry *entry)
{
	static const char *const kinds[] = {"CHECK CONSTRAINT", "FK CONSTRAINT", "CONSTRAINT", NULL};

	return toc_entry_is_any(entry, kinds);
}

static bool
is_protection(const RestorePlan *plan, const TocEntry *entry)
{
	if (!partial_is_in_list(plan, entry, LIST_POST_DATA) || part_of_is_view_query(entry))
		return false;
	return is_of_name(entry) || toc_entry_is(entry, "TRIGGER") ||
		   (is_constraint(entry) && entry_leaves_rows(entry));
}

static void
note_protected(Protections *protections, const TocEntry *object)
{
	for (; object != NULL; object = protections->tables.above[object->place])
		protections->has[object->place] = true;
}

static void
read_entries(const RestorePlan *plan, Protections *protections)
{
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (!is_protection(plan, entry))
			continue;
		protections->objects[i] = protections_find_object(plan, entry);
		/* What protects something that is there already can as well wait. */
		if (protections->objects[i] == NULL && !is_constraint(entry))
			continue;
		protections->places[protections->count++] = i;
		protections->protections[i] = true;
		note_protected(protections, protections->objects[i]);
	}
	for (i = protections->count; i > 0; i--)
	{
		const TocEntry *object = protections->objects[protections->places[i - 1]];

		if (object == NULL)
			continue;
		protections->following[i - 1] = protections->first[object->place];
		protections->first[object->place] = i;
	}
}

static Protections *
protections_of(const RestorePlan *plan)
{
	size_t count = (size_t) plan->selection->toc.count + 1;
	Protections *protections = xcalloc(1, sizeof(*protections));

	part_tables_read(plan, &protections->tables);
	protections->places = xcalloc(count, sizeof(*protections->places));
	protections->objects = xcalloc(count, sizeof(*protections->objects));
	protections->protections = xcalloc(count, sizeof(bool));
	protections->made = xcalloc(count, sizeof(bool));
	protections->first = xcalloc(count, sizeof(*protections->first));
	protections->following = xcalloc(count, sizeof(*protections->following));
	protections->tried = xcalloc(count, sizeof(*protections->tried));
	protections->begun = xcalloc(count, sizeof(bool));
	protections->has = xcalloc(count, sizeof(bool));
	protections->watched = xcalloc(count, sizeof(*protections->watched));
	protections->watching = xcalloc(count, sizeof(bool));
	protections->next = xcalloc(count, sizeof(*protections->next));
	read_entries(plan, protections);
	return protections;
}

void
protections_free(Protections *protections)
{
	uint32_t i;

	if (protections == NULL)
		return;
	for (i = 0; i < protections->nwatched; i++)
		free(protections->watched[i].written);
	part_tables_free(&protections->tables);
	free(protections->places);
	free(protections->objects);
	free(protections->protections);
	free(protections->made);
	free(protections->first);
	free(protections->following);
	free(protections->tried);
	free(protections->begun);
	free(protections->has);
	free(protections->watched);
	free(protections->watching);
	free(protections->next);
	free(protections);
}

bool
protections_has(const RestorePlan *plan, const TocEntry *table)
{
	return plan->progress->protections != NULL &&
		   plan->progress->protections
			   ->has[part_tables_root(&plan->progress->protections->tables, table)->place];
}

bool
protections_made(const RestorePlan *plan, const TocEntry *entry)
{
	return plan->progress->protections != NULL && plan->progress->protections->made[entry->place];
}

/* ---- empty tables ---- */

/* The next partition below a table, at any depth, from a place on; NULL: no more. */
static const TocEntry *
next_partition(const RestorePlan *plan, const TocEntry *table, uint32_t *place)
{
	const ArchiveToc *toc = &plan->selection->toc;

	while (entry_is_partitioned(table) && *place < toc->count)
	{
		const TocEntry *partition = &toc->entries[(*place)++];
		const TocEntry *above = partition;

		while ((above = plan->progress->protections->tables.above[above->place]) != NULL)
		{
			if (above == table)
				return partition;
		}
	}
	return NULL;
}

/*
 * Asked of the server's counts, because a query over the table would be
 * planned, with what its owner wrote for its indexes.  An access method may use
 * blocks without rows; what was taken back counts, too.
 */
static const char empty_query[] = "SELECT FROM pg_catalog.to_regclass($1::pg_catalog.text) c"
								  " WHERE pg_catalog.pg_relation_size(c) > 0"
								  " AND pg_catalog.pg_stat_get_xact_tuples_inserted(c) > 0";

static bool
check_empty(const Protections *protections, Connection *connection, const RenameMap *map,
			const TocEntry *table)
{
	PGresult *result;
	const char *params[1];
	char *name;
	bool good;

	if (!toc_entry_is(table, "TABLE") || protections->begun[table->place] ||
		entry_is_partitioned(table))
		return true;
	params[0] = name = part_tables_name(map, table);
	result = connection_query(connection, empty_query, 1, params);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
		good = report_error(EXIT_FAILED,
							"Code of another role, which ran in the transaction of this restore, "
							"wrote to it.",
							NEW_DATABASE_HINT, "table %s has rows already", name);
	PQclear(result);
	free(name);
	return good;
}

/* With all partitions, unless these will be looked at when their rows come. */
static bool
check_all_empty(const RestorePlan *plan, Connection *connection, const RenameMap *map,
				const TocEntry *table)
{
	const Protections *protections = plan->progress->protections;
	bool good = check_empty(protections, connection, map, table);
	const TocEntry *partition;
	uint32_t place = 0;

	while (good && protections->tables.below[table->place] == 0 &&
		   (partition = next_partition(plan, table, &place)) != NULL)
		good = check_empty(protections, connection, map, partition);
	return good;
}

/* ---- what can be made now ---- */

static bool
is_ready(const Protections *protections, const TocEntry *entry, const TocEntry *table)
{
	const PartTables *tables = &protections->tables;

	if (!part_tables_have_rows(tables, table))
		return false;
	if (!is_of_name(entry) && tables->below[table->place] > 0)
		return false;
	return !is_constraint(entry) || !part_tables_wait_below(tables, table);
}

/* Have all tables that it is about their rows?  A domain can be that of any. */
static bool
has_rows(const RestorePlan *plan, const TocEntry *entry)
{
	const Protections *protections = plan->progress->protections;
	const TocEntry *object;
	bool ready = true;
	int d = 0;

	if (protections_find_object(plan, entry) == NULL && is_constraint(entry))
		return protections->tables.total == 0;
	while (ready && (object = protections_next_object(plan, entry, &d)) != NULL)
		ready = is_ready(protections, entry, object);
	return ready;
}

/*
 * "ALTER TABLE leaf DISABLE TRIGGER t": pg_dump writes no copies of a trigger, and
 * with two levels of partitions nothing says that this one comes of the root's.
 */
static const TocEntry *
trigger_above(const RestorePlan *plan, const TocEntry *entry)
{
	const Protections *protections = plan->progress->protections;
	const ArchiveToc *toc = &plan->selection->toc;
	const TocEntry *table = selection_table_of(plan->selection, entry);
	PartOf part;
	const TocEntry *found = NULL;
	uint32_t i;

	if (!toc_entry_is(entry, "TRIGGER") || table == NULL ||
		strncmp(sql_skip_blank(entry->definition), "ALTER ", strlen("ALTER ")) != 0 ||
		!part_of_read(entry, entry->definition, &part))
		return NULL;
	for (table = protections->tables.above[table->place]; table != NULL && found == NULL;
		 table = protections->tables.above[table->place])
	{
		for (i = 0; i < toc->count && found == NULL; i++)
		{
			const TocEntry *other = &toc->entries[i];
			PartOf root;

			if (!toc_entry_is(other, "TRIGGER") || other == entry ||
				!selection_belongs_to(other, table) ||
				!part_of_read(other, other->definition, &root))
				continue;
			if (strcmp(root.name, part.name) == 0)
				found = other;
			part_of_free(&root);
		}
	}
	part_of_free(&part);
	return found;
}

/* Is it still to be made? */
static bool
is_missing(const RestorePlan *plan, const TocEntry *entry)
{
	return !plan->progress->protections->made[entry->place] &&
		   (partial_is_in_list(plan, entry, LIST_POST_DATA) ||
			partial_is_in_list(plan, entry, LIST_LATE));
}

/* What the entry needs and is not there, one by one; NULL: no more. */
static const TocEntry *
next_missing(const RestorePlan *plan, const TocEntry *entry, int *d)
{
	const Selection *selection = plan->selection;
	const TocEntry *trigger;

	while (*d < entry->ndepends_on)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[(*d)++]);

		/* A view may have its query after the rows. */
		if (other != NULL && other != entry && toc_entry_is(other, "VIEW") &&
			selection_view_query(selection, other) != NULL &&
			selection_view_query(selection, other) != entry)
			other = selection_view_query(selection, other);
		if (other != NULL && is_missing(plan, other))
			return other;
	}
	trigger = trigger_above(plan, entry);
	return trigger != NULL && is_missing(plan, trigger) ? trigger : NULL;
}

/* Can it be made in no other turn than one of `role`? */
static bool
is_of_role(const RestorePlan *plan, Connection *connection, const TocEntry *entry, const char *role,
		   bool *is)
{
	static const char *const planned[] = {"FK CONSTRAINT", "TABLE ATTACH", "INDEX ATTACH",
										  "MATERIALIZED VIEW DATA", NULL};
	bool author;

	*is = false;
	if (toc_entry_is_any(entry, planned) || !partial_is_in_list(plan, entry, LIST_POST_DATA))
		return true;
	if (!author_turn_decide(plan, connection, entry, &author))
		return false;
	*is = !author || strcmp(entry->owner, role) == 0;
	return true;
}

/* Can it be made now, by itself? */
static bool
may_be_made(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
			const char *role, bool *can)
{
	*can = has_rows(plan, entry);
	return !*can || plan->progress->protections->protections[entry->place] ||
		   is_of_role(plan, connection, entry, role, can);
}

/* An entry that waits for what it needs. */
typedef struct Waiting
{
	const TocEntry *entry;
	int d;
} Waiting;

/*
 * Add it to what is to be made, behind what it needs; *can: can that be?  Whoever made these
 * decides how many need one another, so this needs no stack.
 */
static bool
add_needed(const RestorePlan *plan, Connection *connection, const TocEntry *entry, const char *role,
		   bool *can)
{
	Protections *protections = plan->progress->protections;
	Waiting *waiting = xmalloc(sizeof(Waiting));
	const TocEntry *missing = entry;
	uint32_t depth = 0;
	bool good = true;

	do
	{
		if (missing != NULL)
		{
			good = may_be_made(plan, connection, missing, role, can);
			waiting = xrealloc(waiting, (depth + 1) * sizeof(Waiting));
			waiting[depth++] = (Waiting){missing, 0};
			/* More than there are: they need one another in a circle. */
			*can &= depth <= plan->selection->toc.count;
		}
		else
		{
			entry = waiting[--depth].entry;
			protections->made[entry->place] = true;
			protections->next[protections->nnext++] = entry;
		}
		if (good && *can && depth > 0)
			missing = next_missing(plan, waiting[depth - 1].entry, &waiting[depth - 1].d);
	} while (good && *can && depth > 0);
	free(waiting);
	return good;
}

/* The same of a protection; without it nothing of what it needs is made, either. */
static bool
add_protection(const RestorePlan *plan, Connection *connection, const TocEntry *entry, bool *can)
{
	Protections *protections = plan->progress->protections;
	uint32_t before = protections->nnext;

	if (!add_needed(plan, connection, entry, entry->owner, can))
		return false;
	while (!*can && protections->nnext > before)
		protections->made[protections->next[--protections->nnext]->place] = false;
	return true;
}

/* Those of one table, view …; of policies, all or none. */
static bool
add_of_object(const RestorePlan *plan, Connection *connection, const TocEntry *object,
			  bool policies)
{
	Protections *protections = plan->progress->protections;
	uint32_t before = protections->nnext;
	bool all = true;
	uint32_t i;

	for (i = protections->first[object->place]; all && i > 0; i = protections->following[i - 1])
	{
		const TocEntry *entry = &plan->selection->toc.entries[protections->places[i - 1]];
		bool can;

		if (toc_entry_is(entry, "POLICY") != policies || protections->made[entry->place])
			continue;
		if (!add_protection(plan, connection, entry, &can))
			return false;
		all = can || !policies;
	}
	while (!all && protections->nnext > before)
		protections->made[protections->next[--protections->nnext]->place] = false;
	return true;
}

/* What protects the object, as far as it can be made now. */
static bool
protect(const RestorePlan *plan, Connection *connection, const RenameMap *map,
		const TocEntry *object)
{
	Protections *protections = plan->progress->protections;

	protections->nnext = 0;
	if (!add_of_object(plan, connection, object, true) ||
		!add_of_object(plan, connection, object, false))
		return false;
	return protections->nnext == 0 ||
		   (check_all_empty(plan, connection, map, object) &&
			in_place_take(plan, connection, map, protections->next, protections->nnext));
}

static bool
protect_domain(const RestorePlan *plan, Connection *connection, const RenameMap *map,
			   const TocEntry *entry)
{
	Protections *protections = plan->progress->protections;
	bool can;

	protections->nnext = 0;
	return add_protection(plan, connection, entry, &can) &&
		   (!can || in_place_take(plan, connection, map, protections->next, protections->nnext));
}

/* All that can be made now. */
static bool
protect_ready(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	Protections *protections = plan->progress->protections;
	bool good = true;
	uint32_t i;

	protections->round++;
	for (i = 0; good && i < protections->count; i++)
	{
		uint32_t place = protections->places[i];
		const TocEntry *object = protections->objects[place];

		if (protections->made[place])
			continue;
		if (object == NULL)
			good = protect_domain(plan, connection, map, &plan->selection->toc.entries[place]);
		else if (protections->tried[object->place] != protections->round)
		{
			protections->tried[object->place] = protections->round;
			good = protect(plan, connection, map, object);
		}
	}
	return good;
}

bool
protections_begin(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	plan->progress->protections = protections_of(plan);
	return protect_ready(plan, connection, map);
}

/* ---- rows ---- */

bool
protections_before_rows(const RestorePlan *plan, Connection *connection, const RenameMap *map,
						uint32_t table)
{
	Protections *protections = plan->progress->protections;
	const TocEntry *target = protections != NULL ? protections->tables.targets[table] : NULL;
	const TocEntry *partition;
	uint32_t place = 0;
	bool good;

	if (target == NULL)
		return true;
	good = check_empty(protections, connection, map, target);
	protections->begun[target->place] = true;
	while (good && (partition = next_partition(plan, target, &place)) != NULL)
	{
		good = check_empty(protections, connection, map, partition);
		protections->begun[partition->place] = true;
	}
	return good;
}

/* What was written to the table in this transaction, also by what was taken back. */
static char *
read_written(Connection *connection, const RenameMap *map, const TocEntry *table)
{
	char *name = part_tables_name(map, table);
	const char *params[1] = {name};
	PGresult *result = connection_query(connection,
										"SELECT pg_catalog.format('%s %s %s',"
										" pg_catalog.pg_stat_get_xact_tuples_inserted(c),"
										" pg_catalog.pg_stat_get_xact_tuples_updated(c),"
										" pg_catalog.pg_stat_get_xact_tuples_deleted(c))"
										" FROM pg_catalog.to_regclass($1::pg_catalog.text) c",
										1, params);
	char *written = result != NULL ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;

	PQclear(result);
	free(name);
	return written;
}

/* Is it attached to a table that is there, whose triggers it gets by that? */
static bool
is_attached_late(const Selection *selection, const TocEntry *table)
{
	int i;

	for (i = selection->starts[table->place]; i < selection->starts[table->place + 1]; i++)
	{
		const TocEntry *attach = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (toc_entry_is(attach, "TABLE ATTACH") && selection->late[attach->place] &&
			strcmp(attach->tag, table->tag) == 0 && strcmp(attach->schema, table->schema) == 0)
			return true;
	}
	return false;
}

/* Is there a protection of it, or of a table above it, that has to wait? */
static bool
must_wait(const RestorePlan *plan, const TocEntry *table)
{
	const Protections *protections = plan->progress->protections;

	if (is_attached_late(plan->selection, table))
		return true;
	for (; table != NULL; table = protections->tables.above[table->place])
	{
		uint32_t i;

		for (i = protections->first[table->place]; i > 0; i = protections->following[i - 1])
		{
			if (!protections->made[protections->places[i - 1]])
				return true;
		}
	}
	return false;
}

static bool
watch(const RestorePlan *plan, Connection *connection, const RenameMap *map, const TocEntry *table)
{
	Protections *protections = plan->progress->protections;
	Watched *watched = &protections->watched[protections->nwatched];

	if (protections->watching[table->place] ||
		!part_tables_have_rows(&protections->tables, table) || !must_wait(plan, table))
		return true;
	protections->watching[table->place] = true;
	watched->table = table;
	watched->written = read_written(connection, map, table);
	protections->nwatched += watched->written != NULL;
	return watched->written != NULL;
}

/* The table, or all partitions of it, which have got rows through it. */
static bool
watch_tree(const RestorePlan *plan, Connection *connection, const RenameMap *map,
		   const TocEntry *table)
{
	bool good = watch(plan, connection, map, table);
	const TocEntry *partition;
	uint32_t place = 0;

	while (good && (partition = next_partition(plan, table, &place)) != NULL)
		good = watch(plan, connection, map, partition);
	return good;
}

bool
protections_after_rows(const RestorePlan *plan, Connection *connection, const RenameMap *map,
					   uint32_t table)
{
	Protections *protections = plan->progress->protections;

	if (protections == NULL || protections->tables.targets[table] == NULL)
		return true;
	part_tables_loaded(&protections->tables, table);
	return protect_ready(plan, connection, map) &&
		   watch_tree(plan, connection, map, protections->tables.targets[table]);
}

bool
protections_check(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	Protections *protections = plan->progress->protections;
	bool good = true;
	uint32_t i;

	for (i = 0; protections != NULL && good && i < protections->nwatched; i++)
	{
		const Watched *watched = &protections->watched[i];
		char *now = read_written(connection, map, watched->table);
		char *name = part_tables_name(map, watched->table);

		good = now != NULL;
		if (good && strcmp(now, watched->written) != 0)
			good =
				report_error(EXIT_FAILED,
							 "Code of another role, which ran in the transaction of this "
							 "restore, wrote to it before everything that protects it was there.",
							 NEW_DATABASE_HINT, "rows of table %s were changed", name);
		free(now);
		free(name);
	}
	return good;
}
