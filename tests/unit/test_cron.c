/*-------------------------------------------------------------------------
 *
 * test_cron.c
 *	  Schedules: what is one, what is wrong with others, and when they come.
 *
 * tests/t/060_cron.t compares ten years in real zones with an oracle; here a
 * zone is a table of two changes, so that each rule has its own small test.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cron.h"

#define DAY INT64_C(86400)

/* 2027-03-28 01:00 UTC and 2027-10-31 01:00 UTC, as in central Europe. */
#define SPRING INT64_C(1806195600)
#define AUTUMN INT64_C(1824944400)

static int64_t
no_offset(const void *zone, int64_t instant)
{
	(void) zone;
	(void) instant;
	return 0;
}

static int64_t
two_changes(const void *zone, int64_t instant)
{
	(void) zone;
	return instant >= SPRING && instant < AUTUMN ? 7200 : 3600;
}

static const CronZone utc = {.offset = no_offset};
static const CronZone berlin = {.offset = two_changes};

static int64_t
next_in(const CronZone *zone, const char *text, int64_t after)
{
	CronSchedule schedule;
	char message[256];
	int64_t next = -1;

	if (!cron_parse(text, &schedule, message, sizeof(message)))
		fail_msg("%s: %s", text, message);
	if (!cron_next(&schedule, zone, after, &next))
		return -1;
	return next;
}

static void
refused(const char *text, const char *expected)
{
	CronSchedule schedule;
	char message[256] = "";

	assert_false(cron_parse(text, &schedule, message, sizeof(message)));
	if (strstr(message, expected) == NULL)
		fail_msg("\"%s\" gives \"%s\", without \"%s\"", text, message, expected);
}

static void
test_fields(void **state)
{
	CronSchedule s;
	char message[256];

	(void) state;
	assert_true(cron_parse("*/15 0-6/2,22 1,L JAN-mar,12 mon-fri", &s, message, sizeof(message)));
	assert_true(s.minutes ==
				(UINT64_C(1) | UINT64_C(1) << 15 | UINT64_C(1) << 30 | UINT64_C(1) << 45));
	assert_int_equal(s.hours, 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 22);
	assert_int_equal(s.days, 1 << 1);
	assert_true(s.last_day);
	assert_int_equal(s.months, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 12);
	assert_int_equal(s.weekdays, 0x3e);
	assert_true(cron_parse("0 0 $ * 7", &s, message, sizeof(message)));
	assert_true(s.last_day);
	assert_int_equal(s.weekdays, 1);
	assert_true(cron_parse("0 0 * * fri-sun", &s, message, sizeof(message)));
	assert_int_equal(s.weekdays, 1 << 5 | 1 << 6 | 1);
	assert_true(cron_parse("0 0 * * */2", &s, message, sizeof(message)));
	assert_int_equal(s.weekdays, 1 | 1 << 2 | 1 << 4 | 1 << 6);
	assert_true(cron_parse("  @Daily ", &s, message, sizeof(message)));
	assert_int_equal(s.hours, 1);
	assert_true(s.minutes == 1);
}

static void
test_refusals(void **state)
{
	(void) state;
	refused("", "the minute field is missing");
	refused("0 2 * *", "the day of week field is missing");
	refused("0 2 * * * *", "after the fifth field");
	refused("60 * * * *", "invalid minute field \"60\": 60 is not in 0 to 59");
	refused("0 24 * * *", "invalid hour field");
	refused("0 0 0 * *", "invalid day of month field");
	refused("0 0 32 * *", "invalid day of month field");
	refused("0 0 * 13 *", "invalid month field");
	refused("0 0 * foo *", "\"foo\" is not a name here");
	refused("0 0 * january *", "\"january\" is not a name here");
	refused("0 0 * * 8", "invalid day of week field");
	refused("0 mon * * *", "invalid hour field");
	refused("5-1 * * * *", "ends before it begins");
	refused("0 0 * nov-feb *", "ends before it begins");
	refused("5/10 * * * *", "a step needs * or a range");
	refused("*/0 * * * *", "the step 0");
	refused("*/60 * * * *", "the step 60");
	refused("1,,2 * * * *", "a number is missing");
	refused("1, * * * *", "a number is missing");
	refused("1- * * * *", "a number is missing");
	refused("*5 * * * *", "unexpected \"5\"");
	refused("-1 * * * *", "a number is missing");
	refused("99999999999999999999 * * * *", "too large");
	refused("0 0 L-1 * *", "unexpected \"-1\"");
	refused("0 0 * * L", "is not a name here");
	refused("@reboot", "known are");
	refused("@dailyx", "known are");
	refused("@daily 5", "known are");
	refused("0 2 * * * ; rm", "after the fifth field");
}

