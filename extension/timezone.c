/*-------------------------------------------------------------------------
 *
 * timezone.c
 *	  Schedules with the server's time zones, and the clock that decisions
 *	  are taken by.
 *
 * The tests set the clock: nex_backup.testing_clock is a time, or a number of
 * seconds to add to the real one.  Only superusers may set it, and it moves
 * decisions of the scheduler, nothing else of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cron.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(nex_backup_now);
PG_FUNCTION_INFO_V1(nex_backup_next_run);

#define EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

Datum
nex_backup_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(scheduler_clock(GetCurrentTimestamp()));
}

/* pg_localtime() gives a static buffer, of which only the offset is wanted. */
static int64_t
zone_offset(const void *zone, int64_t instant)
{
	pg_time_t at = (pg_time_t) instant;
	struct pg_tm *local = pg_localtime(&at, (const pg_tz *) zone);

	return local != NULL ? local->tm_gmtoff : 0;
}

static pg_tz *
find_zone(const char *name)
{
	pg_tz *zone = strlen(name) <= TZ_STRLEN_MAX ? pg_tzset(name) : NULL;

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown time zone \"%s\"", name),
				 errhint("SELECT name FROM pg_timezone_names lists those that are known.")));
	return zone;
}

static void
parse_schedule(const char *text, CronSchedule *schedule)
{
	char message[512];

	if (!cron_parse(text, schedule, message, sizeof(message)))
	{
		int length = (int) strlen(message);

		/* It may have been cut within a character. */
		message[pg_mbcliplen(message, length, length)] = '\0';
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid schedule \"%s\"", text),
				 errdetail("%s.", message),
				 errhint("\"0 2 * * *\" is every night at two: minute, hour, day of month, month, "
						 "day of week.")));
	}
}

/* nex_backup.next_run(schedule, timezone, after): NULL if it never comes. */
Datum
nex_backup_next_run(PG_FUNCTION_ARGS)
{
	char *given = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(2);
	CronSchedule schedule;
	CronZone zone = {.offset = zone_offset};
	int64 seconds;
	int64_t next;

	parse_schedule(given, &schedule);
	zone.zone = find_zone(name);
	/* Calendars and zones need some room at both ends of what a timestamp can hold. */
	if (TIMESTAMP_NOT_FINITE(after) || after < INT64CONST(-3155673600000000) ||
		after > INT64CONST(252455616000000000))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("the time after which to look is out of range"),
						errdetail("It must be between the years 1900 and 10000.")));
	/* Downward also before 2000: what begins within this second is after it. */
	seconds = after / USECS_PER_SEC - (after % USECS_PER_SEC < 0 ? 1 : 0);
	if (!cron_next(&schedule, &zone, seconds + EPOCH_SECONDS, &next))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ((TimestampTz) ((next - EPOCH_SECONDS) * USECS_PER_SEC));
}
