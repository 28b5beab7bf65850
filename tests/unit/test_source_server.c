/*-------------------------------------------------------------------------
 *
 * test_source_server.c
 *	  Which servers may be backed up from, and how many locks they have.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "source_server.h"

/* The fix came on 2026-11-12 in all majors; 18.5 was never released. */
static void
test_standby_fix(void **state)
{
	(void) state;
	assert_string_equal(standby_fix_missing(140024), "14.25");
	assert_null(standby_fix_missing(140025));
	assert_string_equal(standby_fix_missing(150019), "15.20");
	assert_null(standby_fix_missing(150020));
	assert_string_equal(standby_fix_missing(160015), "16.16");
	assert_null(standby_fix_missing(160016));
	assert_string_equal(standby_fix_missing(170011), "17.12");
	assert_null(standby_fix_missing(170012));
	assert_string_equal(standby_fix_missing(180006), "18.7");
	assert_null(standby_fix_missing(180007));
	assert_string_equal(standby_fix_missing(190000), "19.1");
	assert_null(standby_fix_missing(190001));
	assert_null(standby_fix_missing(200000));
	assert_string_equal(standby_fix_missing(130023), "");
}

static void
test_lock_capacity(void **state)
{
	LockCapacity capacity = {64, 100};

	(void) state;
	assert_true(lock_capacity_suffices(&capacity, 6400));
	assert_false(lock_capacity_suffices(&capacity, 6401));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standby_fix),
		cmocka_unit_test(test_lock_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
