/*-------------------------------------------------------------------------
 *
 * option_checks.c
 *	  Saying what a good value of an option is.
 *
 *-------------------------------------------------------------------------
 */
#include "option_checks.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "location.h"
#include "loopback.h"
#include "utc_time.h"
#include "wal_position.h"

const char *
check_tag(const char *text)
{
	size_t length = strlen(text);

	if (length > 32 || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
									"0123456789_-") != length)
		return "It must be of letters, digits, \"_\" and \"-\", 32 at most.";
	return NULL;
}

const char *
check_set_name(const char *text)
{
	return text[0] == '\0' ? "It must not be empty." : check_tag(text);
}

/* A number with one of the units of PostgreSQL's memory settings. */
const char *
check_memory(const char *text)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	size_t digits = strspn(text, "0123456789");
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (digits > 0 && digits <= 9 && strcmp(text + digits, units[i]) == 0)
			return NULL;
	}
	return "It must be a whole number with a unit, such as 512MB; units are kB, MB, GB and TB.";
}

const char *
check_cipher(const char *text)
{
	if (strcmp(text, "age") != 0 && strcmp(text, "aes-256-gcm") != 0 && strcmp(text, "none") != 0)
		return "It must be age, aes-256-gcm, or none.";
	return NULL;
}

const char *
check_descriptor(const char *text)
{
	if (text[0] == '\0' || strlen(text) > 4 || strspn(text, "0123456789") != strlen(text))
		return "It must be the number of an open descriptor.";
	return NULL;
}

/* Of a restore, or where a copy goes, which has a slash in it if it is longer. */
const char *
check_to(const char *text)
{
	if (strlen(text) > 63 && strchr(text, '/') == NULL)
		return "A database name has at most 63 bytes.";
	return NULL;
}

const char *
check_kind(const char *text)
{
	if (strcmp(text, "database") != 0 && strcmp(text, "globals") != 0 &&
		strcmp(text, "files") != 0 && strcmp(text, "cluster") != 0)
		return "It must be database, globals, files, or cluster.";
	return NULL;
}

const char *
check_lsn(const char *text)
{
	uint64_t lsn;

	return wal_lsn_parse(text, &lsn) ? NULL
									 : "It must be a position in the WAL such as \"1F/A0000028\".";
}

const char *
check_xid(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 10 && text[digits] == '\0' && strtoul(text, NULL, 10) > 0 ? NULL
		   : digits == 10 && text[10] == '\0' && strcmp(text, "4294967295") <= 0
			   ? NULL
			   : "It must be a number from 1 to 4294967295.";
}

const char *
check_time(const char *text)
{
	double seconds;

	if (!utc_time_parse(text, &seconds))
		return "It must be a time such as \"2026-11-23\", \"2026-11-23 02:00\" or "
			   "\"2026-11-23T02:00:00+01\"; without an offset it is UTC.";
	return NULL;
}

const char *
check_mapping(const char *text)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || equals[1] != '/' || text[0] != '/')
		return "It must be two absolute directories, OLD=NEW.";
	return NULL;
}

const char *
check_path(const char *text)
{
	if (text[0] != '/')
		return "It must be an absolute path, as it is used from different directories.";
	return NULL;
}

/* It becomes a part of a setting of ssh. */
const char *
check_known_hosts(const char *text)
{
	if (strpbrk(text, "\"\n\\") != NULL)
		return "It must not hold a quote, a backslash or a line end.";
	return check_path(text);
}

/* One mail address, without a display name; `length` bytes of text. */
static bool
is_address(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	size_t i;

	if (at == NULL || at == text || at + 1 == text + length || length > 254)
		return false;
	for (i = 0; i < length; i++)
	{
		if (text[i] <= ' ' || text[i] > '~' || strchr("<>()[],;:\\\"", text[i]) != NULL)
			return false;
	}
	return memchr(at + 1, '@', length - (size_t) (at + 1 - text)) == NULL;
}

const char *
check_address(const char *text)
{
	return is_address(text, strlen(text)) ? NULL
										  : "It must be a mail address such as dba@example.com.";
}

const char *
check_addresses(const char *text)
{
	for (;;)
	{
		size_t length;

		text += strspn(text, " ");
		length = strcspn(text, ", ");
		if (!is_address(text, length))
			return "It must be one or more mail addresses such as dba@example.com, separated by "
				   "commas.";
		text += length;
		text += strspn(text, " ");
		if (*text == '\0')
			return NULL;
		if (*text++ != ',')
			return "Mail addresses are separated by commas.";
	}
}

/* "host", "host:port", "[::1]:port" */
const char *
check_server(const char *text)
{
	static const char reason[] = "It must be HOST or HOST:PORT, such as smtp.example.com:587.";
	const char *port;
	size_t length;

	if (text[0] == '[')
	{
		length = strspn(text + 1, "0123456789abcdefABCDEF:.");
		if (length == 0 || text[length + 1] != ']')
			return reason;
		port = text + length + 2;
	}
	else
	{
		length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
		if (length == 0)
			return reason;
		port = text + length;
	}
	if (*port == '\0')
		return NULL;
	length = strspn(port + 1, "0123456789");
	return *port == ':' && length > 0 && length <= 5 && port[length + 1] == '\0' ? NULL : reason;
}

const char *
check_user(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return "It must not hold control characters.";
	}
	return NULL;
}

const char *
check_pattern(const char *text)
{
	size_t quotes = 0;

	for (; *text != '\0'; text++)
		quotes += *text == '"';
	return quotes % 2 == 0 ? NULL : "A quotation mark is not closed.";
}

const char *
check_events(const char *text)
{
	static const char *const words[] = {"failure",       "recovery", "missed",
										"first-success", "success",  "none"};
	size_t i;

	for (;;)
	{
		size_t length;

		text += strspn(text, " ");
		length = strcspn(text, ", ");
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		{
			if (strlen(words[i]) == length && strncmp(words[i], text, length) == 0)
				break;
		}
		if (i == sizeof(words) / sizeof(words[0]))
			return "It must be a list of failure, recovery, missed, first-success and success, "
				   "separated by commas; or none.";
		text += length;
		text += strspn(text, " ");
		if (*text == '\0')
			return NULL;
		if (*text++ != ',')
			return "The words are separated by commas.";
	}
}

const char *
check_location(const char *text)
{
	Location location;
	const char *problem = location_parse(text, &location);

	if (problem == NULL)
		location_free(&location);
	return problem;
}

/* "https://host:port" and nothing else; http to this machine only. */
const char *
check_endpoint(const char *text)
{
	bool https = strncmp(text, "https://", 8) == 0;
	const char *authority = text + (https ? 8 : 7);

	if (!https && strncmp(text, "http://", 7) != 0)
		return "It must begin with https://.";
	if (authority[0] == '\0' || strpbrk(authority, "/?#@ ") != NULL)
		return "It must be https://HOST or https://HOST:PORT, without a path or a user.";
	if (!https && !is_loopback(authority, url_host_length(authority)))
		return "It must begin with https://, unless it is on this machine itself.";
	return NULL;
}

const char *
check_region(const char *text)
{
	if (text[0] == '\0' || text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return "It must consist of lower-case letters, digits and \"-\", as eu-central-1.";
	return NULL;
}

/* A password of a proxy would be seen by everybody in the list of processes. */
const char *
check_proxy(const char *text)
{
	if (strchr(text, '@') != NULL)
		return "It must not hold a user name or a password; HTTPS_PROXY may.";
	return NULL;
}
