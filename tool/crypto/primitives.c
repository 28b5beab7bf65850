/*-------------------------------------------------------------------------
 *
 * primitives.c
 *	  The cryptographic operations, by OpenSSL's EVP interface.
 *
 *-------------------------------------------------------------------------
 */
#include "primitives.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "memory.h"

struct Aead
{
	EVP_CIPHER_CTX *context;
	bool seal;
};

void
secret_cleanse(void *secret, size_t length)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, length);
}

void
secret_free(void *secret, size_t length)
{
	secret_cleanse(secret, length);
	free(secret);
}

bool
secret_equal(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

bool
random_bytes(void *out, size_t length)
{
	return length <= INT_MAX && RAND_bytes(out, (int) length) == 1;
}

char *
random_uuid(void)
{
	unsigned char b[16];

	if (!random_bytes(b, sizeof(b)))
		return NULL;
	b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);
	return xasprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
					 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
					 b[13], b[14], b[15]);
}

bool
hmac_sha256(const uint8_t *key, size_t key_length, const void *data, size_t length,
			uint8_t mac[MAC_BYTES])
{
	unsigned int mac_length = MAC_BYTES;

	return key_length <= INT_MAX &&
		   HMAC(EVP_sha256(), key, (int) key_length, data, length, mac, &mac_length) != NULL;
}

/* Run a key derivation function of OpenSSL. */
static bool
derive(const char *name, const OSSL_PARAM *parameters, uint8_t *out, size_t length)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool good = context != NULL && EVP_KDF_derive(context, out, length, parameters) == 1;

	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return good;
}

bool
hkdf_sha256(const uint8_t *secret, size_t secret_length, const uint8_t *salt, size_t salt_length,
			const void *info, size_t info_length, uint8_t *out, size_t out_length)
{
	OSSL_PARAM parameters[5];
	int n = 0;

	parameters[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA256", 0);
	parameters[n++] =
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *) secret, secret_length);
	if (salt_length > 0)
		parameters[n++] =
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *) salt, salt_length);
	parameters[n++] =
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *) info, info_length);
	parameters[n] = OSSL_PARAM_construct_end();
	return derive(OSSL_KDF_NAME_HKDF, parameters, out, out_length);
}

bool
scrypt_key(const char *passphrase, size_t passphrase_length, const uint8_t *salt,
		   size_t salt_length, int log_n, uint8_t key[KEY_BYTES])
{
	uint64_t n = UINT64_C(1) << log_n;
	uint32_t r = 8;
	uint32_t p = 1;
	uint64_t memory = n * 128 * r + 1024 * 1024; /* OpenSSL's own limit is 32 MB */
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *) passphrase,
										  passphrase_length),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *) salt, salt_length),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end()};

	return derive(OSSL_KDF_NAME_SCRYPT, parameters, key, KEY_BYTES);
}

/* The public half of a raw private key. */
static bool
public_half(int type, const uint8_t *secret, uint8_t *public_key)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, secret, KEY_BYTES);
	size_t length = KEY_BYTES;
	bool good = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &length) == 1 &&
				length == KEY_BYTES;

	EVP_PKEY_free(key);
	return good;
}

bool
x25519_public(const uint8_t secret[KEY_BYTES], uint8_t public_key[KEY_BYTES])
{
	return public_half(EVP_PKEY_X25519, secret, public_key);
}

bool
x25519_shared(const uint8_t secret[KEY_BYTES], const uint8_t point[KEY_BYTES],
			  uint8_t shared[KEY_BYTES])
{
	static const uint8_t zero[KEY_BYTES];
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, KEY_BYTES);
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, KEY_BYTES);
	EVP_PKEY_CTX *context = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
	size_t length = KEY_BYTES;
	bool good;

	good = other != NULL && context != NULL && EVP_PKEY_derive_init(context) == 1 &&
		   EVP_PKEY_derive_set_peer(context, other) == 1 &&
		   EVP_PKEY_derive(context, shared, &length) == 1 && length == KEY_BYTES &&
		   !secret_equal(shared, zero, KEY_BYTES);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(other);
	EVP_PKEY_free(own);
	return good;
}

bool
ed25519_public(const uint8_t secret[KEY_BYTES], uint8_t public_key[KEY_BYTES])
{
	return public_half(EVP_PKEY_ED25519, secret, public_key);
}

bool
ed25519_sign(const uint8_t secret[KEY_BYTES], const void *data, size_t length,
			 uint8_t signature[SIGNATURE_BYTES])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, KEY_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t signature_length = SIGNATURE_BYTES;
	bool good;

	good = key != NULL && context != NULL &&
		   EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		   EVP_DigestSign(context, signature, &signature_length, data, length) == 1 &&
		   signature_length == SIGNATURE_BYTES;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return good;
}

bool
ed25519_verify(const uint8_t public_key[KEY_BYTES], const void *data, size_t length,
			   const uint8_t signature[SIGNATURE_BYTES])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, KEY_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good;

	good = key != NULL && context != NULL &&
		   EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		   EVP_DigestVerify(context, signature, SIGNATURE_BYTES, data, length) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return good;
}

Aead *
aead_create(AeadAlgorithm algorithm, const uint8_t key[KEY_BYTES], bool seal)
{
	const EVP_CIPHER *cipher =
		algorithm == AEAD_AES_256_GCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
	Aead *aead = malloc(sizeof(Aead));

	if (aead == NULL)
		return NULL;
	aead->seal = seal;
	aead->context = EVP_CIPHER_CTX_new();
	if (aead->context != NULL &&
		EVP_CipherInit_ex(aead->context, cipher, NULL, key, NULL, seal ? 1 : 0) == 1)
		return aead;
	aead_free(aead);
	return NULL;
}

void
aead_free(Aead *aead)
{
	if (aead == NULL)
		return;
	EVP_CIPHER_CTX_free(aead->context); /* cleanses the key */
	free(aead);
}

bool
aead_seal(Aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], const void *plain, size_t length,
		  uint8_t *out)
{
	EVP_CIPHER_CTX *context = aead->context;
	int n = 0;
	int end;

	if (!aead->seal || length > INT_MAX - AEAD_TAG_BYTES ||
		EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, -1) != 1)
		return false;
	if (length > 0 && (EVP_CipherUpdate(context, out, &n, plain, (int) length) != 1))
		return false;
	return EVP_CipherFinal_ex(context, out + n, &end) == 1 && (size_t) (n + end) == length &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, out + length) == 1;
}

bool
aead_open(Aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], const void *sealed, size_t length,
		  uint8_t *out)
{
	EVP_CIPHER_CTX *context = aead->context;
	const uint8_t *bytes = sealed;
	uint8_t nothing[AEAD_TAG_BYTES];
	bool good;
	int n = 0;
	int end;

	if (aead->seal || length < AEAD_TAG_BYTES || length > INT_MAX)
		return false;
	length -= AEAD_TAG_BYTES;
	good = EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, -1) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES,
							   (void *) (bytes + length)) == 1;
	if (good && length > 0)
		good = EVP_CipherUpdate(context, out, &n, bytes, (int) length) == 1;
	good = good && EVP_CipherFinal_ex(context, length > 0 ? out + n : nothing, &end) == 1 &&
		   (size_t) (n + end) == length;
	if (!good)
		secret_cleanse(out, length);
	return good;
}
