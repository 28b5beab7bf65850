/*-------------------------------------------------------------------------
 *
 * json_text.h
 *	  JSON values of what may be anything: names in an encoding that is not
 *	  UTF-8, text that is absent, counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_JSON_TEXT_H
#define NEX_JSON_TEXT_H

#include <jansson.h>
#include <stdint.h>
#include <stddef.h>

/* A JSON string; null for NULL; each byte that is not UTF-8 becomes \xNN. */
extern json_t *json_text(const char *text);

/*
 * The text of a JSON value for a terminal or a pipe: what printable_length()
 * does not let through is written as \uXXXX, which means the same.  NULL if
 * there is no memory; else free() it.
 */
extern char *json_harmless(const json_t *value, size_t flags);

extern json_t *json_count(uint64_t count);

/* To the millisecond, which is more than anybody can use. */
extern json_t *json_seconds(double seconds);

#endif /* NEX_JSON_TEXT_H */
