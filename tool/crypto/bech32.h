/*-------------------------------------------------------------------------
 *
 * bech32.h
 *	  Bech32 (BIP 173) for keys of 32 bytes: a prefix, the bytes, and a
 *	  checksum that finds every slip of the pen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BECH32_H
#define NEX_BECH32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "primitives.h"

#define BECH32_KEY_DIGITS 58 /* 52 of data, 6 of checksum */
#define BECH32_MAX_PREFIX 30
#define BECH32_KEY_SIZE (BECH32_MAX_PREFIX + 1 + BECH32_KEY_DIGITS + 1)

/* `text` takes strlen(prefix) + 1 + BECH32_KEY_DIGITS + 1; the prefix is in lower case. */
extern void bech32_encode_key(const char *prefix, const uint8_t key[KEY_BYTES], bool upper_case,
							  char *text);

/* False unless it is a key of this prefix, in one case throughout. */
extern bool bech32_decode_key(const char *prefix, bool upper_case, const char *text, size_t length,
							  uint8_t key[KEY_BYTES]);

#endif /* NEX_BECH32_H */
