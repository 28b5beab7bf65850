/*-------------------------------------------------------------------------
 *
 * location.c
 *	  Where a repository is, as it is written.
 *
 *-------------------------------------------------------------------------
 */
#include "location.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define MIN_BUCKET 3
#define MAX_BUCKET 63
#define MAX_ACCOUNT 24
#define MAX_HOST 255
#define MAX_PREFIX 512 /* of the 1,024 bytes of a key; a repository needs the rest */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const struct
{
	const char *scheme;
	LocationKind kind;
} schemes[] = {{"file://", LOCATION_DIRECTORY},
			   {"s3://", LOCATION_S3},
			   {"azure://", LOCATION_AZURE},
			   {"gs://", LOCATION_GOOGLE},
			   {"sftp://", LOCATION_SFTP}};

/* What comes before "://", or NULL if it is no URL: then it is a path. */
static const char *
after_scheme(const char *text)
{
	const char *colon = strstr(text, "://");

	if (colon == NULL || colon == text ||
		strspn(text, LETTERS DIGITS "+-.") < (size_t) (colon - text))
		return NULL;
	return colon + 3;
}

/*
 * Does a path begin as a URL does, "s3:/bucket"?  It was meant as one, and what
 * is off-site must not become a directory here.
 */
static bool
is_like_url(const char *text)
{
	size_t word = strspn(text, LETTERS DIGITS "+-.");

	return word > 0 && text[word] == ':' && strspn(text, LETTERS) > 0;
}

/* Of Azure: it becomes a part of the server's name. */
static bool
is_account(const char *name, size_t length)
{
	return length >= MIN_BUCKET && length <= MAX_ACCOUNT &&
		   strspn(name, "abcdefghijklmnopqrstuvwxyz" DIGITS) >= length;
}

static bool
is_bucket(const char *name, size_t length)
{
	return length >= MIN_BUCKET && length <= MAX_BUCKET &&
		   strspn(name, LETTERS DIGITS "-._") >= length && name[0] != '.' && name[0] != '-' &&
		   name[length - 1] != '.';
}

/* Parts between slashes, none of which is empty, "." or "..". */
static bool
is_prefix(const char *text, size_t length)
{
	const char *end = text + length;
	const char *c;

	if (length > MAX_PREFIX)
		return false;
	for (c = text; c < end; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			return false;
	}
	while (text < end)
	{
		const char *slash = memchr(text, '/', (size_t) (end - text));
		size_t part = (size_t) ((slash != NULL ? slash : end) - text);

		if (part == 0 || (part == 1 && text[0] == '.') ||
			(part == 2 && text[0] == '.' && text[1] == '.'))
			return false;
		text += part + (slash != NULL ? 1 : 0);
	}
	return true;
}

/* What all URLs of buckets have in common: no secrets, no settings. */
static const char *
check_bucket_url(const char *text)
{
	if (memchr(text, '@', strcspn(text, "/")) != NULL)
		return "It must not hold a user name or a password; name a file with repo-secret-file.";
	if (strpbrk(text, "?#") != NULL)
		return "It must not hold \"?\" or \"#\"; endpoint and region are separate settings.";
	return NULL;
}

/* "bucket" or "bucket/prefix", with a slash at its end or without. */
static const char *
parse_bucket(const char *text, Location *location)
{
	size_t bucket = strcspn(text, "/");
	const char *prefix = text + bucket + (text[bucket] == '/' ? 1 : 0);
	size_t length = strlen(prefix);

	if (!is_bucket(text, bucket))
		return location->kind == LOCATION_AZURE
				   ? "After the account there must be the name of a container."
				   : "After \"://\" there must be the name of a bucket: letters, digits, \"-\", "
					 "\".\".";
	if (length > 1 && prefix[length - 1] == '/')
		length--;
	if (!is_prefix(prefix, length))
		return "After the bucket there must be names with a slash between them.";
	location->bucket = xstrndup(text, bucket);
	location->prefix = xstrndup(prefix, length);
	return NULL;
}

/* "account/container" or "account/container/prefix". */
static const char *
parse_account(const char *text, Location *location)
{
	size_t account = strcspn(text, "/");
	const char *problem;

	if (!is_account(text, account))
		return "After \"azure://\" there must be the name of a storage account: lower-case letters "
			   "and digits.";
	problem = parse_bucket(text + account + (text[account] == '/' ? 1 : 0), location);
	if (problem == NULL)
		location->account = xstrndup(text, account);
	return problem;
}

