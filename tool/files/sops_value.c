/*-------------------------------------------------------------------------
 *
 * sops_value.c
 *	  One encrypted value in the notation of SOPS, and the MAC over all.
 *
 * Reads only what it could have written itself: lengths of IV and tag are
 * fixed, base64 is canonical, nothing may follow the closing bracket.
 *
 *-------------------------------------------------------------------------
 */
#include "sops_value.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "memory.h"
#include "primitives.h"

#define IV_BYTES 32
#define TAG_BYTES 16

/* SHA-256 of "sops": what a MAC over encrypted values alone begins with. */
static const uint8_t mac_only_encrypted_start[32] = {
	0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
	0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69};

bool
sops_value_is_encrypted(const char *text, size_t length)
{
	return length >= strlen(SOPS_VALUE_START) &&
		   memcmp(text, SOPS_VALUE_START, strlen(SOPS_VALUE_START)) == 0;
}

static bool
set_up(EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *iv, const char *path,
	   bool encrypt)
{
	int ignored;

	return EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL, encrypt) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, IV_BYTES, NULL) == 1 &&
		   EVP_CipherInit_ex(context, NULL, NULL, key, iv, encrypt) == 1 &&
		   EVP_CipherUpdate(context, NULL, &ignored, (const unsigned char *) path,
							(int) strlen(path)) == 1;
}

/* A key of this run alone, so that a mask tells nothing about its value. */
static uint8_t mask_key[32];
static bool mask_key_made;
static pthread_once_t mask_key_once = PTHREAD_ONCE_INIT;

static void
make_mask_key(void)
{
	mask_key_made = random_bytes(mask_key, sizeof(mask_key));
}

bool
sops_value_mask(const char *plain, size_t length, Buffer *out)
{
	uint8_t mac[MAC_BYTES];

	pthread_once(&mask_key_once, make_mask_key);
	if (!mask_key_made || !hmac_sha256(mask_key, sizeof(mask_key), plain, length, mac))
		return false;
	buffer_printf(out, "[secret %02x%02x%02x%02x]", mac[0], mac[1], mac[2], mac[3]);
	return true;
}

bool
sops_value_encrypt(const uint8_t *key, const char *type, const char *plain, size_t length,
				   const char *path, Buffer *out)
{
	EVP_CIPHER_CTX *context;
	uint8_t iv[IV_BYTES];
	uint8_t tag[TAG_BYTES];
	uint8_t *data;
	int written = 0;
	int rest = 0;
	bool good;

	if (length == 0)
		return true;
	if (key == NULL)
		return sops_value_mask(plain, length, out);
	context = EVP_CIPHER_CTX_new();
	data = xmalloc(length);
	good = context != NULL && length <= INT32_MAX && random_bytes(iv, IV_BYTES) &&
		   set_up(context, key, iv, path, true) &&
		   EVP_CipherUpdate(context, data, &written, (const unsigned char *) plain, (int) length) ==
			   1 &&
		   EVP_CipherFinal_ex(context, data + written, &rest) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
	if (good)
	{
		buffer_append_string(out, SOPS_VALUE_START "data:");
		base64_append(out, data, length, true);
		buffer_append_string(out, ",iv:");
		base64_append(out, iv, IV_BYTES, true);
		buffer_append_string(out, ",tag:");
		base64_append(out, tag, TAG_BYTES, true);
		buffer_printf(out, ",type:%s]", type);
	}
	free(data);
	EVP_CIPHER_CTX_free(context);
	return good;
}

static bool
decode_base64(const char *text, size_t length, Buffer *out)
{
	buffer_reset(out);
	buffer_reserve(out, length / 4 * 3 + 2);
	return base64_decode(text, length, true, (uint8_t *) out->data, &out->length);
}

/* Take "<label><base64>" off the front of a text, up to the next comma. */
static bool
take_part(const char **text, const char *end, const char *label, Buffer *out)
{
	size_t size = strlen(label);
	const char *comma;

	if ((size_t) (end - *text) < size || memcmp(*text, label, size) != 0)
		return false;
	*text += size;
	comma = memchr(*text, ',', (size_t) (end - *text));
	if (comma == NULL || !decode_base64(*text, (size_t) (comma - *text), out))
		return false;
	*text = comma + 1;
	return true;
}

/* "type:str]" and nothing more. */
static bool
take_type(const char *text, const char *end, char type[SOPS_TYPE_SIZE])
{
	static const char *const known[] = {"str", "int", "float", "bool", "comment"};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		char want[32];
		int size = snprintf(want, sizeof(want), "type:%s]", known[i]);

		if ((size_t) (end - text) == (size_t) size && memcmp(text, want, (size_t) size) == 0)
		{
			snprintf(type, SOPS_TYPE_SIZE, "%s", known[i]);
			return true;
		}
	}
	return false;
}

static bool
open_value(const uint8_t *key, const Buffer *data, const Buffer *iv, const Buffer *tag,
		   const char *path, Buffer *plain)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t *opened = xmalloc(data->length + TAG_BYTES);
	int written = 0;
	int rest = 0;
	bool good;

	good = context != NULL && set_up(context, key, (const uint8_t *) iv->data, path, false) &&
		   EVP_CipherUpdate(context, opened, &written, (const unsigned char *) data->data,
							(int) data->length) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag->data) == 1 &&
		   EVP_CipherFinal_ex(context, opened + written, &rest) == 1;
	if (good)
		buffer_append(plain, opened, data->length);
	secret_cleanse(opened, data->length);
	free(opened);
	EVP_CIPHER_CTX_free(context);
	return good;
}

bool
sops_value_decrypt(const uint8_t key[SOPS_KEY_BYTES], const char *text, size_t length,
				   const char *path, Buffer *plain, char type[SOPS_TYPE_SIZE])
{
	const char *end = text + length;
	Buffer data;
	Buffer iv;
	Buffer tag;
	bool good;

	if (!sops_value_is_encrypted(text, length))
		return false;
	text += strlen(SOPS_VALUE_START);
	buffer_init(&data);
	buffer_init(&iv);
	buffer_init(&tag);
	good = take_part(&text, end, "data:", &data) && data.length > 0 &&
		   take_part(&text, end, "iv:", &iv) && iv.length == IV_BYTES &&
		   take_part(&text, end, "tag:", &tag) && tag.length == TAG_BYTES &&
		   take_type(text, end, type) && open_value(key, &data, &iv, &tag, path, plain);
	buffer_free(&data);
	buffer_free(&iv);
	buffer_free(&tag);
	return good;
}

bool
sops_mac_start(SopsMac *mac)
{
	mac->context = EVP_MD_CTX_new();
	return mac->context != NULL && EVP_DigestInit_ex(mac->context, EVP_sha512(), NULL) == 1 &&
		   EVP_DigestUpdate(mac->context, mac_only_encrypted_start,
							sizeof(mac_only_encrypted_start)) == 1;
}

bool
sops_mac_add(SopsMac *mac, const char *plain, size_t length)
{
	return length == 0 || EVP_DigestUpdate(mac->context, plain, length) == 1;
}

bool
sops_mac_finish(SopsMac *mac, char hex[129])
{
	uint8_t sum[64];
	unsigned int size = 0;
	bool good = EVP_DigestFinal_ex(mac->context, sum, &size) == 1 && size == sizeof(sum);
	size_t i;

	for (i = 0; good && i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02X", sum[i]);
	EVP_MD_CTX_free(mac->context);
	mac->context = NULL;
	return good;
}
