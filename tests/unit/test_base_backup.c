/*-------------------------------------------------------------------------
 *
 * test_base_backup.c
 *	  Base backups without a server: pages and their checksums, what of a data
 *	  directory is left out, file maps, and targets of a recovery.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base_plan.h"
#include "cluster_file.h"
#include "control_file.h"
#include "crc32c.h"
#include "data_page.h"
#include "file_map.h"
#include "memory.h"
#include "recovery_target.h"
#include "wal_records.h"

#define BLOCK 8192

/* ---- pages ---- */

static void
fill_page(char *page)
{
	int i;

	for (i = 0; i < BLOCK; i++)
		page[i] = (char) (i * 7 + i / 256);
}

/* The numbers are those of PostgreSQL's own pg_checksum_page(). */
static void
test_checksums(void **state)
{
	char page[BLOCK];

	(void) state;
	fill_page(page);
	assert_int_equal(data_page_checksum(page, BLOCK, 0), 15923);
	assert_int_equal(data_page_checksum(page, BLOCK, 131073), 15924);
	assert_int_equal(crc32c_end(crc32c_add(CRC32C_START, "123456789", 9)), 0xE3069283);
}

static void
set_lsn(char *page, uint64_t lsn)
{
	uint32_t high = (uint32_t) (lsn >> 32);
	uint32_t low = (uint32_t) lsn;

	memcpy(page, &high, sizeof(high));
	memcpy(page + 4, &low, sizeof(low));
}

static void
set_checksum(char *page, uint32_t block)
{
	uint16_t checksum = data_page_checksum(page, BLOCK, block);

	memcpy(page + 8, &checksum, sizeof(checksum));
}

/* Half a page that is old, and half that is new, is no damage if the WAL of the backup has it. */
static void
test_torn_pages(void **state)
{
	const PageRules rules = {BLOCK, UINT64_C(0x100000000), true};
	char page[BLOCK];

	(void) state;
	memset(page, 0, BLOCK);
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_GOOD);
	page[BLOCK - 1] = 1;
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_BAD);
	fill_page(page);
	set_lsn(page, rules.start - 1);
	set_checksum(page, 5);
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_GOOD);
	assert_int_equal(data_page_look(&rules, page, 6), PAGE_BAD);
	memset(page + BLOCK / 2, 0, BLOCK / 2);
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_BAD);
	set_lsn(page, rules.start);
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_NEWER);
}

static void
test_pages_without_checksums(void **state)
{
	const PageRules rules = {BLOCK, UINT64_C(0x100000000), false};
	const uint16_t good[4] = {28, 8000, 8192, 8192 | 4};
	const uint16_t bad[4] = {8001, 8000, 8192, 8192 | 4};
	char page[BLOCK] = {0};

	(void) state;
	memcpy(page + 12, good, sizeof(good));
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_GOOD);
	memcpy(page + 12, bad, sizeof(bad));
	assert_int_equal(data_page_look(&rules, page, 5), PAGE_BAD);
}

static void
test_control_file(void **state)
{
	char data[CONTROL_BYTES] = {0};
	ControlFile control;
	uint64_t identifier = UINT64_C(7713997228503892696);
	uint32_t crc;

	(void) state;
	memcpy(data, &identifier, sizeof(identifier));
	data[16] = CONTROL_RUNNING;
	crc = crc32c_end(crc32c_add(CRC32C_START, data, 288));
	assert_false(control_file_read(data, sizeof(data), &control));
	memcpy(data + 288, &crc, sizeof(crc));
	assert_true(control_file_read(data, sizeof(data), &control));
	assert_true(control.system_identifier == identifier);
	assert_int_equal(control.state, CONTROL_RUNNING);
	data[40]++;
	assert_false(control_file_read(data, sizeof(data), &control));
	assert_false(control_file_read(data, 100, &control));
}

/* ---- names ---- */

