/*-------------------------------------------------------------------------
 *
 * cipher.c
 *	  How the objects of a repository are encrypted, by name.
 *
 *-------------------------------------------------------------------------
 */
#include "cipher.h"

#include <string.h>

#include "nxb.h"

static const struct
{
	const char *name;
	const char *suffix;
} ciphers[] = {
	[CIPHER_NONE] = {"none", ""},
	[CIPHER_AGE] = {"age", ".age"},
	[CIPHER_AES_256_GCM] = {"aes-256-gcm", ".nxb"},
};

const char *
cipher_name(Cipher cipher)
{
	return ciphers[cipher].name;
}

const char *
cipher_suffix(Cipher cipher)
{
	return ciphers[cipher].suffix;
}

bool
cipher_by_name(const char *name, Cipher *cipher)
{
	size_t i;

	for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
	{
		if (strcmp(ciphers[i].name, name) == 0)
		{
			*cipher = (Cipher) i;
			return true;
		}
	}
	return false;
}

AgeResult
cipher_encrypt(Cipher cipher, const AgeRecipients *recipients, const void *data, size_t length,
			   Buffer *out)
{
	if (cipher == CIPHER_AGE)
		return age_encrypt(recipients, data, length, out);
	if (cipher == CIPHER_AES_256_GCM)
		return nxb_encrypt(recipients, data, length, out);
	return AGE_UNABLE;
}

static AgeResult
open_once(Cipher cipher, const AgeIdentities *identities, const void *data, size_t length,
		  Buffer *out)
{
	if (cipher == CIPHER_AGE)
		return age_decrypt(identities, data, length, out);
	if (cipher == CIPHER_AES_256_GCM)
		return nxb_decrypt(identities, data, length, out);
	return AGE_UNABLE;
}

/*
 * OpenSSL that gets no memory says of good bytes what it says of bad ones; not
 * all that it asks for comes from us (memory.c).  What is bad is bad at a second
 * look, too.
 */
AgeResult
cipher_open(Cipher cipher, const AgeIdentities *identities, const void *data, size_t length,
			Buffer *out)
{
	size_t before = out->length;
	AgeResult result = open_once(cipher, identities, data, length, out);

	if (result == AGE_OK || result == AGE_NO_MATCH)
		return result;
	out->length = before;
	return open_once(cipher, identities, data, length, out);
}
