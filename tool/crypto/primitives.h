/*-------------------------------------------------------------------------
 *
 * primitives.h
 *	  The few cryptographic operations that everything here is made of, by
 *	  OpenSSL's EVP interface alone.
 *
 * All return false when OpenSSL refuses (out of memory, an algorithm that a
 * policy disables) and, where said, when the input is not acceptable.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRIMITIVES_H
#define NEX_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_BYTES 32       /* of every symmetric key, X25519 and Ed25519 key */
#define MAC_BYTES 32       /* of HMAC-SHA256 */
#define SIGNATURE_BYTES 64 /* of Ed25519 */
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES 16

/* Overwrite a secret; never optimized away. */
extern void secret_cleanse(void *secret, size_t length);

/* Cleanse and free; NULL is fine. */
extern void secret_free(void *secret, size_t length);

/* Compare without telling by the time it takes where the difference is. */
extern bool secret_equal(const void *a, const void *b, size_t length);

extern bool random_bytes(void *out, size_t length);

/* A random UUID (version 4), to be freed; NULL if OpenSSL gives no random numbers. */
extern char *random_uuid(void);

extern bool hmac_sha256(const uint8_t *key, size_t key_length, const void *data, size_t length,
						uint8_t mac[MAC_BYTES]);

/* salt may be empty. */
extern bool hkdf_sha256(const uint8_t *secret, size_t secret_length, const uint8_t *salt,
						size_t salt_length, const void *info, size_t info_length, uint8_t *out,
						size_t out_length);

/* scrypt with N = 2^log_n, r = 8, p = 1. */
extern bool scrypt_key(const char *passphrase, size_t passphrase_length, const uint8_t *salt,
					   size_t salt_length, int log_n, uint8_t key[KEY_BYTES]);

extern bool x25519_public(const uint8_t secret[KEY_BYTES], uint8_t public_key[KEY_BYTES]);

/* False, too, when the result is all zero: a point of low order. */
extern bool x25519_shared(const uint8_t secret[KEY_BYTES], const uint8_t point[KEY_BYTES],
						  uint8_t shared[KEY_BYTES]);

extern bool ed25519_public(const uint8_t secret[KEY_BYTES], uint8_t public_key[KEY_BYTES]);
extern bool ed25519_sign(const uint8_t secret[KEY_BYTES], const void *data, size_t length,
						 uint8_t signature[SIGNATURE_BYTES]);
extern bool ed25519_verify(const uint8_t public_key[KEY_BYTES], const void *data, size_t length,
						   const uint8_t signature[SIGNATURE_BYTES]);

/* Authenticated encryption of short texts and of segments, no additional data. */
typedef enum AeadAlgorithm
{
	AEAD_CHACHA20_POLY1305,
	AEAD_AES_256_GCM
} AeadAlgorithm;

typedef struct Aead Aead;

/* For one direction only; belongs to one thread; NULL when OpenSSL refuses. */
extern Aead *aead_create(AeadAlgorithm algorithm, const uint8_t key[KEY_BYTES], bool seal);
extern void aead_free(Aead *aead);

/* `out` takes length + AEAD_TAG_BYTES; it may not overlap `plain`. */
extern bool aead_seal(Aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], const void *plain,
					  size_t length, uint8_t *out);

/*
 * `length` counts the tag; `out` takes length - AEAD_TAG_BYTES.  False, and
 * `out` cleansed, when it is not authentic.
 */
extern bool aead_open(Aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], const void *sealed,
					  size_t length, uint8_t *out);

#endif /* NEX_PRIMITIVES_H */
