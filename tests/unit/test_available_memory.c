/*-------------------------------------------------------------------------
 *
 * test_available_memory.c
 *	  How much memory a program that we start can have.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "available_memory.h"

static void
test_text(void **state)
{
	(void) state;
	assert_true(available_memory_in("MemTotal:  9 kB\nMemAvailable:    8000 kB\n") == 8192000);
	assert_true(available_memory_in("MemTotal:  9 kB\nMemFree: 8 kB\n") == UINT64_MAX);
	assert_true(available_memory_in("MemTotal:  9 kB\nMemAvailable: x kB\n") == UINT64_MAX);
	assert_true(available_memory_in("MemTotal:  9 kB\nMemAvailable: 8 MB\n") == UINT64_MAX);
	assert_true(available_memory_in("\nMemAvailable: 99999999999999999999 kB\n") == UINT64_MAX);
	assert_true(available_memory_in("") == UINT64_MAX);
}

/* AddressSanitizer needs terabytes of addresses itself. */
#ifndef __SANITIZE_ADDRESS__
static void
test_limit(void **state)
{
	struct rlimit limit;

	(void) state;
	assert_true(available_memory() > 1024 * 1024);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = (rlim_t) 1 << 30;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	assert_true(available_memory() <= (uint64_t) 1 << 30);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_limit),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
