/*-------------------------------------------------------------------------
 *
 * chunk_plan.c
 *	  Cutting the database into chunks.
 *
 * Big tables are cut at block numbers that are multiples of a power of two,
 * so that tomorrow's backup cuts at the same places and finds unchanged
 * chunks stored already.  Small tables share a chunk, always in the order of
 * their names, for the same reason, and so that ten thousand of them do not
 * cost ten thousand round trips.
 *
 * A chunk is sized by heap and TOAST together: a table of few heap blocks
 * may have a thousand times as much TOAST.
 *
 *-------------------------------------------------------------------------
 */
#include "chunk_plan.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define BLOCK_BYTES 8192 /* for planning only; other block sizes shift the chunk size */
#define SMALL_TABLE_BYTES (1024 * 1024)
#define GROUP_BYTES (4 * 1024 * 1024)
#define GROUP_TABLES 200
#define LARGE_OBJECTS_PER_CHUNK 500
#define LARGE_OBJECT_WEIGHT 65536 /* a guess: sizes are only known by reading */

static Chunk *
add_chunk(ChunkPlan *plan, ChunkKind kind, uint64_t weight)
{
	Chunk *chunk;

	if ((plan->count & (plan->count - 1)) == 0)
		plan->chunks = xrealloc(plan->chunks,
								(size_t) (plan->count == 0 ? 1 : plan->count * 2) * sizeof(Chunk));
	chunk = &plan->chunks[plan->count];
	memset(chunk, 0, sizeof(*chunk));
	chunk->kind = kind;
	chunk->ordinal = (uint32_t) plan->count;
	chunk->weight = weight;
	plan->weight += weight;
	plan->count++;
	return chunk;
}

static void
add_table(Chunk *chunk, int table)
{
	chunk->tables = xrealloc(chunk->tables, (size_t) (chunk->ntables + 1) * sizeof(int));
	chunk->tables[chunk->ntables++] = table;
}

static uint64_t
table_weight(const SourceTable *table)
{
	/* Even an empty table costs a round of the executor. */
	return table->heap_bytes + table->toast_bytes + BLOCK_BYTES;
}

/* Blocks per chunk of this table: a power of two, at least one. */
static uint32_t
blocks_per_chunk(const SourceTable *table, int chunk_blocks)
{
	uint64_t heap_blocks = table->heap_bytes / BLOCK_BYTES + 1;
	uint64_t bytes = table->heap_bytes + table->toast_bytes;
	uint64_t wanted = (uint64_t) chunk_blocks * BLOCK_BYTES / (bytes / heap_blocks + 1);
	uint32_t blocks = 1;

	while ((uint64_t) blocks * 2 <= wanted && blocks * 2 <= (uint32_t) chunk_blocks)
		blocks *= 2;
	return blocks;
}

static void
cut_table(ChunkPlan *plan, const SourceTable *table, int position, int chunk_blocks)
{
	uint64_t heap_blocks = table->heap_bytes / BLOCK_BYTES;
	uint64_t weight = table_weight(table);
	uint32_t step = blocks_per_chunk(table, chunk_blocks);
	uint64_t from;

	for (from = 0; from == 0 || from < heap_blocks; from += step)
	{
		uint64_t blocks = heap_blocks - from < step ? heap_blocks - from : step;
		Chunk *chunk = add_chunk(plan, CHUNK_BLOCKS,
								 heap_blocks == 0 ? weight : weight * blocks / heap_blocks);

		add_table(chunk, position);
		chunk->block_from = (uint32_t) from;
		/* The last chunk is open-ended: rows may be added after the size was read. */
		chunk->block_to = from + step < heap_blocks ? (uint32_t) (from + step) : 0;
	}
}

/* Small enough to share, or not to be cut at all. */
static bool
goes_whole(const SourceTable *table, int chunk_blocks)
{
	uint64_t bytes = table->heap_bytes + table->toast_bytes;

	if (!table->is_heap || table->configuration)
		return true;
	return bytes < SMALL_TABLE_BYTES && bytes <= (uint64_t) chunk_blocks * BLOCK_BYTES;
}

/* A query over blocks has to be planned. */
static bool
may_be_cut(ChunkPlan *plan, const SourceTable *table, int chunk_blocks)
{
	if (goes_whole(table, chunk_blocks))
		return false;
	plan->whole_tables += table->planning == PLANNING_NEVER;
	return table->planning != PLANNING_NEVER;
}