/* A name that ssh takes as one, and not as an option. */
static bool
is_ssh_name(const char *text, size_t length)
{
	return length > 0 && length <= MAX_HOST && text[0] != '-' &&
		   strspn(text, LETTERS DIGITS "-._") >= length;
}

/* "host", "host:22", "[::1]" or "[::1]:22", in `length` bytes. */
static bool
parse_host(const char *text, size_t length, Location *location)
{
	bool brackets = text[0] == '[';
	size_t host = brackets ? strspn(text + 1, DIGITS "abcdefABCDEF:.") : strcspn(text, ":/");
	const char *rest = text + host + (brackets ? 2 : 0);
	char *end;
	long port;

	if (brackets ? host == 0 || host > MAX_HOST || text[host + 1] != ']' : !is_ssh_name(text, host))
		return false;
	if (rest < text + length)
	{
		if (rest[0] != ':' || strspn(rest + 1, DIGITS) != (size_t) (text + length - rest - 1))
			return false;
		port = strtol(rest + 1, &end, 10);
		if (end == rest + 1 || port < 1 || port > 65535)
			return false;
		location->port = (int) port;
	}
	location->bucket = xstrndup(text + (brackets ? 1 : 0), host);
	return true;
}

/* "[user@]host[:port]/path", or "…/~/path". */
static const char *
parse_sftp(const char *text, Location *location)
{
	size_t authority = strcspn(text, "/");
	const char *at = memrchr(text, '@', authority);
	const char *path = text + authority;
	size_t length = strlen(path);
	bool relative = strncmp(path, "/~", 2) == 0 && (path[2] == '/' || path[2] == '\0');

	if (at != NULL && memchr(text, ':', (size_t) (at - text)) != NULL)
		return "It must not hold a password: ssh logs in with a key.";
	if (strpbrk(text, "?#") != NULL)
		return "It must not hold \"?\" or \"#\".";
	if (at != NULL && !is_ssh_name(text, (size_t) (at - text)))
		return "Before \"@\" there must be the name of a user: letters, digits, \"-\", \"_\", "
			   "\".\".";
	if (length == 0)
		return "After the host there must be \"/\" and the path of a directory, or \"/~/\" and one "
			   "below the directory in which the user begins.";
	while (length > 1 && path[length - 1] == '/')
		length--;
	if (!is_prefix(path + 1, length - 1))
		return "After the host there must be names with a slash between them.";
	if (!parse_host(at != NULL ? at + 1 : text,
					authority - (at != NULL ? (size_t) (at + 1 - text) : 0), location))
		return "After \"sftp://\" there must be the name of a host, or HOST:PORT.";
	if (at != NULL)
		location->account = xstrndup(text, (size_t) (at - text));
	location->prefix = relative ? xstrndup(path + 1, length - 1) : xstrndup(path, length);
	return NULL;
}

const char *
location_parse(const char *text, Location *location)
{
	const char *rest = after_scheme(text);
	size_t i;

	memset(location, 0, sizeof(*location));
	if (rest == NULL && is_like_url(text))
		return "After the kind of a URL there must be \"://\"; a directory with such a name is "
			   "written as ./NAME.";
	if (rest == NULL)
	{
		location->directory = xstrdup(text);
		return NULL;
	}
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
	{
		if (strncmp(schemes[i].scheme, text, strlen(schemes[i].scheme)) != 0)
			continue;
		location->kind = schemes[i].kind;
		if (location->kind == LOCATION_SFTP)
			return parse_sftp(rest, location);
		if (location->kind != LOCATION_DIRECTORY)
		{
			const char *problem = check_bucket_url(rest);

			if (problem != NULL)
				return problem;
			return location->kind == LOCATION_AZURE ? parse_account(rest, location)
													: parse_bucket(rest, location);
		}
		if (rest[0] != '/')
			return "After \"file://\" there must be an absolute path.";
		location->directory = xstrdup(rest);
		return NULL;
	}
	return "It must be a directory, s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX, "
		   "gs://BUCKET/PREFIX or sftp://USER@HOST/PATH.";
}

void
location_free(Location *location)
{
	free(location->directory);
	free(location->account);
	free(location->bucket);
	free(location->prefix);
	memset(location, 0, sizeof(*location));
}
