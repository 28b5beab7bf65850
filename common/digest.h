/*-------------------------------------------------------------------------
 *
 * digest.h
 *	  SHA-256 by OpenSSL's EVP interface, in the two forms that are needed:
 *	  over a buffer, and piece by piece.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DIGEST_H
#define NEX_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX_LENGTH 64

/* A digest as text: 64 lower-case hex digits and a NUL. */
typedef char DigestHex[DIGEST_HEX_LENGTH + 1];

typedef struct Digest Digest;

/* NULL when OpenSSL refuses (out of memory, SHA-256 disabled by policy). */
extern Digest *digest_create(void);
extern bool digest_update(Digest *digest, const void *data, size_t length);

/* Writes the result and makes the object ready for the next message. */
extern bool digest_final(Digest *digest, DigestHex hex);
extern void digest_free(Digest *digest);

extern bool digest_buffer(const void *data, size_t length, DigestHex hex);

/* True for exactly 64 lower-case hex digits followed by NUL. */
extern bool digest_hex_valid(const char *hex);

#endif /* NEX_DIGEST_H */
