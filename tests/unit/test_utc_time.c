/* Times that a person writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "utc_time.h"

static void
good_times(void **state)
{
	static const struct
	{
		const char *text;
		double seconds;
	} cases[] = {{"1970-01-02T00:00:00Z", 86400},
				 {"1970-01-02 00:00", 86400},
				 {"1970-01-02T01:02:03.5Z", 86400 + 3723.5},
				 {"1970-01-02 02:00+02", 86400},
				 {"1970-01-01 22:30:00-01:30", 86400},
				 {"2024-02-29 12:00", 1709208000}};
	double seconds;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_true(utc_time_parse(cases[i].text, &seconds));
		assert_true(seconds - cases[i].seconds < 0.001 && cases[i].seconds - seconds < 0.001);
	}

	/* A day alone is its first moment. */
	assert_true(utc_time_parse("1970-01-02", &seconds));
	assert_true(seconds == 86400);
}

static void
bad_times(void **state)
{
	static const char *const texts[] = {"",
										"now",
										"2026",
										"2026-13-01",
										"2026-02-30",
										"2025-02-29 10:00",
										"2026-11-23T",
										"2026-11-23 24:00",
										"2026-11-23 10",
										"2026-11-23 10:60",
										"2026-11-23 10:00:60",
										"2026-11-23 10:00:00x",
										"2026-11-23 10:00+2",
										"2026-11-23 10:00:00.Z",
										"20261123T100000Z"};
	double seconds;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(utc_time_parse(texts[i], &seconds));
}

static void
now(void **state)
{
	char *text = utc_now();
	double seconds;

	(void) state;
	assert_int_equal(strlen(text), strlen("2026-11-23T02:00:00.000Z"));
	assert_true(utc_time_parse(text, &seconds));
	free(text);
}

static void
exact(void **state)
{
	char text[UTC_EXACT_SIZE];
	char given[] = "2026-11-23T02:00:00.123456Z";
	double seconds;

	(void) state;
	utc_now_exact(text);
	assert_int_equal(strlen(text), strlen("2026-11-23T02:00:00.000000Z"));
	assert_true(utc_time_parse(text, &seconds));
	utc_cut_fraction(given);
	assert_string_equal(given, "2026-11-23T02:00:00Z");
	utc_cut_fraction(given);
	assert_string_equal(given, "2026-11-23T02:00:00Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_times),
		cmocka_unit_test(bad_times),
		cmocka_unit_test(now),
		cmocka_unit_test(exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
