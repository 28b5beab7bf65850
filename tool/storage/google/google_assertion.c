/*-------------------------------------------------------------------------
 *
 * google_assertion.c
 *	  What a service account of Google shows to get a token.
 *
 *-------------------------------------------------------------------------
 */
#include "google_assertion.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "memory.h"

#define LIFE 3600 /* seconds, which is the most that is allowed */
#define SCOPE "https://www.googleapis.com/auth/devstorage.read_write"

/* The alphabet for URLs, without padding. */
static void
append_base64url(Buffer *out, const void *data, size_t length)
{
	size_t from = out->length;

	base64_append(out, data, length, false);
	for (; from < out->length; from++)
	{
		if (out->data[from] == '+')
			out->data[from] = '-';
		else if (out->data[from] == '/')
			out->data[from] = '_';
	}
}

/* Append an object, which is released; false without memory. */
static bool
append_object(Buffer *out, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	if (text != NULL)
		append_base64url(out, text, strlen(text));
	free(text);
	json_decref(object);
	return text != NULL;
}

/* A key without a passphrase; a prompt for one would be in the way. */
static int
no_passphrase(char *buffer, int size, int writing, void *argument)
{
	(void) buffer;
	(void) size;
	(void) writing;
	(void) argument;
	return 0;
}

static EVP_PKEY *
read_key(const char *private_key)
{
	BIO *text = BIO_new_mem_buf(private_key, -1);
	EVP_PKEY *key = text != NULL ? PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL) : NULL;

	BIO_free(text);
	if (key == NULL || EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

bool
rs256_append_signature(const char *private_key, Buffer *out)
{
	EVP_PKEY *key = read_key(private_key);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = key != NULL ? (size_t) EVP_PKEY_size(key) : 0;
	unsigned char *signature = xmalloc(length + 1);
	bool made = key != NULL && context != NULL &&
				EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
				EVP_DigestSign(context, signature, &length, (const unsigned char *) out->data,
							   out->length) == 1;

	if (made)
	{
		buffer_append_char(out, '.');
		append_base64url(out, signature, length);
	}
	free(signature);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return made;
}

bool
google_append_assertion(const ServiceAccount *account, time_t now, Buffer *out)
{
	json_t *header =
		json_pack("{s:s, s:s, s:s*}", "alg", "RS256", "typ", "JWT", "kid", account->key_id);
	json_t *claims =
		json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", account->email, "scope", SCOPE, "aud",
				  account->token_uri, "iat", (json_int_t) now, "exp", (json_int_t) now + LIFE);
	Buffer made;
	bool good;

	buffer_init(&made);
	good = append_object(&made, header);
	buffer_append_char(&made, '.');
	good =
		append_object(&made, claims) && good && rs256_append_signature(account->private_key, &made);
	if (good)
		buffer_append(out, made.data, made.length);
	buffer_free(&made);
	return good;
}
