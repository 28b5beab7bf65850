/*-------------------------------------------------------------------------
 *
 * manifest_values.h
 *	  Single values of a manifest, none of which is trusted.
 *
 * Each function takes the value of a key of an object, and notes in the reader
 * if it is missing or not what it should be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MANIFEST_VALUES_H
#define NEX_MANIFEST_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The first thing that is wrong; later findings are dropped. */
typedef struct ManifestReader
{
	char *error;
} ManifestReader;

extern void manifest_broken(ManifestReader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

extern uint64_t manifest_get_number(ManifestReader *reader, const json_t *object, const char *key,
									uint64_t maximum);

/* Texts; caller frees.  NULL stands for null, and for an error. */
extern char *manifest_text_of(ManifestReader *reader, const json_t *value, const char *key);
extern char *manifest_get_text_or_null(ManifestReader *reader, const json_t *object,
									   const char *key);
extern char *manifest_get_text(ManifestReader *reader, const json_t *object, const char *key);

/* "2026-11-23T02:00:00.000Z" */
extern char *manifest_get_time(ManifestReader *reader, const json_t *object, const char *key);

extern bool manifest_get_flag(ManifestReader *reader, const json_t *object, const char *key);
extern const json_t *manifest_get_array(ManifestReader *reader, const json_t *object,
										const char *key);

#endif /* NEX_MANIFEST_VALUES_H */
