/*-------------------------------------------------------------------------
 *
 * json_bounds.h
 *	  What a JSON text may cost whoever parses it.
 *
 * A tree of JSON takes a hundred times the size of "[[],[],…", and its
 * parsers neither stop at that nor can be stopped.  So size, depth and number
 * of values are counted before a text of a repository reaches one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_JSON_BOUNDS_H
#define NEX_JSON_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

typedef struct JsonBounds
{
	size_t bytes;
	int depth;
	int64_t values; /* containers, keys and members, as brackets, colons and commas tell */
} JsonBounds;

/* From an opening quote to behind the closing one, or to the end. */
extern const char *json_skip_string(const char *c, const char *end);

/*
 * What makes a text too much for a parser, as a static message, or NULL.
 * Whether it is JSON at all is not asked.
 */
extern const char *json_beyond(const char *json, size_t length, const JsonBounds *bounds);

/*
 * Behind the value that begins at json, or NULL and *problem if it goes beyond
 * the bounds first.
 */
extern const char *json_value_end(const char *json, size_t length, const JsonBounds *bounds,
								  const char **problem);

#endif /* NEX_JSON_BOUNDS_H */
