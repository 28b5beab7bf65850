/*-------------------------------------------------------------------------
 *
 * symmetric_key.h
 *	  The text of a key file: 32 secret bytes, with which a repository is
 *	  encrypted and opened.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SYMMETRIC_KEY_H
#define NEX_SYMMETRIC_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "primitives.h"

/* "key" in hexadecimal, with the NUL. */
#define SYMMETRIC_KEY_SIZE (2 * KEY_BYTES + 1)

/*
 * Read the content of a key file: the bytes themselves, or lines of text of
 * which one is the key in hexadecimal or base64, and the others are empty or
 * comments (#).  NULL when good, else a static message to be put behind the
 * name of the file.
 */
extern const char *symmetric_key_parse(const char *content, size_t length, uint8_t key[KEY_BYTES]);

/* The caller cleanses the text. */
extern void symmetric_key_text(const uint8_t key[KEY_BYTES], char text[SYMMETRIC_KEY_SIZE]);

#endif /* NEX_SYMMETRIC_KEY_H */
