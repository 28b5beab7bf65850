/*-------------------------------------------------------------------------
 *
 * test_retention.c
 *	  The keep rules, on made-up histories.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "retention.h"

#define DAY ((time_t) 24 * 3600)
#define MAX_BACKUPS 1000

static RetentionBackup history[MAX_BACKUPS];
static char ids[MAX_BACKUPS][32];
static Owner owners[MAX_BACKUPS];
static int count;

/* Seconds since 1970 of a UTC date and hour. */
static time_t
at(int year, int month, int day, int hour)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	return timegm(&tm);
}

static int
add_state(const char *database, time_t when, RetentionState state)
{
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(ids[count], sizeof(ids[count]), "%Y%m%dT%H%M%SZ", &tm);
	memset(&history[count], 0, sizeof(history[count]));
	owners[count] = owner_of(NULL, database);
	history[count].owner = &owners[count];
	history[count].id = ids[count];
	history[count].time = when;
	history[count].state = state;
	return count++;
}

static int
add(const char *database, time_t when)
{
	return add_state(database, when, RETENTION_UNVERIFIED);
}

static int
kept(void)
{
	int n = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		n += history[i].keep;
		assert_true(history[i].reason[0] != '\0');
	}
	return n;
}

static int
start(void **state)
{
	(void) state;
	count = 0;
	return 0;
}

static void
decide(int daily, int weekly, int monthly, int yearly, int minimum, time_t now)
{
	RetentionRules rules = {daily, weekly, monthly, yearly, minimum};

	retention_decide(&rules, now, history, count);
}

static void
test_empty(void **state)
{
	(void) state;
	decide(7, 4, 0, 0, 1, at(2026, 1, 1, 0));
	assert_int_equal(kept(), 0);
}

static void
test_year_of_dailies(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < 365; i++)
		add("a", at(2026, 1, 1, 2) + i * DAY);

	/* 2026-12-31 is the Thursday of week 53. */
	decide(7, 4, 0, 0, 1, at(2026, 12, 31, 3));
	/* 25..31 December; weeks 53 and 52 (27 December) lie within; 51, 50 are added. */
	assert_int_equal(kept(), 9);
	for (i = 358; i < 365; i++)
		assert_true(history[i].keep);
	assert_true(history[353].keep); /* Sunday 20 December */
	assert_string_equal(history[353].reason, "weekly 2026-W51");
	assert_true(history[346].keep); /* Sunday 13 December */
	assert_string_equal(history[364].reason, "newest, daily 2026-12-31, weekly 2026-W53");
	assert_string_equal(history[345].reason, "week 2026-W50 has the newer 20261213T020000Z");
	assert_string_equal(history[0].reason, "older than the keep rules reach");

	decide(0, 0, 12, 1, 0, at(2026, 12, 31, 3));
	assert_int_equal(kept(), 12);
	assert_true(history[30].keep);
	assert_string_equal(history[30].reason, "monthly 2026-01");
	assert_string_equal(history[364].reason, "newest, monthly 2026-12, yearly 2026");
}

static void
test_several_a_day(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < 24; i++)
		add("a", at(2026, 5, 1, i));
	for (i = 0; i < 10; i++)
		add("a", at(2026, 5, 2, i));
	decide(2, 0, 0, 0, 0, at(2026, 5, 2, 10));
	assert_int_equal(kept(), 2);
	assert_true(history[23].keep);
	assert_true(history[33].keep);
	assert_string_equal(history[22].reason, "day 2026-05-01 has the newer 20260501T230000Z");
}

static void
test_gaps_use_up_nothing(void **state)
{
	(void) state;
	add("a", at(2025, 1, 1, 0));
	add("a", at(2025, 6, 1, 0));
	add("a", at(2026, 3, 1, 0));
	decide(3, 0, 0, 0, 0, at(2026, 11, 1, 0));
	assert_int_equal(kept(), 3);
}

static void
test_databases_are_apart(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < 10; i++)
		add("a", at(2026, 1, 1, 0) + i * DAY);
	for (i = 0; i < 3; i++)
		add("b", at(2026, 1, 1, 0) + i * DAY);
	decide(5, 0, 0, 0, 1, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 8);
	assert_false(history[4].keep);
	assert_true(history[5].keep);
	assert_true(history[10].keep);
}