static void
test_calendar(void **state)
{
	(void) state;
	/* 2027-01-01 is a Friday, 1798761600 */
	assert_int_equal(next_in(&utc, "0 0 1 1 *", 1798761600 - 1), 1798761600);
	assert_int_equal(next_in(&utc, "* * * * *", 1798761600), 1798761660);
	assert_int_equal(next_in(&utc, "0 0 * * mon", 1798761600), 1798761600 + 3 * DAY);
	/* both fields: either day */
	assert_int_equal(next_in(&utc, "0 0 15 * mon", 1798761600 + 3 * DAY), 1798761600 + 10 * DAY);
	assert_int_equal(next_in(&utc, "0 0 15 * mon", 1798761600 + 10 * DAY), 1798761600 + 14 * DAY);
	/* one begins with a star: both must match */
	assert_int_equal(next_in(&utc, "0 0 */2 * mon", 1798761600), 1798761600 + 10 * DAY);
	assert_int_equal(next_in(&utc, "0 0 L * *", 1798761600), 1798761600 + 30 * DAY);
	assert_int_equal(next_in(&utc, "0 0 L 2 *", 1798761600), 1798761600 + 58 * DAY);
	/* 2028-02-29, and from 2096 over 2100, which is no leap year, to 2104 */
	assert_int_equal(next_in(&utc, "0 0 29 2 *", 1798761600), 1835395200);
	assert_int_equal(next_in(&utc, "0 0 29 2 *", INT64_C(3981312000)), INT64_C(4233686400));
	assert_int_equal(next_in(&utc, "0 0 30 2 *", 1798761600), -1);
	/* before 1970 */
	assert_int_equal(next_in(&utc, "0 0 * * *", -1), 0);
	assert_int_equal(next_in(&utc, "0 0 * * wed", -3 * DAY), -DAY);
}

static void
test_gap(void **state)
{
	(void) state;
	/* 02:30 is not there: the first minute behind the gap, once */
	assert_int_equal(next_in(&berlin, "30 2 * * *", SPRING - 3600), SPRING);
	assert_int_equal(next_in(&berlin, "*/10 2 * * *", SPRING - 3600), SPRING);
	assert_int_equal(next_in(&berlin, "*/10 2 * * *", SPRING), SPRING + 23 * 3600);
	assert_int_equal(next_in(&berlin, "0 3 * * *", SPRING - 3600), SPRING);
	assert_int_equal(next_in(&berlin, "* * * * *", SPRING - 60), SPRING);
	assert_int_equal(next_in(&berlin, "* * * * *", SPRING), SPRING + 60);
}

static void
test_repeated_hour(void **state)
{
	(void) state;
	/* 02:30 comes at AUTUMN - 1800 and at AUTUMN + 1800 */
	assert_int_equal(next_in(&berlin, "30 2 * * *", AUTUMN - 7200), AUTUMN - 1800);
	assert_int_equal(next_in(&berlin, "30 2 * * *", AUTUMN - 1800), AUTUMN + 1800 + DAY);
	assert_int_equal(next_in(&berlin, "* * * * *", AUTUMN - 60), AUTUMN + 3600);
	assert_int_equal(next_in(&berlin, "0 3 * * *", AUTUMN - 60), AUTUMN + 3600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),        cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_calendar),      cmocka_unit_test(test_gap),
		cmocka_unit_test(test_repeated_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