static void
test_left_out(void **state)
{
	static const struct
	{
		const char *path;
		bool is_directory;
		ClusterUse use;
	} paths[] = {{"base/5/1259", false, CLUSTER_TAKE},
				 {"base/5/t3_16384", false, CLUSTER_LEAVE_OUT},
				 {"base/5/t3_16384_fsm.1", false, CLUSTER_LEAVE_OUT},
				 {"base/5/t3_x", false, CLUSTER_TAKE},
				 {"base/5/pg_internal.init", false, CLUSTER_LEAVE_OUT},
				 {"base/5/pg_internal.init.4711", false, CLUSTER_LEAVE_OUT},
				 {"base/pgsql_tmp", true, CLUSTER_LEAVE_OUT},
				 {"base/pgsql_tmp/pgsql_tmp1.0", false, CLUSTER_LEAVE_OUT},
				 {"pg_wal", true, CLUSTER_EMPTY},
				 {"pg_wal/000000010000000000000001", false, CLUSTER_LEAVE_OUT},
				 {"pg_replslot", true, CLUSTER_EMPTY},
				 {"pg_xact", true, CLUSTER_TAKE},
				 {"postmaster.pid", false, CLUSTER_LEAVE_OUT},
				 {"backup_label", false, CLUSTER_LEAVE_OUT},
				 {"tablespace_map.old", false, CLUSTER_LEAVE_OUT},
				 {"postgresql.auto.conf", false, CLUSTER_TAKE},
				 {"global/pg_control", false, CLUSTER_TAKE}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		if (cluster_use(paths[i].path, paths[i].is_directory) != paths[i].use)
			fail_msg("%s", paths[i].path);
	}
}

static void
test_relation_files(void **state)
{
	RelationFile file;

	(void) state;
	assert_true(relation_file_parse("16384_vm.3", &file));
	assert_int_equal(file.number, 16384);
	assert_int_equal(file.fork, FORK_VM);
	assert_int_equal(file.segment, 3);
	assert_true(relation_file_parse("1259", &file));
	assert_int_equal(file.fork, FORK_MAIN);
	assert_true(relation_file_parse("16384_init", &file));
	assert_false(relation_file_parse("16384.0", &file));
	assert_false(relation_file_parse("016384", &file));
	assert_false(relation_file_parse("16384_xx", &file));
	assert_false(relation_file_parse("99999999999", &file));
	assert_false(relation_file_parse("PG_VERSION", &file));
	assert_true(cluster_holds_relations("global"));
	assert_true(cluster_holds_relations("base/5"));
	assert_true(cluster_holds_relations("pg_tblspc/16385/PG_15_202209061/5"));
	assert_false(cluster_holds_relations("base"));
	assert_false(cluster_holds_relations("base/pgsql_tmp"));
	assert_false(cluster_holds_relations("pg_tblspc/16385/5"));
	assert_true(cluster_is_of_server("base"));
	assert_true(cluster_is_of_server("pg_tblspc/16385/PG_15_202209061/5"));
	assert_false(cluster_is_of_server("basement"));
	assert_false(cluster_is_of_server("postgresql.conf"));
	assert_false(cluster_is_of_server("log/base"));
	assert_true(cluster_path_valid("base/5/1259"));
	assert_false(cluster_path_valid("base/../../etc/passwd"));
	assert_false(cluster_path_valid("/etc/passwd"));
	assert_false(cluster_path_valid("base//5"));
	assert_false(cluster_path_valid("base/"));
	assert_false(cluster_path_valid(""));
}

/* ---- file maps ---- */

/* What the plan of a made-up data directory gives as maps. */
typedef struct Maps
{
	Buffer text;
	int count;
} Maps;

static bool
take_map(void *argument, const Buffer *map)
{
	Maps *maps = argument;

	buffer_reset(&maps->text);
	buffer_append(&maps->text, map->data, map->length);
	maps->count++;
	return true;
}

static void
make_map(Buffer *text)
{
	BaseFile files[] = {
		{.path = "base", .type = MAP_DIRECTORY, .mode = 0700},
		{.path = "base/1",
		 .type = MAP_FILE,
		 .bytes = 3 * PACK_BYTES + 5,
		 .there = 3 * PACK_BYTES + 5},
		{.path = "base/2", .type = MAP_FILE, .bytes = 10, .there = 10},
		{.path = "base/3", .type = MAP_FILE, .bytes = 0, .there = 0},
		{.path = "base/4", .type = MAP_FILE, .bytes = 20, .there = 20, .gone = true},
		{.path = "base/5", .type = MAP_FILE, .bytes = 30, .there = 7},
		{.path = "global/pg_control", .type = MAP_FILE, .bytes = 8192, .there = 8192},
		{.path = "link", .type = MAP_LINK, .target = (char *) "/elsewhere"}};
	BaseTree tree = {.files = files, .count = sizeof(files) / sizeof(files[0])};
	Maps maps = {.count = 0};
	DigestHex ids[16];
	BasePlan plan;
	size_t i;

	base_plan_make(&tree, &plan);
	assert_int_equal(plan.npacks, 5);
	for (i = 0; i <= plan.npacks; i++)
		snprintf(ids[i], sizeof(ids[i]), "%064zx", i + 1);
	buffer_init(&maps.text);
	assert_true(base_plan_write_maps(&tree, &plan, ids, take_map, &maps));
	assert_int_equal(maps.count, 1);
	*text = maps.text;
	base_plan_free(&plan);
}