static void
test_year_boundary(void **state)
{
	int monday;
	int friday;

	(void) state;
	/* 2020 had 53 ISO weeks; the last one ends on Sunday 2021-01-03. */
	monday = add("a", at(2020, 12, 28, 1));
	friday = add("a", at(2021, 1, 1, 1));
	add("a", at(2021, 1, 4, 1));
	decide(0, 5, 0, 0, 0, at(2021, 1, 5, 0));
	assert_false(history[monday].keep);
	assert_string_equal(history[friday].reason, "weekly 2020-W53");
	assert_string_equal(history[2].reason, "newest, weekly 2021-W01");

	/* Years and months do part there. */
	decide(0, 0, 0, 2, 0, at(2021, 1, 5, 0));
	assert_string_equal(history[monday].reason, "yearly 2020");
	assert_false(history[friday].keep);
}

static void
test_no_rules(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < 5; i++)
		add("a", at(2026, 1, 1, 0) + i * DAY);
	decide(0, 0, 0, 0, 0, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 1);
	assert_true(history[4].keep);
	assert_string_equal(history[0].reason, "older than the keep rules reach");
	decide(0, 0, 0, 0, 3, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 3);
	assert_string_equal(history[3].reason, "minimum");
}

static void
test_newest_verified_stays(void **state)
{
	(void) state;
	add_state("a", at(2026, 1, 1, 0), RETENTION_VERIFIED);
	add_state("a", at(2026, 1, 2, 0), RETENTION_VERIFIED);
	add("a", at(2026, 1, 3, 0));
	add("a", at(2026, 1, 4, 0));
	decide(1, 0, 0, 0, 1, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 2);
	assert_string_equal(history[1].reason, "newest verified");
}

static void
test_failed_stands_for_nothing(void **state)
{
	(void) state;
	add("a", at(2026, 1, 1, 1));
	add("a", at(2026, 1, 2, 1));
	add_state("a", at(2026, 1, 2, 2), RETENTION_FAILED);
	add_state("a", at(2026, 1, 3, 2), RETENTION_FAILED);
	decide(2, 0, 0, 0, 1, at(2026, 2, 1, 0));
	/* Two sound days, and the two failed ones that the rule names. */
	assert_int_equal(kept(), 4);
	assert_string_equal(history[0].reason, "daily 2026-01-01");
	assert_string_equal(history[3].reason, "newest, daily 2026-01-03");

	/* Without failures the first would go. */
	history[2].state = history[3].state = RETENTION_UNVERIFIED;
	decide(2, 0, 0, 0, 1, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 2);
}

static void
test_damaged_stays(void **state)
{
	(void) state;
	add_state("a", at(2026, 1, 1, 1), RETENTION_DAMAGED);
	add("a", at(2026, 1, 2, 1));
	add("a", at(2026, 1, 3, 1));
	decide(1, 0, 0, 0, 1, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 2);
	assert_true(history[0].keep);
	assert_string_equal(history[0].reason, "damaged, look at it");
}

/* However good its files are: they hold what the server had. */
static void
test_damaged_pages_displace_nothing(void **state)
{
	(void) state;
	add("a", at(2026, 1, 1, 1));
	add("a", at(2026, 1, 1, 2));
	add_state("a", at(2026, 1, 1, 3), RETENTION_OF_DAMAGED);
	add_state("a", at(2026, 1, 2, 3), RETENTION_OF_DAMAGED);
	decide(1, 0, 0, 0, 0, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 3);
	assert_string_equal(history[1].reason, "newest undamaged, daily 2026-01-01");
	assert_string_equal(history[2].reason, "has damaged pages, look at it");
	assert_string_equal(history[3].reason, "newest, has damaged pages, look at it");

	decide(0, 0, 0, 0, 0, at(2026, 2, 1, 0));
	assert_string_equal(history[1].reason, "newest undamaged");
	assert_false(history[0].keep);

	/* The server has been repaired. */
	add("a", at(2026, 1, 3, 1));
	decide(1, 0, 0, 0, 1, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 3);
	assert_false(history[1].keep);
}

static void
test_future_freezes(void **state)
{
	time_t now = at(2026, 1, 5, 0);

	(void) state;
	add("a", at(2026, 1, 1, 1));
	add("a", at(2026, 1, 2, 1));
	add("a", now + 6 * 60);
	add("b", at(2026, 1, 1, 1));
	add("b", now + 4 * 60);
	decide(1, 0, 0, 0, 1, now);
	assert_true(history[0].keep && history[0].frozen);
	assert_true(history[1].keep && history[1].frozen);
	assert_false(history[2].frozen);
	assert_false(history[3].keep);
	assert_true(history[4].keep);
}

