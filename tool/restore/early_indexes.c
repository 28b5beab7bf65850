/*-------------------------------------------------------------------------
 *
 * early_indexes.c
 *	  Building the indexes and constraints of big tables while other tables are
 *	  still loaded.
 *
 * If all of them wait for the last row, the biggest table comes to them last:
 * its primary key and its foreign keys lock it one after the other while the
 * other connections have nothing to do.  So what depends on nothing but big
 * tables is built as soon as those are complete, and the post-data section is
 * left what remains.  A foreign key of a big table needs the table that it
 * refers to, big or not, and that table's key.
 *
 * pg_restore builds them, chosen by a list (-L), because only it knows the
 * archive.  What cannot be read from its listing, or cannot be built, is simply
 * not early.
 *
 *-------------------------------------------------------------------------
 */
#include "early_indexes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive_listing.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "schema_sections.h"
#include "settings.h"
#include "work_settings.h"

/* Below this, starting pg_restore costs more than is gained. */
#define BIG_TABLE_BYTES (16 * 1024 * 1024)
#define WAIT_NANOSECONDS (100 * 1000 * 1000)

typedef enum IndexState
{
	INDEX_UNWANTED, /* too small, and no early foreign key needs it */
	INDEX_WAITING,
	INDEX_CLAIMED,
	INDEX_BUILT,
	INDEX_LEFT /* to the post-data section */
} IndexState;

/* In the order in which those of one table are built, as each kind locks out the next. */
typedef enum IndexKind
{
	INDEX_PLAIN,
	INDEX_CONSTRAINT,
	INDEX_FOREIGN_KEY
} IndexKind;

typedef struct EarlyIndex
{
	int entry;     /* of the archive's table of contents */
	int32_t table; /* position in the manifest */
	int32_t other; /* the table that a foreign key refers to, or -1 */
	int needs;     /* the entry of the key that a foreign key refers to, or 0 */
	IndexKind kind;
	IndexState state;
} EarlyIndex;

