/*-------------------------------------------------------------------------
 *
 * utc_time.c
 *	  Times as text.
 *
 *-------------------------------------------------------------------------
 */
#include "utc_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"

char *
utc_now(void)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%03ldZ", text, now.tv_nsec / 1000000);
}

void
utc_now_exact(char text[UTC_EXACT_SIZE])
{
	struct timespec now;
	struct tm tm;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	length = strftime(text, UTC_EXACT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, UTC_EXACT_SIZE - length, ".%06ldZ", now.tv_nsec / 1000);
}

void
utc_cut_fraction(char *text)
{
	char *fraction = strchr(text, '.');
	char *rest;

	if (fraction == NULL)
		return;
	rest = fraction + 1 + strspn(fraction + 1, "0123456789");
	memmove(fraction, rest, strlen(rest) + 1);
}

/* Exactly N digits; returns the position after them, or NULL. */
static const char *
take_digits(const char *text, int count, int minimum, int maximum, int *value)
{
	int i;

	*value = 0;
	for (i = 0; i < count; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return NULL;
		*value = *value * 10 + (text[i] - '0');
	}
	return *value >= minimum && *value <= maximum ? text + count : NULL;
}

/* "Z", "+01", "-02:30", or nothing: UTC. */
static const char *
take_offset(const char *text, int *seconds)
{
	int sign = *text == '-' ? -1 : 1;
	int hours = 0;
	int minutes = 0;

	*seconds = 0;
	if (*text == 'Z')
		return text + 1;
	if (*text != '+' && *text != '-')
		return text;
	text = take_digits(text + 1, 2, 0, 15, &hours);
	if (text != NULL && *text == ':')
		text = take_digits(text + 1, 2, 0, 59, &minutes);
	*seconds = sign * (hours * 3600 + minutes * 60);
	return text;
}

/* ":SS" and ".fraction" behind the minutes, if they are there. */
static const char *
take_seconds(const char *text, struct tm *tm, double *fraction)
{
	*fraction = 0;
	if (*text != ':')
		return text;
	text = take_digits(text + 1, 2, 0, 59, &tm->tm_sec);
	if (text != NULL && *text == '.' && text[1] >= '0' && text[1] <= '9')
	{
		double unit = 0.1;

		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
			*fraction += unit * (*text - '0');
	}
	return text;
}

/* "YYYY-MM-DD" of a day that there is; gives the place behind it, or NULL. */
static const char *
take_date(const char *text, struct tm *tm)
{
	struct tm again;
	time_t when;
	int year = 0;
	int month = 0;

	text = take_digits(text, 4, 1970, 9999, &year);
	text = text != NULL && *text == '-' ? take_digits(text + 1, 2, 1, 12, &month) : NULL;
	text = text != NULL && *text == '-' ? take_digits(text + 1, 2, 1, 31, &tm->tm_mday) : NULL;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	again = *tm;
	when = timegm(&again);
	return text != NULL && gmtime_r(&when, &again) != NULL && again.tm_mday == tm->tm_mday ? text
																						   : NULL;
}

bool
utc_time_parse(const char *text, double *seconds)
{
	struct tm tm;
	double fraction = 0;
	int offset = 0;

	memset(&tm, 0, sizeof(tm));
	text = take_date(text, &tm);
	if (text == NULL)
		return false;
	/* A date alone is its first moment, as for PostgreSQL. */
	if (*text != '\0')
	{
		text = *text == 'T' || *text == ' ' ? take_digits(text + 1, 2, 0, 23, &tm.tm_hour) : NULL;
		text = text != NULL && *text == ':' ? take_digits(text + 1, 2, 0, 59, &tm.tm_min) : NULL;
		text = text != NULL ? take_seconds(text, &tm, &fraction) : NULL;
		text = text != NULL ? take_offset(text, &offset) : NULL;
		if (text == NULL || *text != '\0')
			return false;
	}
	*seconds = (double) timegm(&tm) - offset + fraction;
	return true;
}

void
utc_time_text(double seconds, char text[UTC_TIME_SIZE])
{
	time_t when = (time_t) seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
		strftime(text, UTC_TIME_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		memcpy(text, "?", 2);
}

double
utc_time_read(const char *text)
{
	struct tm utc;
	const char *rest;

	memset(&utc, 0, sizeof(utc));
	rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
	if (rest == NULL)
		return -1;
	return (double) timegm(&utc) + (*rest == '.' ? strtod(rest, NULL) : 0);
}

void
utc_time_write(time_t when, char text[32])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