static void
test_file_map(void **state)
{
	Buffer text;
	FileMap map;

	(void) state;
	make_map(&text);
	assert_null(file_map_read(text.data, text.length, &map));
	assert_int_equal(map.nentries, 7);
	assert_string_equal(map.entries[1].path, "base/1");
	assert_int_equal(map.entries[1].bytes, 3 * PACK_BYTES + 5);
	assert_int_equal(map.entries[1].nruns, 25);
	assert_int_equal(map.entries[1].runs[9].offset, FRAME_BYTES);
	assert_string_equal(map.entries[4].path, "base/5");
	assert_int_equal(map.entries[4].runs[0].offset, 30);
	/* It was shorter when it was read. */
	assert_int_equal(map.entries[4].bytes, 7);
	assert_int_equal(map.entries[4].runs[0].bytes, 7);
	assert_string_equal(map.objects[map.entries[5].runs[0].object],
						"0000000000000000000000000000000000000000000000000000000000000006");
	assert_string_equal(map.entries[6].target, "/elsewhere");
	file_map_free(&map);
	buffer_free(&text);
}

/* Cut off anywhere, or with any byte changed: refused, or at least harmless. */
static void
test_broken_map(void **state)
{
	Buffer text;
	FileMap map;
	size_t i;

	(void) state;
	make_map(&text);
	for (i = 0; i < text.length; i++)
	{
		assert_non_null(file_map_read(text.data, i, &map));
		text.data[i] = (char) (text.data[i] ^ 0x55);
		if (file_map_read(text.data, text.length, &map) == NULL)
			file_map_free(&map);
		text.data[i] = (char) (text.data[i] ^ 0x55);
	}
	buffer_append_char(&text, 'x');
	assert_non_null(file_map_read(text.data, text.length, &map));
	buffer_free(&text);
}

/* ---- targets ---- */

static void
test_targets(void **state)
{
	ClusterSettings settings = {.target_time = (char *) "2026-11-23 12:00:00.000001+01"};
	RecoveryTarget target;
	WalEvent event = {.kind = WAL_EVENT_COMMIT, .lsn = 100, .xid = 7};
	Buffer out;

	(void) state;
	buffer_init(&out);
	assert_true(recovery_target_read(&settings, &target));
	recovery_target_write(&target, &out);
	assert_string_equal(out.data, "recovery_target_time = '2026-11-23 11:00:00.000001+00'\n"
								  "recovery_target_inclusive = 'on'\n");
	event.time = target.time;
	assert_false(recovery_target_is_at(&target, &event));
	event.time++;
	assert_true(recovery_target_is_at(&target, &event));
	event.kind = WAL_EVENT_OTHER;
	assert_false(recovery_target_is_at(&target, &event));
	settings.exclusive = true;
	event = (WalEvent){.kind = WAL_EVENT_ABORT, .time = target.time};
	assert_true(recovery_target_read(&settings, &target));
	assert_true(recovery_target_is_at(&target, &event));
	settings.target_xid = (char *) "7";
	assert_false(recovery_target_read(&settings, &target));
	settings = (ClusterSettings){.target_name = (char *) "it's\\here"};
	assert_true(recovery_target_read(&settings, &target));
	buffer_reset(&out);
	recovery_target_write(&target, &out);
	assert_string_equal(out.data, "recovery_target_name = 'it''s\\\\here'\n"
								  "recovery_target_inclusive = 'on'\n");
	settings.exclusive = true;
	assert_false(recovery_target_read(&settings, &target));
	settings = (ClusterSettings){.target_name = (char *) "two\nlines"};
	assert_false(recovery_target_read(&settings, &target));
	settings = (ClusterSettings){.target_lsn = (char *) "1F/A0000028"};
	assert_true(recovery_target_read(&settings, &target));
	event.lsn = UINT64_C(0x1FA0000027);
	assert_false(recovery_target_is_at(&target, &event));
	event.lsn++;
	assert_true(recovery_target_is_at(&target, &event));
	settings = (ClusterSettings){.exclusive = false};
	assert_true(recovery_target_read(&settings, &target));
	assert_int_equal(target.kind, TARGET_END);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_torn_pages),
		cmocka_unit_test(test_pages_without_checksums),
		cmocka_unit_test(test_control_file),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_relation_files),
		cmocka_unit_test(test_file_map),
		cmocka_unit_test(test_broken_map),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
