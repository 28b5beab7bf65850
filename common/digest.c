/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  SHA-256 by OpenSSL.
 *
 *-------------------------------------------------------------------------
 */
#include "digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct Digest
{
	EVP_MD_CTX *context;
};

static void
to_hex(const unsigned char *bytes, unsigned length, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned i;

	for (i = 0; i < length; i++)
	{
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * length] = '\0';
}

Digest *
digest_create(void)
{
	Digest *digest = malloc(sizeof(Digest));

	if (digest == NULL)
		return NULL;
	digest->context = EVP_MD_CTX_new();
	if (digest->context == NULL || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
	{
		digest_free(digest);
		return NULL;
	}
	return digest;
}

bool
digest_update(Digest *digest, const void *data, size_t length)
{
	return EVP_DigestUpdate(digest->context, data, length) == 1;
}

bool
digest_final(Digest *digest, DigestHex hex)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned length;

	if (EVP_DigestFinal_ex(digest->context, bytes, &length) != 1 || length * 2 != DIGEST_HEX_LENGTH)
		return false;
	to_hex(bytes, length, hex);
	return EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1;
}

void
digest_free(Digest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

bool
digest_buffer(const void *data, size_t length, DigestHex hex)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned size;

	if (EVP_Digest(data, length, bytes, &size, EVP_sha256(), NULL) != 1 ||
		size * 2 != DIGEST_HEX_LENGTH)
		return false;
	to_hex(bytes, size, hex);
	return true;
}

bool
digest_hex_valid(const char *hex)
{
	return strspn(hex, "0123456789abcdef") == DIGEST_HEX_LENGTH && hex[DIGEST_HEX_LENGTH] == '\0';
}
