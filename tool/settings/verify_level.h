/*-------------------------------------------------------------------------
 *
 * verify_level.h
 *	  How much of a backup a verification looks at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VERIFY_LEVEL_H
#define NEX_VERIFY_LEVEL_H

#include <stdbool.h>

typedef enum VerifyLevel
{
	VERIFY_LEVEL_FULL,   /* all stored bytes, and what is in them */
	VERIFY_LEVEL_STORED, /* all stored bytes, by their digests */
	VERIFY_LEVEL_SAMPLE, /* as present, and objects picked at random, in full */
	VERIFY_LEVEL_PRESENT /* manifests, and a listing of the objects: names and lengths */
} VerifyLevel;

#define DEFAULT_SAMPLE_PERCENT 10

/* Read "present", "stored", "sample", "sample:N" or "full"; *percent is that of a sample, else 100
 * or 0. */
extern bool verify_level_parse(const char *text, VerifyLevel *level, int *percent);
extern const char *verify_level_name(VerifyLevel level);

/* Says what a good text is, or NULL if this one is. */
extern const char *check_verify_level(const char *text);

#endif /* NEX_VERIFY_LEVEL_H */
