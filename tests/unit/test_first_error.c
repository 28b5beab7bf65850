/*-------------------------------------------------------------------------
 *
 * test_first_error.c
 *	  The first error, which decides the exit code, and the way back to it.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"

static void
test_first_one_counts(void **state)
{
	(void) state;
	log_forget_errors();
	report_error(EXIT_FAILED, NULL, "a hint", "the first");
	report_error(EXIT_INTEGRITY, NULL, NULL, "the second");
	assert_int_equal(log_exit_code(), EXIT_FAILED);
	assert_string_equal(log_first_error(), "the first");
	assert_string_equal(log_first_hint(), "a hint");
	log_forget_errors();
	assert_int_equal(log_exit_code(), EXIT_DONE);
	assert_null(log_first_error());
}

/* What did not happen after all is forgotten, and what was there before is not. */
static void
test_return(void **state)
{
	LogErrors before;

	(void) state;
	log_forget_errors();
	before = log_errors();
	report_error(EXIT_FAILED, NULL, NULL, "the connection was lost");
	log_return_to_errors(&before);
	assert_int_equal(log_exit_code(), EXIT_DONE);
	assert_null(log_first_error());

	report_error(EXIT_FAILED, NULL, NULL, "a setting was refused");
	before = log_errors();
	report_error(EXIT_LOCKED, NULL, NULL, "the connection was lost");
	log_return_to_errors(&before);
	assert_int_equal(log_exit_code(), EXIT_FAILED);
	assert_string_equal(log_first_error(), "a setting was refused");
	assert_string_equal(log_told_error(), "a setting was refused");
	log_forget_errors();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_one_counts),
		cmocka_unit_test(test_return),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