struct EarlyIndexes
{
	const RestorePlan *plan;
	ArchiveListing listing;
	EarlyIndex *indexes; /* biggest table first */
	uint32_t nindexes;
	int *positions;   /* in indexes plus 1, by place of the entry; 0: none */
	bool *loaded;     /* per table of the manifest */
	bool loading;     /* rows are still to be loaded */
	bool cores_taken; /* our connections have work for every core of the server */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

/* Things that are there before any data is, and that an index may depend on. */
static const char *const before_data[] = {"TABLE",
										  "TABLE ATTACH",
										  "SCHEMA",
										  "TYPE",
										  "SHELL TYPE",
										  "DOMAIN",
										  "FUNCTION",
										  "AGGREGATE",
										  "COLLATION",
										  "EXTENSION",
										  "OPERATOR",
										  "OPERATOR CLASS",
										  "OPERATOR FAMILY",
										  "ACCESS METHOD",
										  "TEXT SEARCH CONFIGURATION",
										  "TEXT SEARCH DICTIONARY"};

/* For sorting positions of tables by oid. */
static int
compare_oids(const void *a, const void *b, void *argument)
{
	const Manifest *manifest = argument;
	uint32_t x = manifest->tables[*(const int32_t *) a].oid;
	uint32_t y = manifest->tables[*(const int32_t *) b].oid;

	return x < y ? -1 : x > y;
}

static bool
is_big(const Manifest *manifest, int32_t table)
{
	return manifest->tables[table].raw_bytes >= BIG_TABLE_BYTES;
}

/* Positions of the tables whose end of loading we are told, by oid. */
static int32_t *
tables_by_oid(const Manifest *manifest, size_t *count)
{
	int32_t *tables = xcalloc((size_t) manifest->ntables + 1, sizeof(int32_t));
	uint32_t i;

	*count = 0;
	for (i = 0; i < manifest->ntables; i++)
	{
		/* Rows of serial tables may come to lie in other tables. */
		if (!manifest->tables[i].serial)
			tables[(*count)++] = (int32_t) i;
	}
	qsort_r(tables, *count, sizeof(int32_t), compare_oids, (void *) manifest);
	return tables;
}

/* The position of the table with this oid among these, or -1. */
static int32_t
find_table(const Manifest *manifest, const int32_t *tables, size_t count, unsigned oid)
{
	size_t low = 0;
	size_t high = count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		uint32_t found = manifest->tables[tables[middle]].oid;

		if (found == oid)
			return tables[middle];
		if (found < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static EarlyIndex *
find_index(const EarlyIndexes *early, int entry)
{
	const ArchiveEntry *found = archive_listing_find(&early->listing, entry);
	int position = found != NULL ? early->positions[found->place] : 0;

	return position > 0 ? &early->indexes[position - 1] : NULL;
}

static bool
is_before_data(const ArchiveEntry *entry)
{
	size_t i;

	for (i = 0; i < sizeof(before_data) / sizeof(before_data[0]); i++)
	{
		if (archive_entry_is(entry, before_data[i]))
			return true;
	}
	return false;
}

/* Note a table that something depends on; false if it is one too many. */
static bool
add_table(EarlyIndex *index, int32_t table)
{
	if (table < 0)
		return false;
	if (index->table < 0)
		index->table = table;
	else if (index->table != table && index->other < 0)
		index->other = table;
	return table == index->table || table == index->other;
}

/*
 * Find the tables that an index depends on, and the key that a foreign key
 * refers to; false if it depends on anything that comes later.
 */
static bool
find_dependencies(const EarlyIndexes *early, const ArchiveEntry *entry, const int32_t *tables,
				  size_t count, EarlyIndex *index)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const ArchiveEntry *other = archive_listing_find(&early->listing, entry->depends_on[d]);
		const EarlyIndex *key;

		/* A dependency that is not in the archive is not restored, either. */
		if (other == NULL)
			continue;
		if (archive_entry_is(other, "TABLE"))
		{
			if (!add_table(index, find_table(early->plan->manifest, tables, count, other->oid)))
				return false;
		}
		else if (!is_before_data(other))
		{
			key = index->kind == INDEX_FOREIGN_KEY ? find_index(early, other->id) : NULL;
			if (key == NULL || index->needs != 0)
				return false;
			index->needs = key->entry;
		}
	}
	return index->table >= 0;
}

/* Which of its two tables does a foreign key refer to?  The one that has the key. */
static bool
orient_foreign_key(const EarlyIndexes *early, EarlyIndex *index)
{
	const EarlyIndex *key = index->needs != 0 ? find_index(early, index->needs) : NULL;

	if (key == NULL || (key->table != index->table && key->table != index->other))
		return false;
	if (index->other >= 0 && key->table == index->table)
	{
		index->table = index->other;
		index->other = key->table;
	}
	return true;
}

/* Add the entries of a kind that can be built early, be it of big tables only or as a key. */
static void
add_entries(EarlyIndexes *early, const char *name, IndexKind kind, const int32_t *tables,
			size_t count)
{
	uint32_t i;

	for (i = 0; i < early->listing.count; i++)
	{
		const ArchiveEntry *entry = &early->listing.entries[i];
		EarlyIndex index = {entry->id, -1, -1, 0, kind, INDEX_UNWANTED};

		if (!archive_entry_is(entry, name) ||
			!find_dependencies(early, entry, tables, count, &index))
			continue;
		if (kind == INDEX_FOREIGN_KEY ? !orient_foreign_key(early, &index) : index.other >= 0)
			continue;
		if (is_big(early->plan->manifest, index.table))
		{
			index.state = INDEX_WAITING;
			if (index.needs != 0)
				find_index(early, index.needs)->state = INDEX_WAITING;
		}
		early->indexes[early->nindexes++] = index;
		early->positions[entry->place] = (int) early->nindexes;
	}
}

/* Biggest table first; within a table, in the order of kinds. */
static int
compare_indexes(const void *a, const void *b, void *argument)
{
	const Manifest *manifest = argument;
	const EarlyIndex *x = a;
	const EarlyIndex *y = b;
	uint64_t x_bytes = manifest->tables[x->table].raw_bytes;
	uint64_t y_bytes = manifest->tables[y->table].raw_bytes;

	if (x_bytes != y_bytes)
		return x_bytes > y_bytes ? -1 : 1;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->entry < y->entry ? -1 : 1;
}

static void
choose_indexes(EarlyIndexes *early, const int32_t *tables, size_t count)
{
	uint32_t kept = 0;
	uint32_t i;

	early->indexes = xcalloc((size_t) early->listing.count + 1, sizeof(*early->indexes));
	early->positions = xcalloc((size_t) early->listing.count + 1, sizeof(int));
	add_entries(early, "INDEX", INDEX_PLAIN, tables, count);
	add_entries(early, "CONSTRAINT", INDEX_CONSTRAINT, tables, count);
	add_entries(early, "FK CONSTRAINT", INDEX_FOREIGN_KEY, tables, count);
	for (i = 0; i < early->nindexes; i++)
	{
		if (early->indexes[i].state == INDEX_WAITING)
			early->indexes[kept++] = early->indexes[i];
	}
	early->nindexes = kept;
	qsort_r(early->indexes, early->nindexes, sizeof(*early->indexes), compare_indexes,
			early->plan->manifest);
	memset(early->positions, 0, ((size_t) early->listing.count + 1) * sizeof(int));
	for (i = 0; i < kept; i++)
		early->positions[archive_listing_find(&early->listing, early->indexes[i].entry)->place] =
			(int) i + 1;
}

static bool
any_big(const Manifest *manifest, const int32_t *tables, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (is_big(manifest, tables[i]))
			return true;
	}
	return false;
}

