/*-------------------------------------------------------------------------
 *
 * url_text.h
 *	  Paths and queries as a URL has them, and back.
 *
 * By the rules of signatures, which are stricter than those of URLs: only
 * letters, digits and "-._~" stand for themselves, digits are in upper case,
 * and parameters are sorted, once they are encoded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_URL_TEXT_H
#define NEX_URL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "http.h"

/* Append text as a URL has it; a slash is kept if it separates parts of a path. */
extern void url_append_encoded(const char *text, bool keep_slashes, Buffer *out);

/* Append "a=1&b=2", sorted; in the pairs nothing is encoded. */
extern void url_append_query(const HttpPair *query, size_t count, Buffer *out);

/* Append "name=value", with "&" before it unless it is the first: a form, or a query. */
extern void url_append_parameter(Buffer *out, const char *name, const char *value);

/* Decode in place; false if it is not encoded well, or holds a NUL. */
extern bool url_decode(char *text);

/* "http://host:port/path?query" in two, to be freed; false if it is none. */
extern bool url_split(const char *url, char **origin, char **target);

#endif /* NEX_URL_TEXT_H */
