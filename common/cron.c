/*-------------------------------------------------------------------------
 *
 * cron.c
 *	  Schedules in cron's five fields, and when they come next.
 *
 * Not Vixie's way of asking every minute whether it matches: whoever sleeps
 * until a job is due wants to know when that is, and a minute that the clock
 * skips is never asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "cron.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* No zone is, or was, further from UTC. */
#define MAX_OFFSET (26 * HOUR)

typedef struct Field
{
	const char *name;
	int min;
	int max;
	const char *names; /* of three letters each, from min (months) or 0 (days of the week) */
	bool last;         /* takes L */
} Field;

static const Field minute_field = {"minute", 0, 59, NULL, false};
static const Field hour_field = {"hour", 0, 23, NULL, false};
static const Field day_field = {"day of month", 1, 31, NULL, true};
static const Field month_field = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", false};
static const Field weekday_field = {"day of week", 0, 7, "sunmontuewedthufrisat", false};

static const struct
{
	const char *name;
	const char *schedule;
} shorthands[] = {
	{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"},
};

/* Where the text of one field is, and where complaints go. */
typedef struct Parser
{
	const Field *field;
	const char *text; /* of this field */
	int length;
	const char *at;
	const char *end;
	char *message;
	size_t size;
} Parser;

/* ---- reading ---- */

static bool __attribute__((format(printf, 2, 3))) complain(Parser *parser, const char *format, ...)
{
	va_list arguments;
	int used;

	used =
		snprintf(parser->message, parser->size, "invalid %s field \"%.*s\": ", parser->field->name,
				 parser->length, parser->text);
	if (used < 0 || (size_t) used >= parser->size)
		return false;
	va_start(arguments, format);
	vsnprintf(parser->message + used, parser->size - (size_t) used, format, arguments);
	va_end(arguments);
	return false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ASCII only: the meaning of a schedule must not depend on a locale. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool
is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
parse_number(Parser *parser, int *number)
{
	int value = 0;
	int digits = 0;

	while (parser->at < parser->end && is_digit(*parser->at))
	{
		value = value * 10 + (*parser->at - '0');
		parser->at++;
		if (++digits > 4)
			return complain(parser, "the number is too large");
	}
	*number = value;
	return true;
}

static bool
parse_name(Parser *parser, int *value)
{
	const Field *field = parser->field;
	const char *word = parser->at;
	int letters = 0;
	size_t i;

	while (parser->at < parser->end && is_letter(*parser->at))
	{
		parser->at++;
		letters++;
	}
	for (i = 0; field->names != NULL && letters == 3 && field->names[i] != '\0'; i += 3)
	{
		if (lower(word[0]) == field->names[i] && lower(word[1]) == field->names[i + 1] &&
			lower(word[2]) == field->names[i + 2])
		{
			*value = field->min + (int) (i / 3);
			return true;
		}
	}
	return complain(parser, "\"%.*s\" is not a name here", letters, word);
}

/* A number or a name, within the field's limits. */
static bool
parse_value(Parser *parser, int *value)
{
	if (parser->at < parser->end && is_letter(*parser->at))
		return parse_name(parser, value);
	if (parser->at == parser->end || !is_digit(*parser->at))
		return complain(parser, "a number%s is missing",
						parser->field->names != NULL ? " or a name" : "");
	if (!parse_number(parser, value))
		return false;
	if (*value < parser->field->min || *value > parser->field->max)
		return complain(parser, "%d is not in %d to %d", *value, parser->field->min,
						parser->field->max);
	return true;
}

/* "/n", if it is there; only behind * and a range. */
static bool
parse_step(Parser *parser, bool allowed, int *step)
{
	*step = 1;
	if (parser->at == parser->end || *parser->at != '/')
		return true;
	if (!allowed)
		return complain(parser, "a step needs * or a range before it");
	parser->at++;
	if (parser->at == parser->end || !is_digit(*parser->at))
		return complain(parser, "a number is missing behind \"/\"");
	if (!parse_number(parser, step))
		return false;
	if (*step < 1 || *step > parser->field->max)
		return complain(parser, "the step %d is not in 1 to %d", *step, parser->field->max);
	return true;
}

/* One element of a list. */
static bool
parse_element(Parser *parser, uint64_t *bits, bool *last)
{
	int low;
	int high;
	int step;
	int value;
	bool range = true;

	if (parser->field->last && parser->at < parser->end &&
		(lower(*parser->at) == 'l' || *parser->at == '$'))
	{
		parser->at++;
		*last = true;
		return true;
	}
	if (parser->at < parser->end && *parser->at == '*')
	{
		parser->at++;
		low = parser->field->min;
		/* 7 is 0 once more, which a step must not count. */
		high = parser->field == &weekday_field ? 6 : parser->field->max;
	}
	else
	{
		if (!parse_value(parser, &low))
			return false;
		high = low;
		range = parser->at < parser->end && *parser->at == '-';
		if (range)
		{
			parser->at++;
			if (!parse_value(parser, &high))
				return false;
			if (parser->field == &weekday_field && high == 0 && low > 0)
				high = 7;
			if (high < low)
				return complain(parser, "the range ends before it begins");
		}
	}
	if (!parse_step(parser, range, &step))
		return false;
	for (value = low; value <= high; value += step)
		*bits |= UINT64_C(1) << value;
	return true;
}

static bool
parse_field(Parser *parser, uint64_t *bits, bool *last)
{
	*bits = 0;
	for (;;)
	{
		if (!parse_element(parser, bits, last))
			return false;
		if (parser->at == parser->end)
			return true;
		if (*parser->at != ',')
			return complain(parser, "unexpected \"%.*s\"", (int) (parser->end - parser->at),
							parser->at);
		parser->at++;
	}
}

/* The schedule that a word with @ is short for; NULL, with a message, if there is none. */
static const char *
expand(const char *text, char *message, size_t size)
{
	size_t length = strcspn(text, " \t");
	size_t i;

	for (i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++)
	{
		const char *name = shorthands[i].name;
		size_t j = 0;

		while (j < length && name[j] != '\0' && lower(text[j]) == name[j])
			j++;
		if (j == length && name[j] == '\0' && text[length + strspn(text + length, " \t")] == '\0')
			return shorthands[i].schedule;
	}
	snprintf(message, size,
			 "unknown schedule \"%s\": known are @hourly, @daily, @midnight, @weekly, @monthly, "
			 "@yearly and @annually",
			 text);
	return NULL;
}

bool
cron_parse(const char *text, CronSchedule *schedule, char *message, size_t size)
{
	static const Field *const fields[] = {&minute_field, &hour_field, &day_field, &month_field,
										  &weekday_field};
	uint64_t bits[5];
	bool star[5];
	bool last = false;
	int i;

	text += strspn(text, " \t");
	if (*text == '@')
	{
		text = expand(text, message, size);
		if (text == NULL)
			return false;
	}
	for (i = 0; i < 5; i++)
	{
		Parser parser = {.field = fields[i], .text = text, .message = message, .size = size};

		parser.length = (int) strcspn(text, " \t");
		parser.at = text;
		parser.end = text + parser.length;
		if (parser.length == 0)
		{
			snprintf(message, size,
					 "the %s field is missing: a schedule has five fields, "
					 "minute hour day-of-month month day-of-week",
					 fields[i]->name);
			return false;
		}
		star[i] = *text == '*';
		if (!parse_field(&parser, &bits[i], &last))
			return false;
		text = parser.end + strspn(parser.end, " \t");
	}
	if (*text != '\0')
	{
		snprintf(message, size, "unexpected \"%s\" after the fifth field (day of week)", text);
		return false;
	}
	schedule->minutes = bits[0];
	schedule->hours = (uint32_t) bits[1];
	schedule->days = (uint32_t) bits[2];
	schedule->months = (uint32_t) bits[3];
	schedule->weekdays = (uint32_t) ((bits[4] | bits[4] >> 7) & 0x7f);
	schedule->last_day = last;
	schedule->every_day = star[2];
	schedule->every_weekday = star[4];
	return true;
}

/* ---- the calendar ---- */

static bool
is_leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
}

/* Days count from 1970-01-01; years begin in March here, so that the leap day is their last. */
static void
date_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted_month = (5 * day_of_year + 2) / 153;

	*day = (int) (day_of_year - (153 * shifted_month + 2) / 5 + 1);
	*month = (int) (shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
	*year = (int) (year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static int64_t
floor_divide(int64_t dividend, int64_t divisor)
{
	return dividend >= 0 ? dividend / divisor : -((-dividend + divisor - 1) / divisor);
}

static bool
day_matches(const CronSchedule *schedule, int64_t days)
{
	int weekday = (int) (((days + 4) % 7 + 7) % 7);
	bool in_days;
	bool in_weekdays = (schedule->weekdays >> weekday & 1) != 0;
	int year;
	int month;
	int day;

	date_from_days(days, &year, &month, &day);
	if ((schedule->months >> month & 1) == 0)
		return false;
	in_days = (schedule->days >> day & 1) != 0 ||
			  (schedule->last_day && day == days_in_month(year, month));
	if (schedule->every_day || schedule->every_weekday)
		return in_days && in_weekdays;
	return in_days || in_weekdays;
}

/* The first minute of a matching day, from `minute` on; -1 if there is none. */
static int
next_minute_of_day(const CronSchedule *schedule, int minute)
{
	for (; minute < 24 * 60; minute++)
	{
		if ((schedule->hours >> (minute / 60) & 1) == 0)
			minute += 59 - minute % 60;
		else if ((schedule->minutes >> (minute % 60) & 1) != 0)
			return minute;
	}
	return -1;
}

/* The first matching local time that is not before `local`, a full minute. */
static bool
next_local(const CronSchedule *schedule, int64_t local, int64_t *next)
{
	int64_t day = floor_divide(local, DAY);
	int64_t last_day = day + CRON_MAX_YEARS * 366;
	int minute = (int) ((local - day * DAY) / MINUTE);

	for (; day <= last_day; day++, minute = 0)
	{
		int found;

		if (!day_matches(schedule, day))
			continue;
		found = next_minute_of_day(schedule, minute);
		if (found >= 0)
		{
			*next = day * DAY + found * MINUTE;
			return true;
		}
	}
	return false;
}

/* ---- local time and instants ---- */

static int64_t
offset_at(const CronZone *zone, int64_t instant)
{
	return zone->offset(zone->zone, instant);
}

/* The first instant in (low, high] at which the offset is not that of `low` any more. */
static int64_t
change_of_offset(const CronZone *zone, int64_t low, int64_t high)
{
	int64_t before = offset_at(zone, low);

	while (high - low > 1)
	{
		int64_t middle = low + (high - low) / 2;

		if (offset_at(zone, middle) == before)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/*
 * The first instant at which clocks show `local` or later.  That is the first
 * time if they show it twice, and the end of the gap if they skip it.
 */
static int64_t
instant_of_local(const CronZone *zone, int64_t local)
{
	int64_t instant = local - MAX_OFFSET;

	for (;;)
	{
		int64_t shown = instant + offset_at(zone, instant);
		int64_t guess = instant + (local - shown);
		int64_t guess_shown = guess + offset_at(zone, guess);

		if (guess_shown == local)
			return guess;
		if (guess_shown < local)
		{
			/* Clocks were set back in between. */
			instant = guess;
			continue;
		}
		instant = change_of_offset(zone, instant, guess);
		shown = instant + offset_at(zone, instant);
		if (shown >= local)
		{
			/* Long ago, clocks changed at seconds other than full minutes. */
			return instant + (MINUTE - (shown - floor_divide(shown, MINUTE) * MINUTE)) % MINUTE;
		}
	}
}

bool
cron_next(const CronSchedule *schedule, const CronZone *zone, int64_t after, int64_t *next)
{
	int64_t local = after + offset_at(zone, after);

	local = floor_divide(local, MINUTE) * MINUTE;
	while (next_local(schedule, local, &local))
	{
		*next = instant_of_local(zone, local);
		if (*next > after)
			return true;
		local += MINUTE;
	}
	return false;
}