EarlyIndexes *
early_indexes_plan(const RestorePlan *plan)
{
	EarlyIndexes *early = xcalloc(1, sizeof(*early));
	size_t count = 0;
	int32_t *tables = tables_by_oid(plan->manifest, &count);

	early->plan = plan;
	early->loaded = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(bool));
	early->cores_taken = connection_is_local(plan->maintenance) &&
						 sysconf(_SC_NPROCESSORS_ONLN) <= plan->settings->work->jobs;
	pthread_mutex_init(&early->mutex, NULL);
	pthread_cond_init(&early->changed, NULL);
	/* pg_restore's --single-transaction does not go on behind an error. */
	if (plan->settings->work->jobs > 1 && !plan->sets_unknown &&
		any_big(plan->manifest, tables, count) &&
		archive_listing_read(plan, "--verbose", NULL, &early->listing))
		choose_indexes(early, tables, count);
	free(tables);
	return early;
}

uint64_t
early_indexes_urgency(const EarlyIndexes *early, int32_t table)
{
	const Manifest *manifest = early->plan->manifest;
	uint64_t urgency = manifest->tables[table].raw_bytes;
	uint32_t i;

	for (i = 0; i < early->nindexes; i++)
	{
		const EarlyIndex *index = &early->indexes[i];

		if (index->other == table && manifest->tables[index->table].raw_bytes > urgency)
			urgency = manifest->tables[index->table].raw_bytes;
	}
	return urgency;
}

void
early_indexes_table_loaded(EarlyIndexes *early, int32_t table)
{
	pthread_mutex_lock(&early->mutex);
	early->loaded[table] = true;
	pthread_cond_broadcast(&early->changed);
	pthread_mutex_unlock(&early->mutex);
}

static bool
touches(const EarlyIndex *index, int32_t table)
{
	return table >= 0 && (index->table == table || index->other == table);
}

/*
 * Must one wait for another?  Only plain indexes can be built on a table at
 * the same time, so those go first and together; whatever else was begun
 * would leave us waiting for its lock.
 */
static bool
must_follow(const EarlyIndex *index, const EarlyIndex *other)
{
	if (other == index || (!touches(index, other->table) && !touches(index, other->other)))
		return false;
	if (other->state == INDEX_CLAIMED)
		return index->kind != INDEX_PLAIN || other->kind != INDEX_PLAIN;
	return other->state == INDEX_WAITING && other->kind < index->kind;
}

/* May this one be built now? */
static bool
is_ready(const EarlyIndexes *early, uint32_t i)
{
	const EarlyIndex *index = &early->indexes[i];
	uint32_t other;

	if (index->state != INDEX_WAITING || !early->loaded[index->table] ||
		(index->other >= 0 && !early->loaded[index->other]))
		return false;
	for (other = 0; other < early->nindexes; other++)
	{
		if (must_follow(index, &early->indexes[other]))
			return false;
	}
	return index->needs == 0 || find_index(early, index->needs)->state == INDEX_BUILT;
}

