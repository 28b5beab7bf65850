/*-------------------------------------------------------------------------
 *
 * test_chunk_plan.c
 *	  How tables are cut: each block once, and in which company.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chunk_plan.h"

#define MAX_TABLES 600
#define BLOCK 8192

static SourceTable tables[MAX_TABLES];
static SourceTables list = {tables, 0, NULL};
static ChunkPlan plan;

static SourceTable *
add_table(uint64_t blocks)
{
	SourceTable *table = &tables[list.count++];

	memset(table, 0, sizeof(*table));
	table->is_heap = true;
	table->planning = PLANNING_FREE;
	table->heap_bytes = blocks * BLOCK;
	table->condition = "";
	return table;
}

static int
forget(void **state)
{
	(void) state;
	list.count = 0;
	chunk_plan_free(&plan);
	return 0;
}

/* The chunk that has a whole table; tables that are cut have none. */
static const Chunk *
chunk_of(int table)
{
	const Chunk *found = NULL;
	int i;
	int t;

	for (i = 0; i < plan.count; i++)
	{
		for (t = 0; plan.chunks[i].kind == CHUNK_TABLES && t < plan.chunks[i].ntables; t++)
		{
			if (plan.chunks[i].tables[t] != table)
				continue;
			assert_null(found);
			found = &plan.chunks[i];
		}
	}
	return found;
}

/* Each block of a table is in one chunk, and all behind it in the last. */
static void
check_cut(int table, uint64_t blocks, int chunk_blocks)
{
	uint32_t next = 0;
	bool more = true;
	bool open = false;

	while (more)
	{
		int i;

		more = false;
		for (i = 0; i < plan.count && !more; i++)
		{
			const Chunk *chunk = &plan.chunks[i];

			if (chunk->kind != CHUNK_BLOCKS || chunk->tables[0] != table ||
				chunk->block_from != next || open)
				continue;
			open = chunk->block_to == 0;
			assert_true(open || chunk->block_to > chunk->block_from);
			assert_true(open || chunk->block_to - chunk->block_from <= (uint32_t) chunk_blocks);
			assert_true(open || chunk->block_to < blocks);
			next = chunk->block_to;
			more = true;
		}
	}
	assert_true(open);
}

static void
test_blocks(void **state)
{
	static const uint64_t sizes[] = {128, 129, 255, 256, 257, 1023, 1024, 1025, 5000};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		add_table(sizes[i]);
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_cut((int) i, sizes[i], 128);
}

/* Toast counts: few blocks of heap with much of it are cut, too. */
static void
test_toast(void **state)
{
	(void) state;
	add_table(64)->toast_bytes = (uint64_t) 6400 * BLOCK;
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	assert_true(plan.count >= 50);
	check_cut(0, 64, 2);
}

/* What has no blocks, and what may not be queried, goes whole. */
static void
test_whole(void **state)
{
	(void) state;
	add_table(5000)->is_heap = false;
	add_table(5000)->planning = PLANNING_NEVER;
	add_table(5000)->configuration = true;
	add_table(5000)->partitioned = true;
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	assert_non_null(chunk_of(0));
	assert_non_null(chunk_of(1));
	assert_non_null(chunk_of(2));
	assert_null(chunk_of(3));
	assert_int_equal(plan.whole_tables, 1);
}

/* The tables of an extension are filled in their order, in a chunk of their own, whatever they
 * weigh.
 */
static void
test_configuration(void **state)
{
	const Chunk *chunk;
	int i;

	(void) state;
	for (i = 0; i < 20; i++)
		add_table(1);
	for (i = 0; i < 300; i++)
		add_table(i < 5 ? 1000 : 1)->configuration = true;
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	chunk = chunk_of(20);
	assert_int_equal(chunk->ntables, 300);
	for (i = 0; i < 300; i++)
		assert_int_equal(chunk->tables[i], 20 + i);
	assert_ptr_not_equal(chunk_of(19), chunk);
	assert_int_equal(chunk_of(19)->ntables, 20);
}

/* Small ones share a chunk, up to a number and a weight. */
static void
test_groups(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < 450; i++)
		add_table(0);
	for (i = 0; i < 100; i++)
		add_table(100);
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	assert_int_equal(chunk_of(0)->ntables, 200);
	assert_int_equal(chunk_of(200)->ntables, 200);
	for (i = 0; i < list.count; i++)
		assert_true(chunk_of(i)->weight <= 4 * 1024 * 1024);
}

/* A query that is planned under guard has no company. */
static void
test_guarded(void **state)
{
	(void) state;
	add_table(1);
	add_table(1)->planning = PLANNING_GUARDED;
	add_table(1)->planning = PLANNING_GUARDED;
	tables[2].condition = "WHERE a";
	add_table(1);
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	assert_int_equal(chunk_of(0)->ntables, 2);
	assert_int_equal(chunk_of(2)->ntables, 1);
	assert_int_equal(chunk_of(3)->ntables, 1);
}

static void
test_large_objects(void **state)
{
	uint32_t oids[1001];
	int seen = 0;
	int i;

	(void) state;
	for (i = 0; i < 1001; i++)
		oids[i] = 16384 + (uint32_t) i;
	chunk_plan_create(&plan, &list, oids, 1001, 128);
	assert_int_equal(plan.count, 3);
	for (i = 0; i < plan.count; i++)
		seen += plan.chunks[i].nlarge_objects;
	assert_int_equal(seen, 1001);
	for (i = 0; i < plan.count; i++)
		assert_int_equal(plan.chunks[i].large_objects[0], 16384 + 500 * plan.chunks[i].ordinal);
}

/* Heaviest first; each is claimed once. */
static void
test_claims(void **state)
{
	const Chunk *chunk;
	uint64_t before = UINT64_MAX;
	int count = 0;

	(void) state;
	add_table(200);
	add_table(300);
	add_table(1);
	chunk_plan_create(&plan, &list, NULL, 0, 128);
	while ((chunk = chunk_plan_claim(&plan)) != NULL)
	{
		assert_true(chunk->weight <= before);
		before = chunk->weight;
		count++;
	}
	assert_int_equal(count, plan.count);
	assert_null(chunk_plan_claim(&plan));
}

#define TEST(function) cmocka_unit_test_teardown(function, forget)

int
main(void)
{
	const struct CMUnitTest all[] = {
		TEST(test_blocks), TEST(test_toast),   TEST(test_whole),         TEST(test_configuration),
		TEST(test_groups), TEST(test_guarded), TEST(test_large_objects), TEST(test_claims),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
