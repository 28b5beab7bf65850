/*-------------------------------------------------------------------------
 *
 * pretty.c
 *	  Numbers for people.
 *
 *-------------------------------------------------------------------------
 */
#include "pretty.h"

#include <inttypes.h>
#include <stdio.h>

/* So many results of the pretty_ functions may be used in one printf(). */
#define RING_SIZE 16
#define RING_BUFFER 48

static char *
next_buffer(void)
{
	static _Thread_local char ring[RING_SIZE][RING_BUFFER];
	static _Thread_local unsigned next;

	return ring[next++ % RING_SIZE];
}

const char *
pretty_bytes(uint64_t bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
	double value = (double) bytes / 1024;
	char *text = next_buffer();
	size_t unit = 0;

	if (bytes < 1024)
	{
		snprintf(text, RING_BUFFER, "%" PRIu64 " bytes", bytes);
		return text;
	}
	while (value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0]))
	{
		value /= 1024;
		unit++;
	}

	/* Two digits at least, but no tenths of a kB. */
	snprintf(text, RING_BUFFER, "%.*f %s", unit > 0 && value < 99.95 ? 1 : 0, value, units[unit]);
	return text;
}

const char *
pretty_count(uint64_t count)
{
	char digits[24];
	char *text = next_buffer();
	char *out = text;
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	int i;

	for (i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return text;
}

const char *
pretty_number_of(uint64_t count, const char *noun)
{
	char *text = next_buffer();

	snprintf(text, RING_BUFFER, "%s %s%s", pretty_count(count), noun, count == 1 ? "" : "s");
	return text;
}

const char *
pretty_duration(double seconds)
{
	char *text = next_buffer();
	long whole;

	if (!(seconds > 0))
		seconds = 0;
	if (seconds > 1e9)
		seconds = 1e9;
	whole = (long) (seconds + 0.5);
	if (seconds < 59.95)
		snprintf(text, RING_BUFFER, "%.1f s", seconds);
	else if (whole < 3600)
		snprintf(text, RING_BUFFER, "%ld min %ld s", whole / 60, whole % 60);
	else if (whole < 2 * 86400)
		snprintf(text, RING_BUFFER, "%ld h %ld min", whole / 3600, whole % 3600 / 60);
	else
		snprintf(text, RING_BUFFER, "%ld d %ld h", whole / 86400, whole % 86400 / 3600);
	return text;
}
