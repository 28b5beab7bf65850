/*-------------------------------------------------------------------------
 *
 * test_sequences.c
 *	  Every sequence comes with its own value, however many there are, and
 *	  none with that of another.
 *
 *-------------------------------------------------------------------------
 */
#include "scripted_server.h"

#include "log.h"
#include "sequence_patterns.h"
#include "sequences.h"

#define MAX_SEQUENCES 250
#define FIRST_OID 20000

static int nsequences;
static int renamed_late; /* has another name when schemas are locked; -1: none */
static int renamed;      /* has another name under the lock; -1: none */
static int replaced;     /* another relation answers for it; -1: none */

/* Not called yet: every third.  Those of schema "o" belong to others. */
static bool
is_called(int i)
{
	return i % 3 != 0;
}

static const char *
text(const char *format, int number)
{
	static char texts[8][64];
	static int turn;
	char *result = texts[turn++ % 8];

	snprintf(result, sizeof(texts[0]), format, number);
	return result;
}

static const char *
schema_of(int i)
{
	return i % 2 == 0 ? "o" : "p";
}

static PGresult *
list_sequences(void)
{
	PGresult *result = no_rows(3);
	int i;

	for (i = 0; i < nsequences; i++)
		add_row(result, text("%d", FIRST_OID + i), schema_of(i), text("s%d", i));
	return result;
}

/* What patterns are made of; test_sequence_patterns.c has the cases. */
static PGresult *
list_for_patterns(void)
{
	PGresult *result = no_rows(3);

	add_row(result, "A\".b", "c|d", "f");
	add_row(result, "A\".b", "e*", "f");
	add_row(result, "A\".b", "view", "t");
	return add_row(result, "c", "s0", "f");
}

static PGresult *
answer_about(int i, bool by_name)
{
	int oid = FIRST_OID + (i == replaced ? 1000 : i);

	return add_row(no_rows(3), text("%d", by_name ? oid : FIRST_OID + i), text("%d", 1000 + i),
				   is_called(i) ? "t" : "f");
}

/* A row for each OID of the array. */
static PGresult *
rows_of(const char *oids, int columns)
{
	PGresult *result = no_rows(columns);
	char *end;
	int i;

	while (*oids == '{' || *oids == ',')
	{
		int number;

		i = (int) strtol(oids + 1, &end, 10) - FIRST_OID;
		oids = end;
		assert_in_range(i, 0, nsequences - 1);
		if (columns == 3)
		{
			add_row(result, text("%d", FIRST_OID + i), text("%d", 1000 + i),
					is_called(i) ? "t" : "f");
			continue;
		}
		number = i == renamed || (columns == 2 && i == renamed_late) ? i + 1000 : i;
		if (columns == 2)
			add_row(result, text("%d", FIRST_OID + i),
					text(i % 2 == 0 ? "o.s%d" : "p.s%d", number));
		else
			add_row(result, text("%d", FIRST_OID + i), is_called(i) ? text("%d", 1000 + i) : NULL,
					text(i % 2 == 0 ? "o.s%d" : "p.s%d", number), i % 2 == 0 ? "f" : "t", "7");
	}
	return result;
}

static PGresult *
server_answers(const char *sql, const char *const *params)
{
	const char *place;

	if (strstr(sql, "c.relkind IN ('S', 'm')") != NULL)
		return list_for_patterns();
	if (strstr(sql, "relkind = 'S'") != NULL)
		return list_sequences();
	if (strstr(sql, "pg_locks") != NULL)
		return no_rows(6);
	if (strstr(sql, "pg_get_sequence_data") != NULL)
		return rows_of(params[0], 3);
	if (strstr(sql, "pg_sequence_last_value") != NULL)
		return rows_of(params[0], 5);
	if (params != NULL)
		return rows_of(params[0], 2);
	for (place = sql; (place = strstr(place, "FROM ")) != NULL; place++)
	{
		int i = (int) strtol(place + strlen("FROM o.s"), NULL, 10);

		assert_true(place[5] == schema_of(i)[0]);
		server_queue(answer_about(i, true));
	}
	return done();
}

static int
set_up(void **state)
{
	nsequences = MAX_SEQUENCES;
	renamed = renamed_late = replaced = -1;
	server_version = 150000;
	return scratch_create(state);
}

static int
tear_down(void **state)
{
	server_forget();
	return scratch_destroy(state);
}

/* Each has its setval(), in the order of the list. */
static void
check_values(void)
{
	Connection *connection = connection_open(NULL);
	char *warning;
	const char *place;
	SqlText sql;
	int count;
	int i;

	sql_init(&sql);
	assert_true(sequences_read(connection, 10, &sql, &count, &warning));
	assert_int_equal(count, nsequences);
	assert_null(warning);
	place = sql_string(&sql);
	for (i = 0; i < nsequences; i++)
	{
		char expected[128];

		snprintf(expected, sizeof(expected), "SELECT pg_catalog.setval('%s.s%d', %d, %s);\n",
				 schema_of(i), i, 1000 + i, is_called(i) ? "true" : "false");
		assert_memory_equal(place, expected, strlen(expected));
		place += strlen(expected);
	}
	assert_string_equal(place, "");
	sql_free(&sql);
	connection_close(connection);
}

static void
test_values(void **state)
{
	static const int counts[] = {0, 1, 99, 100, 101, 200, 201, MAX_SEQUENCES};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		nsequences = counts[i];
		server_version = 150000;
		check_values();
		server_forget();
		server_version = 180000;
		check_values();
		server_forget();
	}
}

/* Values are read by name only while names cannot change, and locks are let go of again. */
static void
test_locks(void **state)
{
	int lock;
	int read;
	int back;

	(void) state;
	nsequences = 3;
	check_values();
	lock = command_with("LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE NOWAIT", 0);
	assert_true(lock > command_with("pg_sequence_last_value", 0));
	read = command_with("last_value, is_called FROM", lock);
	assert_true(read > lock + 1); /* names are looked at once more in between */
	back = command_with("ROLLBACK TO SAVEPOINT nex_backup_sequences", read);
	assert_true(back > read);
	assert_int_equal(back, ncommands - 1);
}

static void
read_all(void)
{
	Connection *connection = connection_open(NULL);
	char *warning;
	SqlText sql;
	int count;

	sql_init(&sql);
	if (sequences_read(connection, 10, &sql, &count, &warning))
		_exit(99);
}

/* A relation that has got the name of a sequence is not taken for it. */
static void
test_others(void **state)
{
	(void) state;
	renamed = 120;
	assert_int_equal(exit_code_of(read_all), EXIT_FAILED);
	renamed = -1;
	renamed_late = 120;
	assert_int_equal(exit_code_of(read_all), EXIT_FAILED);
	renamed_late = -1;
	replaced = 120; /* one that is read by its name */
	assert_int_equal(exit_code_of(read_all), EXIT_FAILED);
}

/* pg_dump is kept from sequences, where it reads them by name. */
static void
test_patterns(void **state)
{
	Connection *connection = connection_open(NULL);
	char **patterns = sequence_patterns_read(connection);

	(void) state;
	assert_non_null(patterns);
	assert_string_equal(patterns[0], "\"A\"\".b\".\"c|d\"|\"e*\"");
	assert_string_equal(patterns[1], "\"c\".\"s0\"");
	assert_null(patterns[2]);
	sequence_patterns_free(patterns);
	server_version = 180000;
	patterns = sequence_patterns_read(connection);
	assert_null(patterns[0]);
	sequence_patterns_free(patterns);
	connection_close(connection);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_locks),
		TEST(test_others),
		TEST(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
