/*-------------------------------------------------------------------------
 *
 * test_table_copy.c
 *	  A server that takes other rows than it is sent is not believed.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_settings.h"
#include "scripted_server.h"

#include "column_writers.h"
#include "server_failure.h"
#include "table_copy.h"

static const char *tag; /* how many rows the server says it took */
static char sent[256];
static bool refuses; /* the end of the rows */
static bool told;    /* that the rows end because of an error */

/* ---- of libpq ---- */

PGresult *
PQexec(PGconn *pg, const char *sql)
{
	(void) pg;
	(void) sql;
	return PQmakeEmptyPGresult(NULL, PGRES_COPY_IN);
}

int
PQputCopyData(PGconn *pg, const char *bytes, int length)
{
	(void) pg;
	strncat(sent, bytes, (size_t) length);
	return 1;
}

int
PQputCopyEnd(PGconn *pg, const char *message)
{
	(void) pg;
	told = message != NULL;
	server_queue(refuses ? fails_with("23505") : done());
	return 1;
}

char *
PQcmdTuples(PGresult *result)
{
	(void) result;
	return (char *) tag;
}

/* ---- of object_errors.c, column_writers.c ---- */

bool
server_failure_is_fatal(const Connection *connection, const char *state)
{
	(void) connection;
	(void) state;
	return false;
}

char *
server_failure_said(const Connection *connection, const PGresult *result)
{
	(void) connection;
	(void) result;
	return strdup("refused");
}

bool
column_writers_find(Connection *connection, const ManifestTable *table, EnumTypes *enums,
					BinaryRows *converter)
{
	(void) connection;
	(void) table;
	(void) enums;
	(void) converter;
	return false;
}

static PGresult *
server_answers(const char *sql, const char *const *params)
{
	(void) sql;
	(void) params;
	return done();
}

static int
set_up(void **state)
{
	sent[0] = '\0';
	refuses = false;
	return scratch_create(state);
}

static int
tear_down(void **state)
{
	server_forget();
	return scratch_destroy(state);
}

/* Send three rows, to a loader that goes on behind a failure or one that does not. */
static bool
send_rows(bool quiet, char **said)
{
	static char schema[] = "public";
	static char name[] = "t";
	static char command[] = "COPY public.t (a) FROM stdin;";
	Connection *connection = connection_open(NULL);
	ManifestTable table;
	Manifest manifest;
	TableCopy copy;
	bool good;

	memset(&table, 0, sizeof(table));
	memset(&manifest, 0, sizeof(manifest));
	table.schema = schema;
	table.name = name;
	table.copy = command;
	manifest.tables = &table;
	manifest.ntables = 1;
	table_copy_init(&copy, connection, &manifest, COPY_FORMAT_TEXT);
	copy.quiet = quiet;
	good = table_copy_begin(&copy, 0) && table_copy_send(&copy, "1\n2\n", 4, 2) &&
		   table_copy_send(&copy, "3\n", 2, 1) && table_copy_end(&copy);
	*said = copy.said;
	copy.said = NULL;
	table_copy_free(&copy);
	connection_close(connection);
	return good;
}

static void
send_in_child(void)
{
	char *said;

	if (send_rows(false, &said))
		_exit(99);
}

static void
test_all(void **state)
{
	char *said;

	(void) state;
	tag = "3";
	assert_true(send_rows(false, &said));
	assert_string_equal(sent, "1\n2\n3\n");
	assert_false(told);
	assert_true(send_rows(true, &said));
	assert_null(said);
}

static void
test_other_count(void **state)
{
	static const char *const counts[] = {"2", "4", "0", ""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		char *said;

		tag = counts[i];
		assert_int_equal(exit_code_of(send_in_child), EXIT_INTEGRITY);
		assert_false(send_rows(true, &said));
		assert_non_null(strstr(said, "rows instead of 3"));
		free(said);
	}
}

static void
test_refused(void **state)
{
	char *said;

	(void) state;
	tag = "3";
	refuses = true;
	assert_int_equal(exit_code_of(send_in_child), EXIT_FAILED);
	assert_false(send_rows(true, &said));
	assert_string_equal(said, "refused");
	free(said);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all),
		TEST(test_other_count),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
