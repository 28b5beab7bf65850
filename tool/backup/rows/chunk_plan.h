/*-------------------------------------------------------------------------
 *
 * chunk_plan.h
 *	  Cutting the database into chunks: the unit of parallel dump.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHUNK_PLAN_H
#define NEX_CHUNK_PLAN_H

#include <stdatomic.h>
#include <stdint.h>

#include "source_table.h"

typedef enum ChunkKind
{
	CHUNK_TABLES,       /* some whole tables, usually small */
	CHUNK_BLOCKS,       /* a block range of one table */
	CHUNK_LARGE_OBJECTS /* a range of large objects */
} ChunkKind;

typedef struct Chunk
{
	ChunkKind kind;
	uint32_t ordinal; /* place in the manifest */
	uint64_t weight;  /* estimated bytes to read */
	int *tables; /* positions in SourceTables (CHUNK_TABLES: ntables of them; CHUNK_BLOCKS: one) */
	int ntables;
	uint32_t block_from;
	uint32_t block_to;       /* 0: to the end */
	uint32_t *large_objects; /* OIDs, ascending */
	int nlarge_objects;
} Chunk;

typedef struct ChunkPlan
{
	Chunk *chunks; /* heaviest first */
	int count;
	uint64_t weight;
	int whole_tables; /* big ones that are not cut, because no query over them may be planned */
	_Atomic int next; /* first chunk that nobody claimed yet */
} ChunkPlan;

/*
 * Plan the tables and the large objects (their OIDs, ascending).  A chunk of
 * a big table has at most chunk_blocks heap blocks, fewer where TOAST weighs
 * more than the heap.
 */
extern void chunk_plan_create(ChunkPlan *plan, const SourceTables *tables,
							  const uint32_t *large_objects, int nlarge_objects, int chunk_blocks);
extern void chunk_plan_free(ChunkPlan *plan);

/* The next chunk for a worker; NULL when all are claimed.  Any thread. */
extern const Chunk *chunk_plan_claim(ChunkPlan *plan);

/*
 * Move the chunk that was claimed last, and all others of the same big table,
 * to the end, unclaimed.  No other thread may claim one meanwhile; chunks that
 * were claimed before stay where they are.
 */
extern void chunk_plan_postpone(ChunkPlan *plan, int table);

#endif /* NEX_CHUNK_PLAN_H */
