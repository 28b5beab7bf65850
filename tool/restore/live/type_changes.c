/*-------------------------------------------------------------------------
 *
 * type_changes.c
 *	  Does a type take the values of another one as they are?
 *
 * The server does not say: COPY reads text, and a type reads what it can of
 * it.  numeric(10,2) rounds 1.2345, date forgets the time, and timestamp the
 * zone, without a word.  What is refused with an error does no harm, so an
 * integer may become a smaller one.
 *
 * Only changes that are known to keep all values are listed.  Whatever is not
 * here counts as one that may alter them.
 *
 *-------------------------------------------------------------------------
 */
#include "type_changes.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

/* A type without its modifiers: "timestamp without time zone", and 3. */
typedef struct ParsedType
{
	Buffer name;
	Buffer modifier; /* "10,2"; "" if there is none */
	long first;      /* -1: none */
	long second;     /* 0: none */
} ParsedType;

static void
parse(const char *text, ParsedType *type)
{
	const char *open = strrchr(text, '"') == NULL ? strchr(text, '(') : NULL;
	const char *close = open != NULL ? strchr(open, ')') : NULL;

	memset(type, 0, sizeof(*type));
	buffer_init(&type->name);
	buffer_init(&type->modifier);
	buffer_append_string(&type->modifier, "");
	type->first = -1;
	if (close == NULL)
	{
		buffer_append_string(&type->name, text);
		return;
	}
	buffer_append(&type->name, text, (size_t) (open - text));
	buffer_append_string(&type->name, close + 1);
	buffer_append(&type->modifier, open + 1, (size_t) (close - open - 1));
	if (type->modifier.length > 0 &&
		strspn(type->modifier.data, "0123456789,-") == type->modifier.length)
	{
		char *rest;

		type->first = strtol(type->modifier.data, &rest, 10);
		type->second = *rest == ',' ? strtol(rest + 1, NULL, 10) : 0;
	}
}

static void
parsed_free(ParsedType *type)
{
	buffer_free(&type->name);
	buffer_free(&type->modifier);
}

static bool
is(const ParsedType *type, const char *name)
{
	return strcmp(type->name.data, name) == 0;
}

static bool
is_one_of(const ParsedType *type, const char *const *names)
{
	for (; *names != NULL; names++)
	{
		if (is(type, *names))
			return true;
	}
	return false;
}

/* No modifier, or one that is not smaller than that of the other. */
static bool
is_as_long(const ParsedType *from, const ParsedType *to)
{
	return to->first < 0 || (from->first >= 0 && from->first <= to->first);
}

/* "citext" of "public.citext" and of "extensions.citext". */
static const char *
last_name(const ParsedType *type)
{
	const char *dot = strrchr(type->name.data, '.');

	return dot != NULL ? dot + 1 : type->name.data;
}

static bool
is_integer(const ParsedType *type)
{
	static const char *const integers[] = {"smallint", "integer", "bigint", NULL};

	return is_one_of(type, integers);
}

/* Text of any length. */
static bool
is_any_text(const ParsedType *type)
{
	return is(type, "text") || (is(type, "character varying") && type->first < 0);
}

/* What no blank of is cut off where it is too long for a limited text. */
static bool
has_no_blanks(const ParsedType *type)
{
	static const char *const names[] = {"uuid", "date", "numeric", NULL};

	return is_integer(type) || is_one_of(type, names);
}

/*
 * As text.  The server writes "t" for a boolean, pads a character(n), and gives
 * the zone of the backup's session to a time: an application that reads the
 * column as text would not expect that.
 */
static bool
keeps_as_text(const ParsedType *from, const ParsedType *to)
{
	static const char *const written_otherwise[] = {
		"boolean", "character", "bpchar", "timestamp with time zone", "time with time zone", NULL};

	if (is_any_text(to))
		return !is_one_of(from, written_otherwise);
	if (is(to, "character varying"))
		return has_no_blanks(from) || (is(from, "character varying") && is_as_long(from, to));
	if (is(to, "character"))
		return is(from, "character") && is_as_long(from, to);
	/* Which compares otherwise, but keeps what it gets. */
	return strcmp(last_name(to), "citext") == 0 && strchr(to->name.data, '.') != NULL &&
		   (is(from, "text") || is(from, "character varying"));
}

static bool
keeps_number(const ParsedType *from, const ParsedType *to)
{
	bool whole = is_integer(from) || (is(from, "numeric") && from->first >= 0 && from->second <= 0);

	if (is_integer(to))
		return whole;
	if (is(to, "numeric"))
	{
		if (to->first < 0)
			return whole || is(from, "numeric") || is(from, "real") || is(from, "double precision");
		return (whole && to->second >= 0) ||
			   (is(from, "numeric") && from->first >= 0 && from->second <= to->second);
	}
	if (is(to, "double precision"))
		return is(from, "real") || is(from, "smallint") || is(from, "integer");
	return is(to, "real") && is(from, "smallint");
}

/* Precision, or "interval day" to "interval". */
static bool
keeps_time(const ParsedType *from, const ParsedType *to)
{
	static const char *const times[] = {"timestamp without time zone", "timestamp with time zone",
										"time without time zone", "time with time zone", NULL};

	if (is_one_of(to, times))
		return (strcmp(from->name.data, to->name.data) == 0 && is_as_long(from, to)) ||
			   (is(from, "date") && is(to, "timestamp without time zone"));
	return is(to, "interval") && strncmp(from->name.data, "interval", 8) == 0 &&
		   is_as_long(from, to);
}

static bool
keeps_other(const ParsedType *from, const ParsedType *to)
{
	if (is(to, "bit varying"))
		return (is(from, "bit") || is(from, "bit varying")) && is_as_long(from, to);
	if (is(to, "json"))
		return is(from, "jsonb");
	if (is(to, "inet"))
		return is(from, "cidr");
	/* A type of users that is in another schema now. */
	return strchr(from->name.data, '.') != NULL && strchr(to->name.data, '.') != NULL &&
		   strcmp(last_name(from), last_name(to)) == 0 &&
		   strcmp(from->modifier.data, to->modifier.data) == 0;
}

bool
type_change_keeps(const char *from, const char *to)
{
	ParsedType before;
	ParsedType now;
	bool keeps;

	if (strcmp(from, to) == 0)
		return true;
	parse(from, &before);
	parse(to, &now);
	keeps = keeps_as_text(&before, &now) || keeps_number(&before, &now) ||
			keeps_time(&before, &now) || keeps_other(&before, &now);
	parsed_free(&before);
	parsed_free(&now);
	return keeps;
}

bool
type_change_is_text(const char *type)
{
	return strcmp(type, "text") == 0 || strncmp(type, "character varying", 17) == 0;
}
