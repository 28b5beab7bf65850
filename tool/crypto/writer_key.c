/*-------------------------------------------------------------------------
 *
 * writer_key.c
 *	  The key of whoever writes an encrypted repository.
 *
 *-------------------------------------------------------------------------
 */
#include "writer_key.h"

#include <string.h>

#define SIGNING_INFO "nex_backup/1 signing"
#define CONTENT_INFO "nex_backup/1 content"

static bool
derive_all(WriterKey *key)
{
	return hkdf_sha256(key->seed, KEY_BYTES, NULL, 0, SIGNING_INFO, strlen(SIGNING_INFO),
					   key->signing, KEY_BYTES) &&
		   hkdf_sha256(key->seed, KEY_BYTES, NULL, 0, CONTENT_INFO, strlen(CONTENT_INFO),
					   key->content, KEY_BYTES) &&
		   ed25519_public(key->signing, key->signer);
}

bool
writer_key_generate(WriterKey *key)
{
	return random_bytes(key->seed, sizeof(key->seed)) && derive_all(key);
}

bool
writer_key_parse(const char *text, size_t length, WriterKey *key)
{
	return bech32_decode_key(WRITER_KEY_PREFIX, true, text, length, key->seed) && derive_all(key);
}

void
writer_key_text(const WriterKey *key, char text[WRITER_KEY_SIZE])
{
	bech32_encode_key(WRITER_KEY_PREFIX, key->seed, true, text);
}

bool
signer_parse(const char *text, size_t length, uint8_t signer[KEY_BYTES])
{
	return bech32_decode_key(SIGNER_PREFIX, false, text, length, signer);
}

void
signer_text(const uint8_t signer[KEY_BYTES], char text[SIGNER_SIZE])
{
	bech32_encode_key(SIGNER_PREFIX, signer, false, text);
}

bool
writer_key_name_content(const WriterKey *key, const void *content, size_t length, DigestHex name)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t mac[MAC_BYTES];
	int i;

	if (!hmac_sha256(key->content, KEY_BYTES, content, length, mac))
		return false;
	for (i = 0; i < MAC_BYTES; i++)
	{
		name[2 * i] = digits[mac[i] >> 4];
		name[2 * i + 1] = digits[mac[i] & 15];
	}
	name[DIGEST_HEX_LENGTH] = '\0';
	return true;
}
