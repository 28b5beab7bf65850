/*-------------------------------------------------------------------------
 *
 * test_unrestorable.c
 *	  Looking for what cannot be restored ends after some time, and a look
 *	  that failed, or took too long, is a warning.
 *
 *-------------------------------------------------------------------------
 */
#include "scripted_server.h"

#include "unrestorable.h"

#define TIMEOUT "SET LOCAL statement_timeout = '10s'"

static const char *state; /* of the look at what views read; NULL: it finds nothing */

static PGresult *
server_answers(const char *sql, const char *const *params)
{
	(void) params;
	if (strncmp(sql, "SAVEPOINT", strlen("SAVEPOINT")) == 0 ||
		strncmp(sql, "ROLLBACK TO", strlen("ROLLBACK TO")) == 0)
		return done();
	if (state != NULL && strstr(sql, "RECURSIVE") != NULL)
		return fails_with(state);
	return no_rows(1);
}

static int
tear_down(void **scratch)
{
	server_forget();
	return scratch_destroy(scratch);
}

/* Each query has its limit, which ends with it; how many queries there were. */
static int
check_limits(void)
{
	int queries = 0;
	int i;

	for (i = 0; i < ncommands; i += 3)
	{
		assert_true(i + 2 < ncommands);
		assert_non_null(strstr(commands[i], TIMEOUT));
		assert_non_null(strstr(commands[i + 1], "SELECT"));
		assert_non_null(strstr(commands[i + 2], "ROLLBACK TO SAVEPOINT"));
		assert_non_null(strstr(commands[i + 2], "RELEASE SAVEPOINT"));
		queries++;
	}
	return queries;
}

static void
look(const char *failing, uint32_t warnings)
{
	Connection *connection = connection_open(NULL);
	Manifest *manifest = manifest_create();

	state = failing;
	assert_true(unrestorable_warn(connection, manifest));
	assert_int_equal(manifest->nwarnings, warnings);
	assert_int_equal(check_limits(), 6);
	if (warnings > 0)
		assert_non_null(strstr(manifest->warnings[0], "could not look for all"));
	manifest_free(manifest);
	connection_close(connection);
}

static void
test_nothing(void **scratch)
{
	(void) scratch;
	look(NULL, 0);
}

static void
test_canceled(void **scratch)
{
	(void) scratch;
	look("57014", 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_canceled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
