/*-------------------------------------------------------------------------
 *
 * test_newer_pg_restore.c
 *	  What is an error among the messages of a pg_restore that is newer than
 *	  the server.  That such a restore works, tests/versions/cross.t shows.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "newer_pg_restore.h"

#define SETTING                                                                                    \
	"pg_restore: while INITIALIZING:\n"                                                            \
	"pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "    \
	"\"transaction_timeout\"\n"                                                                    \
	"Command was: SET transaction_timeout = 0;\n"
#define OTHER                                                                                      \
	"pg_restore: while PROCESSING TOC:\n"                                                          \
	"pg_restore: from TOC entry 7; 1259 16 TABLE t nobody\n"                                       \
	"pg_restore: error: could not execute query: ERROR:  role \"nobody\" does not exist\n"         \
	"Command was: ALTER TABLE public.t OWNER TO nobody;\n\n"
#define OTHER_MESSAGE                                                                              \
	"could not execute query: ERROR:  role \"nobody\" does not exist\n"                            \
	"Command was: ALTER TABLE public.t OWNER TO nobody;\n"
#define IGNORED "pg_restore: warning: errors ignored on restore: 1\n"

static bool
accepted(const char *messages, int exit_code, bool truncated)
{
	SubprocessResult result = {.exit_code = exit_code, .truncated = truncated};
	bool good;

	buffer_init(&result.errors);
	buffer_append_string(&result.errors, messages);
	good = pg_restore_only_set_unknown(&result);
	buffer_free(&result.errors);
	return good;
}

static void
assert_error(const char *messages, const char *expected)
{
	SubprocessResult result = {.exit_code = 1};
	char *error;

	buffer_init(&result.errors);
	buffer_append_string(&result.errors, messages);
	error = pg_restore_error(&result);
	if (expected == NULL)
		assert_null(error);
	else
		assert_int_equal(strncmp(error, expected, strlen(expected)), 0);
	free(error);
	buffer_free(&result.errors);
}

static void
versions_that_differ(void **state)
{
	(void) state;
	assert_true(pg_restore_sets_unknown("17.2", 160004));
	assert_true(pg_restore_sets_unknown("18beta1", 140000));
	assert_false(pg_restore_sets_unknown("17.2", 170002));
	assert_false(pg_restore_sets_unknown("18.1", 170002));
	assert_false(pg_restore_sets_unknown("16.4", 150004));
	assert_false(pg_restore_sets_unknown("15.20", 150020));
}

static void
only_the_setting(void **state)
{
	(void) state;
	assert_true(accepted(SETTING IGNORED, 1, false));
	/* The workers of a parallel restore say it, too. */
	assert_true(accepted(SETTING SETTING SETTING IGNORED, 1, false));
	assert_true(accepted("pg_restore: warning: column is odd\n" SETTING IGNORED, 1, false));
}

static void
anything_else(void **state)
{
	(void) state;
	assert_false(accepted(SETTING OTHER IGNORED, 1, false));
	assert_false(accepted(OTHER SETTING IGNORED, 1, false));
	assert_false(
		accepted(SETTING "pg_restore: error: a worker process died unexpectedly\n", 1, false));
	/* Ended without a word, by a signal, or with more words than were kept. */
	assert_false(accepted("", 1, false));
	assert_false(accepted(SETTING, 1, false));
	assert_false(accepted(SETTING IGNORED, -1, false));
	assert_false(accepted(SETTING IGNORED, 1, true));
	/* The same command in an error that is another's. */
	assert_false(accepted("pg_restore: error: out of memory\n" SETTING IGNORED, 1, false));
}

static void
the_error_that_counts(void **state)
{
	(void) state;
	assert_error("", NULL);
	assert_error(SETTING IGNORED, NULL);
	assert_error(SETTING OTHER IGNORED, OTHER_MESSAGE);
	assert_error(OTHER SETTING OTHER, OTHER_MESSAGE);
	assert_error("pg_restore: error: could not open input file\n", "could not open input file\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_that_differ),
		cmocka_unit_test(only_the_setting),
		cmocka_unit_test(anything_else),
		cmocka_unit_test(the_error_that_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
