/*-------------------------------------------------------------------------
 *
 * age_armor.h
 *	  ASCII armor of age files: base64 between two lines, for places that
 *	  take text only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGE_ARMOR_H
#define NEX_AGE_ARMOR_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

#define AGE_ARMOR_BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"
#define AGE_ARMOR_END "-----END AGE ENCRYPTED FILE-----"

/* Append the armored text of these bytes, ended by a newline. */
extern void age_armor_encode(const void *data, size_t length, Buffer *out);

/*
 * Append the bytes of an armored text, around which there may be blanks.
 * False, and nothing appended, if it is anything but strict.
 */
extern bool age_armor_decode(const char *text, size_t length, Buffer *out);

#endif /* NEX_AGE_ARMOR_H */
