/*-------------------------------------------------------------------------
 *
 * seal.h
 *	  Sealed JSON: documents that carry their own digest as last key, so
 *	  that one flipped byte is found (docs/format.md, section 3).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEAL_H
#define NEX_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "digest.h"

/* What precedes and follows the 64 digits at the end of a sealed file. */
#define SEAL_OPENING ",\n\"seal\": \""
#define SEAL_CLOSING "\"\n}\n"

/*
 * Check the seal of a whole file.  Returns NULL when good, else a static
 * message that says what is wrong.
 */
extern const char *seal_check(const char *file, size_t length);

/* The digest in the seal of a file that seal_check() found good. */
extern void seal_copy(const char *file, size_t length, DigestHex seal);

#endif /* NEX_SEAL_H */