static void
set_position(int backup, const char *server, int timeline, uint64_t lsn, bool standby)
{
	WalPosition *position = &history[backup].position;

	position->known = true;
	position->standby = standby;
	position->timeline = timeline;
	position->lsn = lsn;
	snprintf(position->server, sizeof(position->server), "%s", server);
	history[backup].named = history[backup].time;
}

/* Three backups; the first has the oldest time, but was perhaps made last. */
static void
make_three(int timeline, uint64_t lsn, bool standby)
{
	count = 0;
	add("a", at(2026, 1, 1, 1));
	add("a", at(2026, 2, 1, 1));
	add("a", at(2026, 2, 2, 1));
	set_position(0, "1", timeline, lsn, false);
	set_position(1, "1", 1, 10, false);
	set_position(2, "1", 1, 20, standby);
}

static void
test_clock_set_back(void **state)
{
	time_t now = at(2026, 2, 2, 2);

	(void) state;
	make_three(1, 5, false);
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 1);

	make_three(1, 25, false);
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 3);
	assert_true(history[0].later == LATER_POSITION && history[0].frozen && history[1].frozen);
	assert_string_equal(history[1].reason, "a backup was made after the newest");

	/* After a failover. */
	make_three(2, 5, false);
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 3);
	assert_int_equal(history[0].later, LATER_TIMELINE);
	assert_string_equal(history[1].reason, "a backup is of a later timeline than the newest");

	/* A standby that is behind; but the head of a page of WAL is nothing to be behind of. */
	make_three(1, 25, true);
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 3);
	assert_int_equal(history[0].later, LATER_THAN_STANDBY);
	assert_string_equal(history[1].reason,
						"a backup shows a later state than the newest, of a standby");
	make_three(1, 20, true);
	history[2].position.lsn = 8192;
	history[0].position.lsn = 8192 + 40;
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 1);
	history[0].position.lsn++;
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 3);

	/* Before a person said that it is the same server, positions were those of another history. */
	make_three(2, 5, false);
	history[2].position.history = 1;
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 1);
	history[0].position.history = 2;
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 3);

	/* Another server has positions of its own. */
	make_three(1, 25, false);
	snprintf(history[0].position.server, sizeof(history[0].position.server), "2");
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 1);

	/* Where positions do not tell, the last name is kept, and nothing else. */
	make_three(1, 20, false);
	history[0].named = now;
	history[1].named = now - 600;
	history[1].position.known = false;
	decide(1, 0, 0, 0, 1, now);
	assert_true(history[0].keep && history[0].later == LATER_NAME && !history[0].frozen);
	assert_string_equal(history[0].reason, "made last, by its name");
	assert_int_equal(kept(), 2);

	/* They do tell: it was the host's clock. */
	make_three(1, 15, false);
	history[0].named = now + 365 * DAY;
	decide(1, 0, 0, 0, 1, now);
	assert_int_equal(kept(), 1);
}

/*
 * A set of files, a database and one of another server, all of the same name, are owners with rules
 * of their own.  What two have in common but one thing stands side by side, as in a sorted list.
 */
static void
test_set_of_the_same_name(void **state)
{
	int i;

	(void) state;
	for (i = 1; i <= 3; i++)
		memcpy(owners[add("shop", at(2026, 1, i, 1))].server, "other", sizeof("other"));
	for (i = 1; i <= 3; i++)
		add("shop", at(2026, 1, i + 10, 1));
	for (i = 1; i <= 3; i++)
		owners[add("shop", at(2026, 1, i + 20, 1))].kind = BACKUP_OF_FILES;
	decide(1, 0, 0, 0, 1, at(2026, 2, 1, 0));
	assert_int_equal(kept(), 3);
	assert_true(history[2].keep);
	assert_true(history[5].keep);
	assert_true(history[8].keep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, start),
		cmocka_unit_test_setup(test_year_of_dailies, start),
		cmocka_unit_test_setup(test_several_a_day, start),
		cmocka_unit_test_setup(test_gaps_use_up_nothing, start),
		cmocka_unit_test_setup(test_databases_are_apart, start),
		cmocka_unit_test_setup(test_year_boundary, start),
		cmocka_unit_test_setup(test_no_rules, start),
		cmocka_unit_test_setup(test_newest_verified_stays, start),
		cmocka_unit_test_setup(test_failed_stands_for_nothing, start),
		cmocka_unit_test_setup(test_damaged_stays, start),
		cmocka_unit_test_setup(test_damaged_pages_displace_nothing, start),
		cmocka_unit_test_setup(test_future_freezes, start),
		cmocka_unit_test_setup(test_clock_set_back, start),
		cmocka_unit_test_setup(test_set_of_the_same_name, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
