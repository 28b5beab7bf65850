/*-------------------------------------------------------------------------
 *
 * time_writers.c
 *	  Dates and times in DateStyle ISO to their binary forms: days, or
 *	  microseconds, since the start of 2000.
 *
 * Years after 9999 and before Christ, and offsets other than UTC (a backup's sessions run in it),
 * are left to the server: they are rare, and what is not written here cannot be wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "time_writers.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire.h"

#define DATE_LENGTH 10 /* 2026-11-23 */
#define TIME_LENGTH 8  /* 02:00:00 */
#define MAX_FRACTION 6
#define MICROSECONDS INT64_C(1000000)
#define DAY (86400 * MICROSECONDS)

/* Days from 0000-03-01 to 2000-01-01. */
#define DAYS_TO_2000 730425

static bool
is_text(const char *text, size_t length, const char *expected)
{
	return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

/* `count` decimal digits; false if some are none. */
static bool
read_digits(const char *text, int count, int *value)
{
	int i;

	*value = 0;
	for (i = 0; i < count; i++)
	{
		unsigned digit = (unsigned char) text[i] - '0';

		if (digit > 9)
			return false;
		*value = *value * 10 + (int) digit;
	}
	return true;
}

/*
 * Days since 2000-01-01 in the Gregorian calendar.  With the year starting in
 * March, the leap day is the last one, and the first day of month m (from 0) is day
 * (153 m + 2) / 5 of it.
 */
static int32_t
days_since_2000(int year, int month, int day)
{
	int march_year = month > 2 ? year : year - 1;
	int march_month = month > 2 ? month - 3 : month + 9;

	return march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 +
		   (153 * march_month + 2) / 5 + day - 1 - DAYS_TO_2000;
}

static int
days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Reads DATE_LENGTH characters. */
static bool
read_date(const char *text, int32_t *days)
{
	int year;
	int month;
	int day;

	if (!read_digits(text, 4, &year) || text[4] != '-' || !read_digits(text + 5, 2, &month) ||
		text[7] != '-' || !read_digits(text + 8, 2, &day) || year < 1 || month < 1 || month > 12 ||
		day < 1 || day > days_of_month(year, month))
		return false;
	*days = days_since_2000(year, month, day);
	return true;
}

/* Microseconds of what follows the seconds: nothing, or a point and up to six digits. */
static bool
read_fraction(const char *text, size_t length, int *microseconds)
{
	static const int scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};

	*microseconds = 0;
	if (length == 0)
		return true;
	if (text[0] != '.' || length == 1 || length > 1 + MAX_FRACTION ||
		!read_digits(text + 1, (int) length - 1, microseconds))
		return false;
	*microseconds *= scale[length - 1];
	return true;
}

static bool
read_time(const char *text, size_t length, int64_t *microseconds)
{
	int hour;
	int minute;
	int second;
	int fraction;

	if (length < TIME_LENGTH || !read_digits(text, 2, &hour) || text[2] != ':' ||
		!read_digits(text + 3, 2, &minute) || text[5] != ':' ||
		!read_digits(text + 6, 2, &second) ||
		!read_fraction(text + TIME_LENGTH, length - TIME_LENGTH, &fraction) || minute > 59 ||
		second > 59)
		return false;
	*microseconds = (hour * 3600 + minute * 60 + second) * MICROSECONDS + fraction;
	return *microseconds <= DAY;
}

char *
value_write_date(char *out, const char *text, size_t length)
{
	int32_t days;

	if (is_text(text, length, "infinity"))
		days = INT32_MAX;
	else if (is_text(text, length, "-infinity"))
		days = INT32_MIN;
	else if (length != DATE_LENGTH || !read_date(text, &days))
		return NULL;
	return wire_put_32(out, (uint32_t) days);
}

char *
value_write_time(char *out, const char *text, size_t length)
{
	int64_t microseconds;

	if (!read_time(text, length, &microseconds))
		return NULL;
	return wire_put_64(out, (uint64_t) microseconds);
}

char *
value_write_timestamp(char *out, const char *text, size_t length)
{
	int32_t days;
	int64_t microseconds;

	if (is_text(text, length, "infinity"))
		return wire_put_64(out, INT64_MAX);
	if (is_text(text, length, "-infinity"))
		return wire_put_64(out, (uint64_t) INT64_MIN);
	if (length <= DATE_LENGTH || !read_date(text, &days) || text[DATE_LENGTH] != ' ' ||
		!read_time(text + DATE_LENGTH + 1, length - DATE_LENGTH - 1, &microseconds) ||
		microseconds == DAY)
		return NULL;
	return wire_put_64(out, (uint64_t) (days * DAY + microseconds));
}

char *
value_write_timestamptz(char *out, const char *text, size_t length)
{
	static const char utc[] = "+00";
	size_t zone = strlen(utc);

	if (length > zone && memcmp(text + length - zone, utc, zone) == 0)
		return value_write_timestamp(out, text, length - zone);
	if (is_text(text, length, "infinity") || is_text(text, length, "-infinity"))
		return value_write_timestamp(out, text, length);
	return NULL;
}