/* Without the key there is no foreign key. */
static void
give_up_foreign_keys(EarlyIndexes *early, int key)
{
	uint32_t i;

	for (i = 0; i < early->nindexes; i++)
	{
		if (early->indexes[i].needs == key)
			early->indexes[i].state = INDEX_LEFT;
	}
}

/* All of it is left to the post-data section. */
void
early_indexes_table_refused(EarlyIndexes *early, int32_t table)
{
	uint32_t i;

	pthread_mutex_lock(&early->mutex);
	for (i = 0; i < early->nindexes; i++)
	{
		EarlyIndex *index = &early->indexes[i];

		if (touches(index, table) && index->state == INDEX_WAITING)
		{
			index->state = INDEX_LEFT;
			give_up_foreign_keys(early, index->entry);
		}
	}
	pthread_cond_broadcast(&early->changed);
	pthread_mutex_unlock(&early->mutex);
}

/* Look for one; *left tells whether any may become ready later. */
static bool
claim_ready(EarlyIndexes *early, uint32_t *index, bool *left)
{
	uint32_t i;

	*left = false;
	for (i = 0; i < early->nindexes; i++)
	{
		if (is_ready(early, i))
		{
			early->indexes[i].state = INDEX_CLAIMED;
			*index = i;
			return true;
		}
		*left = *left || early->indexes[i].state == INDEX_WAITING;
	}
	return false;
}

bool
early_indexes_claim(EarlyIndexes *early, bool wait, uint32_t *index)
{
	bool found;
	bool left;

	pthread_mutex_lock(&early->mutex);
	early->loading = !wait;
	while (!(found = claim_ready(early, index, &left)) && wait && left && !stop_requested())
	{
		struct timespec until;

		/* A stop request does not wake us. */
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WAIT_NANOSECONDS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&early->changed, &early->mutex, &until);
	}
	pthread_mutex_unlock(&early->mutex);
	return found && !stop_requested();
}

/* Would parallel workers of this build take a core from other work of ours? */
static bool
cores_are_taken(EarlyIndexes *early, uint32_t index)
{
	bool taken;
	uint32_t i;

	pthread_mutex_lock(&early->mutex);
	taken = early->loading;
	for (i = 0; !taken && i < early->nindexes; i++)
		taken = i != index && (early->indexes[i].state == INDEX_CLAIMED || is_ready(early, i));
	pthread_mutex_unlock(&early->mutex);
	return taken && early->cores_taken;
}

void
early_indexes_build(EarlyIndexes *early, uint32_t index)
{
	int entry = early->indexes[index].entry;
	int error;
	char *list = archive_list_write(early->plan, &entry, 1, entry, &error);
	bool built =
		list != NULL && schema_sections_try_list(early->plan, list, cores_are_taken(early, index));

	if (!stop_requested())
		log_debug("entry %d of the schema archive was %s", entry,
				  built ? "built early" : "left to the post-data section");
	pthread_mutex_lock(&early->mutex);
	early->indexes[index].state = built ? INDEX_BUILT : INDEX_LEFT;
	if (!built)
		give_up_foreign_keys(early, entry);
	pthread_cond_broadcast(&early->changed);
	pthread_mutex_unlock(&early->mutex);
	free(list);
}

void
early_indexes_finish(EarlyIndexes *early)
{
	const RestorePlan *plan = early->plan;
	uint32_t i;

	plan->progress->early = xcalloc((size_t) early->nindexes + 1, sizeof(int));
	for (i = 0; i < early->nindexes; i++)
	{
		if (early->indexes[i].state == INDEX_BUILT)
			plan->progress->early[plan->progress->nearly++] = early->indexes[i].entry;
	}
	pthread_cond_destroy(&early->changed);
	pthread_mutex_destroy(&early->mutex);
	archive_listing_free(&early->listing);
	free(early->indexes);
	free(early->positions);
	free(early->loaded);
	free(early);
}
