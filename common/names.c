/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Names of the repository.
 *
 *-------------------------------------------------------------------------
 */
#include "names.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_LENGTH 16 /* "20261123T020000Z" */
#define MAX_NAME_BYTES 63

static bool
all_digits(const char *text, size_t length)
{
	return strspn(text, "0123456789") >= length;
}

void
backup_id_format(time_t start, unsigned attempt, char id[BACKUP_ID_SIZE])
{
	struct tm tm;
	size_t length;

	gmtime_r(&start, &tm);
	length = strftime(id, BACKUP_ID_SIZE, "%Y%m%dT%H%M%SZ", &tm);
	if (attempt > 1)
		snprintf(id + length, BACKUP_ID_SIZE - length, "-%u", attempt);
}

bool
backup_id_valid(const char *id)
{
	const char *rest;

	if (strlen(id) < TIME_LENGTH || strlen(id) >= BACKUP_ID_SIZE)
		return false;
	if (!all_digits(id, 8) || id[8] != 'T' || !all_digits(id + 9, 6) || id[15] != 'Z')
		return false;
	rest = id + TIME_LENGTH;
	if (*rest == '\0')
		return backup_id_time(id) >= 0;
	return rest[0] == '-' && rest[1] >= '1' && rest[1] <= '9' &&
		   all_digits(rest + 1, strlen(rest + 1)) && strtoul(rest + 1, NULL, 10) >= 2 &&
		   strtoul(rest + 1, NULL, 10) <= UINT_MAX && backup_id_time(id) >= 0;
}

time_t
backup_id_time(const char *id)
{
	char again[BACKUP_ID_SIZE];
	struct tm tm;
	time_t result;

	memset(&tm, 0, sizeof(tm));
	if (strptime(id, "%Y%m%dT%H%M%SZ", &tm) == NULL)
		return -1;
	result = timegm(&tm);

	/* timegm() turns February 31 into March 3; a name like that was never written. */
	if (result < 0)
		return -1;
	backup_id_format(result, 1, again);
	return strncmp(id, again, TIME_LENGTH) == 0 ? result : -1;
}

int
backup_id_compare(const char *a, const char *b)
{
	int by_time = strncmp(a, b, TIME_LENGTH);
	unsigned long x;
	unsigned long y;

	if (by_time != 0)
		return by_time;
	x = a[TIME_LENGTH] == '-' ? strtoul(a + TIME_LENGTH + 1, NULL, 10) : 1;
	y = b[TIME_LENGTH] == '-' ? strtoul(b + TIME_LENGTH + 1, NULL, 10) : 1;
	return x < y ? -1 : x > y;
}

/* Bytes that stand for themselves in a directory name. */
static bool
is_plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '-';
}

bool
database_directory_encode(const char *database, char directory[DATABASE_DIRECTORY_SIZE])
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *c;
	char *out = directory;

	if (database[0] == '\0' || strlen(database) > MAX_NAME_BYTES)
		return false;
	for (c = (const unsigned char *) database; *c != '\0'; c++)
	{
		if (is_plain(*c))
		{
			*out++ = (char) *c;
			continue;
		}
		*out++ = '%';
		*out++ = digits[*c >> 4];
		*out++ = digits[*c & 15];
	}
	*out = '\0';
	return true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
database_directory_decode(const char *directory, char database[64])
{
	size_t length = 0;
	const char *c = directory;

	while (*c != '\0')
	{
		unsigned char byte = (unsigned char) *c;

		if (length >= MAX_NAME_BYTES)
			return false;
		if (byte == '%')
		{
			int high = hex_value(c[1]);
			int low = high < 0 ? -1 : hex_value(c[2]);

			if (low < 0)
				return false;
			byte = (unsigned char) (high * 16 + low);
			/* One name, one directory: what needs no escape must not have one. */
			if (byte == '\0' || is_plain(byte))
				return false;
			c += 3;
		}
		else if (is_plain(byte))
			c++;
		else
			return false;
		database[length++] = (char) byte;
	}
	database[length] = '\0';
	return length > 0;
}
