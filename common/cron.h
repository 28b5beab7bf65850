/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  Schedules in cron's five fields, and when they come next.
 *
 * A field is *, a value, a range a-b, a step of either (asterisk/n, a-b/n), or
 * a list of these.  Months and days of the week may be written as names of
 * three letters; Sunday is 0 and 7.  "L" (or "$") among the days is the last
 * day of the month.  @hourly, @daily, @weekly, @monthly, @yearly are short for
 * the usual.  As in every cron, a day must match both day fields, but only one
 * of them if neither begins with "*".
 *
 * Schedules speak of local time.  A local time that a change of clocks leaves
 * out is taken as the first minute after the gap; one that comes twice counts
 * the first time only.
 *
 * No backend header and no libc time zone: what knows zones comes as a
 * callback, because the server has its own zone data.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CRON_H
#define NEX_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CronSchedule
{
	uint64_t minutes;  /* bit 0 to 59 */
	uint32_t hours;    /* bit 0 to 23 */
	uint32_t days;     /* bit 1 to 31 */
	uint32_t months;   /* bit 1 to 12 */
	uint32_t weekdays; /* bit 0 (Sunday) to 6 */
	bool last_day;     /* the last day of a month, too */
	bool every_day;    /* the field of days begins with "*" */
	bool every_weekday;
} CronSchedule;

/* Seconds to add to UTC for local time, at an instant (seconds since 1970). */
typedef struct CronZone
{
	int64_t (*offset)(const void *zone, int64_t instant);
	const void *zone;
} CronZone;

/* False, with a message that names the field, if the text is not a schedule. */
extern bool cron_parse(const char *text, CronSchedule *schedule, char *message, size_t size);

/* The first instant after `after`; false if there is none within CRON_MAX_YEARS. */
extern bool cron_next(const CronSchedule *schedule, const CronZone *zone, int64_t after,
					  int64_t *next);

/* From one 29 February to the next it can take 8 years. */
#define CRON_MAX_YEARS 9

#endif /* NEX_CRON_H */
