/*-------------------------------------------------------------------------
 *
 * test_snapshot.c
 *	  Every table that a snapshot sees was locked before the snapshot, though
 *	  tables come, go and get other names at the worst moment.
 *
 *-------------------------------------------------------------------------
 */
#include "scripted_server.h"

#include "interrupt.h"
#include "snapshot.h"

#define LIST "pg_partition_ancestors"
#define EXPORT "pg_export_snapshot"

static int lists;        /* how often the tables were listed */
static int grows_at;     /* from this list on there is a third table */
static bool renamed;     /* and the second has another name */
static int locks_fail;   /* so many times */
static bool has_holder;  /* who holds a lock is found */
static bool commits_now; /* the third table comes with the snapshot, not with a list */

static PGresult *
list_tables(void)
{
	PGresult *result = no_rows(12);
	bool later = ++lists >= grows_at;
	const char *second = later && renamed ? "other" : "b";
	char qualified[32];

	snprintf(qualified, sizeof(qualified), "s.%s", second);
	add_row(result, "100", "s", "a", "s.a", "x", NULL, "", "f", "t", "f", "free", "me");
	add_row(result, "101", "s", second, qualified, "x", NULL, "", "f", "t", "f", "free", "me");
	if (later)
		add_row(result, "102", "s", "c", "s.c", "x", NULL, "", "f", "t", "f", "free", "me");
	return result;
}

static PGresult *
server_answers(const char *sql, const char *const *params)
{
	(void) params;
	if (strstr(sql, LIST) != NULL)
		return list_tables();
	if (strstr(sql, EXPORT) != NULL)
	{
		if (commits_now)
			grows_at = 0;
		return add_row(no_rows(5), "0001-1", "2026-01-02T03:04:05.678Z", "0/1", "0000000A", NULL);
	}
	if (strstr(sql, "pg_locks") != NULL && has_holder)
		return add_row(no_rows(6), "s.b", "4711", "psql", "bob", "f", "f");
	if (strstr(sql, "pg_locks") != NULL)
		return no_rows(6);
	if (strstr(sql, "confrelid") != NULL || strstr(sql, "pg_relation_size") != NULL)
		return no_rows(2);
	if (strncmp(sql, "LOCK TABLE", strlen("LOCK TABLE")) == 0)
		return locks_fail-- > 0 ? fails_with("55P03") : done();
	if (strncmp(sql, "SELECT", strlen("SELECT")) == 0)
		return add_row(no_rows(2), "64", "100");
	return done();
}

static int
set_up(void **state)
{
	lists = 0;
	grows_at = 1000;
	locks_fail = 0;
	renamed = commits_now = has_holder = false;
	return scratch_create(state);
}

static int
tear_down(void **state)
{
	server_forget();
	return scratch_destroy(state);
}

/* The last command with these words. */
static int
last_with(const char *words)
{
	int last = -1;
	int i;

	for (i = command_with(words, 0); i >= 0; i = command_with(words, i + 1))
		last = i;
	return last;
}

/* Take one; each table of the list was locked in the transaction of the snapshot, before it. */
static void
check_snapshot(int tables)
{
	Connection *leader = connection_open(NULL);
	SourceTables list;
	Snapshot snapshot;
	int begin;
	int export;
	int i;

	assert_true(snapshot_take(leader, NULL, 10, &list, &snapshot));
	assert_int_equal(list.count, tables);
	begin = last_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	export = last_with(EXPORT);
	assert_true(begin >= 0 && export > begin);
	assert_true(last_with(LIST) > export);
	assert_int_equal(last_with("ROLLBACK") > begin, 0);
	for (i = 0; i < list.count; i++)
	{
		int lock = begin;
		bool found = false;

		while (!found && (lock = command_with("LOCK TABLE", lock + 1)) >= 0 && lock < export)
			found = strstr(commands[lock], list.tables[i].qualified) != NULL &&
					strstr(commands[lock], "ACCESS SHARE") != NULL;
		assert_true(found);
	}
	source_tables_free(&list);
	snapshot_free(&snapshot);
	connection_close(leader);
}

static void
test_quiet(void **state)
{
	(void) state;
	check_snapshot(2);
	assert_int_equal(lists, 2);
}

/* A table is created while the others are being locked. */
static void
test_new_table(void **state)
{
	(void) state;
	grows_at = 2;
	check_snapshot(3);
}

/* Or when the last list before the snapshot has been read. */
static void
test_newer_table(void **state)
{
	(void) state;
	locks_fail = 1; /* so that the second round lists once more, with the locks in hand */
	grows_at = 4;
	check_snapshot(3);
}

static void
test_newest_table(void **state)
{
	(void) state;
	commits_now = true;
	check_snapshot(3);
}

static void
test_renamed_table(void **state)
{
	(void) state;
	renamed = true;
	grows_at = 2;
	check_snapshot(3);
}

/* With locks in hand no other is waited for longer than a moment. */
static void
test_patience(void **state)
{
	int set;

	(void) state;
	locks_fail = 2;
	check_snapshot(2);
	set = command_with("SET lock_timeout = 100", 0);
	assert_in_range(set, 0, command_with("LOCK TABLE", 0));
	assert_true(last_with("lock_timeout = 10000") > last_with(EXPORT));
}

/* The one that is missing is waited for with empty hands, and not those after it. */
static void
test_empty_hands(void **state)
{
	int wait;
	int rest;

	(void) state;
	locks_fail = 1;
	has_holder = true;
	check_snapshot(2);
	wait = command_with("LOCK TABLE ONLY s.b IN ACCESS SHARE MODE", 0);
	assert_true(wait > 0);
	assert_int_equal(strncmp(commands[wait - 2], "BEGIN", 5), 0);
	assert_non_null(strstr(commands[wait - 1], "SET LOCAL lock_timeout = "));
	assert_null(strstr(commands[wait - 1], "= 100"));
	rest = command_with("LOCK TABLE ONLY s.a", wait);
	assert_in_range(command_with("SET LOCAL lock_timeout = 100", wait), wait + 1, rest - 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_quiet),        TEST(test_new_table),     TEST(test_newer_table),
		TEST(test_newest_table), TEST(test_renamed_table), TEST(test_patience),
		TEST(test_empty_hands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