/* A query over the whole of it is planned while it is guarded (cut_guard.c). */
static bool
needs_own_chunk(const SourceTable *table)
{
	return source_table_is_query(table) && table->planning == PLANNING_GUARDED;
}

static void
plan_tables(ChunkPlan *plan, const SourceTables *tables, int chunk_blocks)
{
	int group = -1;
	bool group_of_configuration = false;
	bool group_is_guarded = false;
	int i;

	for (i = 0; i < tables->count; i++)
	{
		const SourceTable *table = &tables->tables[i];
		uint64_t weight = table_weight(table);

		if (table->partitioned)
			continue;
		if (may_be_cut(plan, table, chunk_blocks))
		{
			cut_table(plan, table, i, chunk_blocks);
			continue;
		}
		/* Configuration tables stay together, in their order, but for those that need a guard. */
		if (group < 0 || needs_own_chunk(table) || group_is_guarded ||
			group_of_configuration != table->configuration ||
			(!table->configuration && (plan->chunks[group].weight + weight > GROUP_BYTES ||
									   plan->chunks[group].ntables >= GROUP_TABLES)))
		{
			add_chunk(plan, CHUNK_TABLES, 0);
			group = plan->count - 1;
			group_of_configuration = table->configuration;
			group_is_guarded = needs_own_chunk(table);
		}
		add_table(&plan->chunks[group], i);
		plan->chunks[group].weight += weight;
		plan->weight += weight;
	}
}

static void
plan_large_objects(ChunkPlan *plan, const uint32_t *oids, int count)
{
	int from;

	for (from = 0; from < count; from += LARGE_OBJECTS_PER_CHUNK)
	{
		int n = count - from < LARGE_OBJECTS_PER_CHUNK ? count - from : LARGE_OBJECTS_PER_CHUNK;
		Chunk *chunk = add_chunk(plan, CHUNK_LARGE_OBJECTS, (uint64_t) n * LARGE_OBJECT_WEIGHT);

		chunk->large_objects = xmalloc((size_t) n * sizeof(uint32_t));
		memcpy(chunk->large_objects, oids + from, (size_t) n * sizeof(uint32_t));
		chunk->nlarge_objects = n;
	}
}

/* Heaviest first, so that no big chunk is begun last; then in order, which is kinder to the disk.
 */
static int
compare_chunks(const void *a, const void *b)
{
	const Chunk *x = a;
	const Chunk *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->ordinal < y->ordinal ? -1 : 1;
}

void
chunk_plan_create(ChunkPlan *plan, const SourceTables *tables, const uint32_t *large_objects,
				  int nlarge_objects, int chunk_blocks)
{
	memset(plan, 0, sizeof(*plan));
	plan_tables(plan, tables, chunk_blocks);
	plan_large_objects(plan, large_objects, nlarge_objects);
	if (plan->count > 0)
		qsort(plan->chunks, (size_t) plan->count, sizeof(Chunk), compare_chunks);
}

void
chunk_plan_free(ChunkPlan *plan)
{
	int i;

	for (i = 0; i < plan->count; i++)
	{
		free(plan->chunks[i].tables);
		free(plan->chunks[i].large_objects);
	}
	free(plan->chunks);
	plan->chunks = NULL;
	plan->count = 0;
}

const Chunk *
chunk_plan_claim(ChunkPlan *plan)
{
	int position = atomic_fetch_add(&plan->next, 1);

	return position < plan->count ? &plan->chunks[position] : NULL;
}

void
chunk_plan_postpone(ChunkPlan *plan, int table)
{
	int first = atomic_load(&plan->next) - 1;
	size_t rest = (size_t) (plan->count - first);
	Chunk *chunks = plan->chunks + first;
	Chunk *moved = xmalloc(rest * sizeof(Chunk));
	size_t nmoved = 0;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < rest; i++)
	{
		if (chunks[i].kind != CHUNK_LARGE_OBJECTS && chunks[i].tables[0] == table)
			moved[nmoved++] = chunks[i];
		else
			chunks[kept++] = chunks[i];
	}
	memcpy(chunks + kept, moved, nmoved * sizeof(Chunk));
	free(moved);
	atomic_store(&plan->next, first);
}
