/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Canonical base64: what decodes, encodes to the same characters again.
 *
 * OpenSSL's decoder ignores blanks and accepts several spellings of the same
 * bytes, which formats that are authenticated as text must not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE64_H
#define NEX_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* Number of characters for N bytes, with padding. */
#define BASE64_LENGTH(bytes) (((bytes) + 2) / 3 * 4)

extern void base64_append(Buffer *out, const void *data, size_t length, bool padded);

/*
 * Decode exactly this text into `out`, which takes length / 4 * 3 + 2 bytes.
 * False unless it is canonical, with or without padding as said.
 */
extern bool base64_decode(const char *text, size_t length, bool padded, uint8_t *out,
						  size_t *out_length);

#endif /* NEX_BASE64_H */
