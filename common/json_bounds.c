/*-------------------------------------------------------------------------
 *
 * json_bounds.c
 *	  What a JSON text may cost whoever parses it.
 *
 *-------------------------------------------------------------------------
 */
#include "json_bounds.h"

#include <stdbool.h>

const char *
json_skip_string(const char *c, const char *end)
{
	for (c++; c < end && *c != '"'; c++)
	{
		if (*c == '\\')
			c++;
	}
	return c < end ? c + 1 : end;
}

/* Walk over a text, or over its first value. */
static const char *
walk(const char *json, size_t length, const JsonBounds *bounds, bool first_value,
	 const char **problem)
{
	const char *c = json;
	const char *end = json + length;
	int64_t values = 1;
	int depth = 0;

	*problem = NULL;
	while (c < end)
	{
		char found = *c;

		if (first_value && depth <= 0 && (found == ',' || found == ']' || found == '}'))
			return c;
		if (found == '"')
			c = json_skip_string(c, end);
		else
		{
			depth += found == '[' || found == '{';
			depth -= found == ']' || found == '}';
			values += found == '[' || found == '{' || found == ',' || found == ':';
			c++;
		}
		if ((size_t) (c - json) > bounds->bytes)
			*problem = "is larger than anything that nex_backup writes there";
		else if (depth > bounds->depth)
			*problem = "is nested more deeply than anything that nex_backup writes";
		else if (values > bounds->values)
			*problem = "holds more values than anything that nex_backup writes there";
		if (*problem != NULL)
			return NULL;
		if (first_value && depth == 0 && (found == ']' || found == '}' || found == '"'))
			return c;
	}
	return end;
}

const char *
json_beyond(const char *json, size_t length, const JsonBounds *bounds)
{
	const char *problem;

	(void) walk(json, length, bounds, false, &problem);
	return problem;
}

const char *
json_value_end(const char *json, size_t length, const JsonBounds *bounds, const char **problem)
{
	return walk(json, length, bounds, true, problem);
}
