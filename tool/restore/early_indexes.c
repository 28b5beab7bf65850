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
 * archive.  Its verbose listing gives ids, oids and dependencies; names in it
 * may be mangled and are not used.  What cannot be read from the listing, or
 * cannot be built, is simply not early.
 *
 *-------------------------------------------------------------------------
 */
#include "early_indexes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "schema_sections.h"
#include "subprocess.h"

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

/* A line of the listing, with the dependencies from the line below it. */
typedef struct Entry
{
	int id;
	unsigned catalog;
	unsigned oid;
	char *rest; /* "INDEX audit log_invoice_idx postgres" */
	int *depends_on;
	int ndepends_on;
} Entry;

typedef struct Listing
{
	Entry *entries;
	uint32_t count;
	int max_id;
} Listing;

struct EarlyIndexes
{
	RestorePlan *plan;
	Listing all;
	Listing post_data;
	Entry **by_id;       /* of all; NULL where there is none */
	EarlyIndex *indexes; /* biggest table first */
	uint32_t nindexes;
	bool *loaded; /* per table of the manifest */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

/* Things that are there before any data is, and that an index may depend on. */
static const char *const before_data[] = {
	"TABLE ",     "SCHEMA ",    "TYPE ",      "DOMAIN ",        "FUNCTION ",   "OPERATOR ",
	"COLLATION ", "EXTENSION ", "AGGREGATE ", "ACCESS METHOD ", "TEXT SEARCH "};

static bool
starts_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static void
add_entry(Listing *listing, const char *line)
{
	Entry entry;
	int length = 0;

	memset(&entry, 0, sizeof(entry));
	if (sscanf(line, "%d; %u %u %n", &entry.id, &entry.catalog, &entry.oid, &length) != 3 ||
		length == 0 || entry.id <= 0)
		return;
	entry.rest = xstrdup(line + length);
	listing->entries =
		xrealloc(listing->entries, ((size_t) listing->count + 1) * sizeof(*listing->entries));
	listing->entries[listing->count++] = entry;
	if (entry.id > listing->max_id)
		listing->max_id = entry.id;
}

static void
add_dependencies(Entry *entry, const char *numbers)
{
	char *end;
	long id;

	while ((id = strtol(numbers, &end, 10)) > 0 && end != numbers)
	{
		entry->depends_on =
			xrealloc(entry->depends_on, ((size_t) entry->ndepends_on + 1) * sizeof(int));
		entry->depends_on[entry->ndepends_on++] = (int) id;
		numbers = end;
	}
}

/* Run pg_restore --list with an option and read what it says. */
static bool
read_listing(const RestorePlan *plan, const char *option, Listing *listing)
{
	static const char dependencies[] = ";\tdepends on:";
	char *path = xasprintf("%s/listing", plan->directory);
	const char *argv[] = {plan->pg_restore, "--list", option, plan->archive, NULL};
	SubprocessResult result;
	FILE *file = NULL;
	char *line = NULL;
	size_t size = 0;

	if (subprocess_run(argv, path, &result))
	{
		if (result.exit_code == 0)
			file = fopen(path, "re");
		subprocess_result_free(&result);
	}
	while (file != NULL && getline(&line, &size, file) > 0)
	{
		if (starts_with(line, dependencies) && listing->count > 0)
			add_dependencies(&listing->entries[listing->count - 1], line + strlen(dependencies));
		else
			add_entry(listing, line);
	}
	if (file != NULL)
		fclose(file);
	free(line);
	free(path);
	return file != NULL;
}

/*
 * The verbose listing has all entries and their dependencies.  The other one
 * has what belongs to the post-data section: comments and grants belong to
 * the section of the entry before them, which a list without that entry could
 * not tell.
 */
static bool
read_listings(EarlyIndexes *early)
{
	uint32_t i;

	if (!read_listing(early->plan, "--verbose", &early->all) ||
		!read_listing(early->plan, "--section=post-data", &early->post_data))
		return false;
	early->by_id = xcalloc((size_t) early->all.max_id + 1, sizeof(Entry *));
	for (i = 0; i < early->all.count; i++)
		early->by_id[early->all.entries[i].id] = &early->all.entries[i];
	return true;
}

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
table_of(const EarlyIndexes *early, const Entry *entry, const int32_t *tables, size_t count)
{
	int32_t table = -1;
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		int id = entry->depends_on[d];
		const Entry *other = id <= early->all.max_id ? early->by_id[id] : NULL;
		size_t i;
		size_t nkinds = sizeof(before_data) / sizeof(before_data[0]);

		/* A dependency that is not in the archive is not restored, either. */
		if (other == NULL)
			continue;
		for (i = 0; i < nkinds && !starts_with(other->rest, before_data[i]); i++)
			;
		if (i == nkinds || starts_with(other->rest, "TABLE DATA "))
			return -1;
		if (starts_with(other->rest, "TABLE ") && !starts_with(other->rest, "TABLE ATTACH "))
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

	early->indexes = xcalloc((size_t) early->all.count + 1, sizeof(*early->indexes));
	for (i = 0; i < early->all.count; i++)
	{
		const Entry *entry = &early->all.entries[i];
		bool constraint = starts_with(entry->rest, "CONSTRAINT ");
		EarlyIndex index = {entry->id, -1, constraint, INDEX_WAITING};

		if (!constraint &&
			(!starts_with(entry->rest, "INDEX ") || starts_with(entry->rest, "INDEX ATTACH ")))
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
	if (plan->settings->jobs > 1 && count > 0 && read_listings(early))
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

static bool
was_built(const EarlyIndexes *early, int entry)
{
	uint32_t i;

	for (i = 0; i < early->nindexes; i++)
	{
		if (early->indexes[i].entry == entry)
			return early->indexes[i].state == INDEX_BUILT;
	}
	return false;
}

/* Write a list for pg_restore: one entry, or (0) what is left of post-data; its path, or NULL. */
static char *
write_list(const EarlyIndexes *early, int entry)
{
	char *path = xasprintf("%s/list.%d", early->plan->directory, entry);
	FILE *file = fopen(path, "wxe");
	bool good = file != NULL;
	uint32_t i;

	if (good && entry != 0)
		good = fprintf(file, "%d;\n", entry) > 0;
	for (i = 0; good && entry == 0 && i < early->post_data.count; i++)
	{
		int id = early->post_data.entries[i].id;

		good = was_built(early, id) || fprintf(file, "%d;\n", id) > 0;
	}
	if (file != NULL && fclose(file) != 0)
		good = false;
	if (good)
		return path;
	free(path);
	return NULL;
}

void
early_indexes_build(EarlyIndexes *early, uint32_t index)
{
	int entry = early->indexes[index].entry;
	char *list = write_list(early, entry);
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

static void
free_listing(Listing *listing)
{
	uint32_t i;

	for (i = 0; i < listing->count; i++)
	{
		free(listing->entries[i].rest);
		free(listing->entries[i].depends_on);
	}
	free(listing->entries);
}

bool
early_indexes_finish(EarlyIndexes *early)
{
	RestorePlan *plan = early->plan;
	bool good = true;
	uint32_t i;

	for (i = 0; i < early->nindexes && early->indexes[i].state != INDEX_BUILT; i++)
		;
	if (i < early->nindexes)
	{
		plan->post_data_list = write_list(early, 0);
		if (plan->post_data_list == NULL)
			good = report_error(EXIT_FAILED, NULL, "Set TMPDIR to a directory with more space.",
								"could not write a list of entries in \"%s\"", plan->directory);
	}
	pthread_cond_destroy(&early->changed);
	pthread_mutex_destroy(&early->mutex);
	free_listing(&early->all);
	free_listing(&early->post_data);
	free(early->by_id);
	free(early->indexes);
	free(early->loaded);
	free(early);
	return good;
}
