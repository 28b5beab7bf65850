/*-------------------------------------------------------------------------
 *
 * early_indexes.c
 *	  Building the indexes of big tables while other tables are still loaded.
 *
 * If all indexes wait for the last row, the biggest table comes to them last:
 * its primary key and its foreign keys lock it one after the other while the
 * other connections have nothing to do.  So indexes that depend on nothing
 * but a big table are built as soon as that table is complete, and the
 * post-data section is left what remains.
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

#include "archive_listing.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "schema_sections.h"

/* Below this, starting pg_restore costs more than is gained. */
#define BIG_TABLE_BYTES (16 * 1024 * 1024)
#define WAIT_NANOSECONDS (100 * 1000 * 1000)

typedef enum IndexState
{
	INDEX_WAITING,
	INDEX_CLAIMED,
	INDEX_BUILT,
	INDEX_LEFT /* to the post-data section */
} IndexState;

typedef struct EarlyIndex
{
	int entry;      /* of the archive's table of contents */
	int32_t table;  /* position in the manifest */
	bool exclusive; /* a constraint, which waits for the table's plain indexes */
	IndexState state;
} EarlyIndex;

struct EarlyIndexes
{
	RestorePlan *plan;
	ArchiveListing listing;
	EarlyIndex *indexes; /* biggest table first */
	uint32_t nindexes;
	bool *loaded; /* per table of the manifest */
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

/* Positions of the tables that are worth it, by oid. */
static int32_t *
big_tables(const Manifest *manifest, size_t *count)
{
	int32_t *tables = xcalloc((size_t) manifest->ntables + 1, sizeof(int32_t));
	uint32_t i;

	*count = 0;
	for (i = 0; i < manifest->ntables; i++)
	{
		/* Rows of serial tables may come to lie in other tables. */
		if (manifest->tables[i].raw_bytes >= BIG_TABLE_BYTES && !manifest->tables[i].serial)
			tables[(*count)++] = (int32_t) i;
	}
	qsort_r(tables, *count, sizeof(int32_t), compare_oids, (void *) manifest);
	return tables;
}

/* The position of the table with this oid among the big ones, or -1. */
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

/* The only big table that an index depends on; -1 if it depends on anything that comes later. */
static int32_t
table_of(const EarlyIndexes *early, const ArchiveEntry *entry, const int32_t *tables, size_t count)
{
	int32_t table = -1;
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		const ArchiveEntry *other = archive_listing_find(&early->listing, entry->depends_on[d]);
		size_t nkinds = sizeof(before_data) / sizeof(before_data[0]);
		size_t i;

		/* A dependency that is not in the archive is not restored, either. */
		if (other == NULL)
			continue;
		for (i = 0; i < nkinds && !archive_entry_is(other, before_data[i]); i++)
			;
		if (i == nkinds)
			return -1;
		if (archive_entry_is(other, "TABLE"))
		{
			int32_t found = find_table(early->plan->manifest, tables, count, other->oid);

			if (found < 0 || (table >= 0 && found != table))
				return -1;
			table = found;
		}
	}
	return table;
}

/* Biggest table first; within a table, plain indexes before constraints. */
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
	if (x->exclusive != y->exclusive)
		return x->exclusive ? 1 : -1;
	return x->entry < y->entry ? -1 : 1;
}

static void
choose_indexes(EarlyIndexes *early, const int32_t *tables, size_t count)
{
	uint32_t i;

	early->indexes = xcalloc((size_t) early->listing.count + 1, sizeof(*early->indexes));
	for (i = 0; i < early->listing.count; i++)
	{
		const ArchiveEntry *entry = &early->listing.entries[i];
		bool constraint = archive_entry_is(entry, "CONSTRAINT");
		EarlyIndex index = {entry->id, -1, constraint, INDEX_WAITING};

		if (!constraint && !archive_entry_is(entry, "INDEX"))
			continue;
		index.table = table_of(early, entry, tables, count);
		if (index.table >= 0)
			early->indexes[early->nindexes++] = index;
	}
	qsort_r(early->indexes, early->nindexes, sizeof(*early->indexes), compare_indexes,
			early->plan->manifest);
}

EarlyIndexes *
early_indexes_plan(RestorePlan *plan)
{
	EarlyIndexes *early = xcalloc(1, sizeof(*early));
	size_t count = 0;
	int32_t *tables = big_tables(plan->manifest, &count);

	early->plan = plan;
	early->loaded = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(bool));
	pthread_mutex_init(&early->mutex, NULL);
	pthread_cond_init(&early->changed, NULL);
	if (plan->settings->jobs > 1 && count > 0 &&
		archive_listing_read(plan, "--verbose", &early->listing))
		choose_indexes(early, tables, count);
	free(tables);
	return early;
}

void
early_indexes_table_loaded(EarlyIndexes *early, int32_t table)
{
	pthread_mutex_lock(&early->mutex);
	early->loaded[table] = true;
	pthread_cond_broadcast(&early->changed);
	pthread_mutex_unlock(&early->mutex);
}

/* May this one be built now?  Constraints lock the table against the building of its indexes. */
static bool
is_ready(const EarlyIndexes *early, uint32_t i)
{
	const EarlyIndex *index = &early->indexes[i];
	uint32_t other;

	if (index->state != INDEX_WAITING || !early->loaded[index->table])
		return false;
	for (other = 0; index->exclusive && other < early->nindexes; other++)
	{
		const EarlyIndex *before = &early->indexes[other];

		if (before->table == index->table &&
			(before->state == INDEX_CLAIMED ||
			 (before->state == INDEX_WAITING && !before->exclusive)))
			return false;
	}
	return true;
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

void
early_indexes_build(EarlyIndexes *early, uint32_t index)
{
	int entry = early->indexes[index].entry;
	char *list = archive_list_write(early->plan, &entry, 1, entry);
	bool built = list != NULL && schema_sections_try_list(early->plan, list);

	if (!stop_requested())
		log_debug("entry %d of the schema archive was %s", entry,
				  built ? "built early" : "left to the post-data section");
	pthread_mutex_lock(&early->mutex);
	early->indexes[index].state = built ? INDEX_BUILT : INDEX_LEFT;
	pthread_cond_broadcast(&early->changed);
	pthread_mutex_unlock(&early->mutex);
	free(list);
}

void
early_indexes_finish(EarlyIndexes *early)
{
	RestorePlan *plan = early->plan;
	uint32_t i;

	plan->early = xcalloc((size_t) early->nindexes + 1, sizeof(int));
	for (i = 0; i < early->nindexes; i++)
	{
		if (early->indexes[i].state == INDEX_BUILT)
			plan->early[plan->nearly++] = early->indexes[i].entry;
	}
	pthread_cond_destroy(&early->changed);
	pthread_mutex_destroy(&early->mutex);
	archive_listing_free(&early->listing);
	free(early->indexes);
	free(early->loaded);
	free(early);
}
