/*-------------------------------------------------------------------------
 *
 * writer_key.h
 *	  The key of whoever writes an encrypted repository: it signs what is
 *	  published, and names content without showing it.
 *
 * Encryption to public recipients authenticates nobody: anyone who knows them can
 * create an object that decrypts.  So each manifest is signed (Ed25519),
 * and readers know the public half, the signer.  The same secret gives the
 * key of the HMAC by which content is found again that cannot be read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WRITER_KEY_H
#define NEX_WRITER_KEY_H

#include "bech32.h"
#include "digest.h"

#define SIGNER_PREFIX "nex-signer-"
#define SIGNER_SIZE (sizeof(SIGNER_PREFIX) + 1 + BECH32_KEY_DIGITS)
#define WRITER_KEY_PREFIX "nex-writer-secret-key-"
#define WRITER_KEY_SIZE (sizeof(WRITER_KEY_PREFIX) + 1 + BECH32_KEY_DIGITS)

typedef struct WriterKey
{
	uint8_t seed[KEY_BYTES];
	uint8_t signing[KEY_BYTES];
	uint8_t signer[KEY_BYTES]; /* the public half */
	uint8_t content[KEY_BYTES];
} WriterKey;

/* False when OpenSSL refuses. */
extern bool writer_key_generate(WriterKey *key);

/* False unless the text is a writer key. */
extern bool writer_key_parse(const char *text, size_t length, WriterKey *key);

/* The caller cleanses the text. */
extern void writer_key_text(const WriterKey *key, char text[WRITER_KEY_SIZE]);

extern bool signer_parse(const char *text, size_t length, uint8_t signer[KEY_BYTES]);
extern void signer_text(const uint8_t signer[KEY_BYTES], char text[SIGNER_SIZE]);

/* The name of some content: HMAC-SHA256, so that without the key it says nothing. */
extern bool writer_key_name_content(const WriterKey *key, const void *content, size_t length,
									DigestHex name);

#endif /* NEX_WRITER_KEY_H */
