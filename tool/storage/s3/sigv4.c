/*-------------------------------------------------------------------------
 *
 * sigv4.c
 *	  Signatures of requests to object stores.
 *
 * A request is written in its canonical form; the digest of that, with the
 * time and the scope (day, region, service), is the text to sign; the key is
 * made of the secret by one HMAC for each word of the scope.
 *
 *-------------------------------------------------------------------------
 */
#include "sigv4.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "memory.h"
#include "primitives.h"
#include "url_text.h"

/* The words in which the dialects differ. */
typedef struct SigWords
{
	const char *algorithm;
	const char *key_prefix;
	const char *last; /* of the scope */
} SigWords;

static const SigWords words_of[] = {
	[SIG_AWS4] = {"AWS4-HMAC-SHA256", "AWS4", "aws4_request"},
	[SIG_GOOG4] = {"GOOG4-HMAC-SHA256", "GOOG4", "goog4_request"},
};

#define DAY_LENGTH 8 /* of "20130524" */

void
sig_time(time_t when, char text[SIG_TIME_SIZE])
{
	struct tm parts;

	gmtime_r(&when, &parts);
	strftime(text, SIG_TIME_SIZE, "%Y%m%dT%H%M%SZ", &parts);
}

void
sig_append_target(const SigRequest *request, Buffer *out)
{
	url_append_encoded(request->path, true, out);
	if (request->query_count > 0)
	{
		buffer_append_char(out, '?');
		url_append_query(request->query, request->query_count, out);
	}
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp((*(const HttpPair *const *) a)->name, (*(const HttpPair *const *) b)->name);
}

/* The headers in the order of their names; the caller frees the array. */
static const HttpPair **
sorted_headers(const SigRequest *request)
{
	const HttpPair **sorted = xcalloc(request->header_count + 1, sizeof(HttpPair *));
	size_t i;

	for (i = 0; i < request->header_count; i++)
		sorted[i] = &request->headers[i];
	qsort(sorted, request->header_count, sizeof(HttpPair *), compare_names);
	return sorted;
}

/* Without blanks at its ends, and with one blank for several. */
static void
append_trimmed(const char *value, Buffer *out)
{
	bool blank = false;
	bool begun = false;

	for (; *value != '\0'; value++)
	{
		if (*value == ' ' || *value == '\t')
		{
			blank = true;
			continue;
		}
		if (blank && begun)
			buffer_append_char(out, ' ');
		buffer_append_char(out, *value);
		blank = false;
		begun = true;
	}
}

static void
append_header_names(const HttpPair *const *sorted, size_t count, Buffer *out)
{
	size_t i;

	for (i = 0; i < count; i++)
		buffer_printf(out, "%s%s", i > 0 ? ";" : "", sorted[i]->name);
}

static void
append_canonical_request(const SigRequest *request, const HttpPair *const *headers, Buffer *out)
{
	size_t i;

	buffer_printf(out, "%s\n", request->method);
	url_append_encoded(request->path, true, out);
	buffer_append_char(out, '\n');
	url_append_query(request->query, request->query_count, out);
	buffer_append_char(out, '\n');
	for (i = 0; i < request->header_count; i++)
	{
		buffer_printf(out, "%s:", headers[i]->name);
		append_trimmed(headers[i]->value, out);
		buffer_append_char(out, '\n');
	}
	buffer_append_char(out, '\n');
	append_header_names(headers, request->header_count, out);
	buffer_printf(out, "\n%s", request->payload_sha256);
}

static bool
hmac_text(uint8_t key[MAC_BYTES], const char *text)
{
	uint8_t mac[MAC_BYTES];
	bool made = hmac_sha256(key, MAC_BYTES, text, strlen(text), mac);

	memcpy(key, mac, MAC_BYTES);
	secret_cleanse(mac, sizeof(mac));
	return made;
}

/* The key of a day; what is left in it after a failure is of no use. */
static bool
signing_key(const SigCredentials *credentials, const char *day, uint8_t key[MAC_BYTES])
{
	const SigWords *words = &words_of[credentials->dialect];
	Buffer secret;
	bool made;

	buffer_init(&secret);
	buffer_printf(&secret, "%s%s", words->key_prefix, credentials->secret_key);
	made = hmac_sha256((const uint8_t *) secret.data, secret.length, day, strlen(day), key) &&
		   hmac_text(key, credentials->region) && hmac_text(key, credentials->service) &&
		   hmac_text(key, words->last);
	secret_cleanse(secret.data, secret.capacity);
	buffer_free(&secret);
	return made;
}

static void
append_hex(const uint8_t *bytes, size_t count, Buffer *out)
{
	size_t i;

	for (i = 0; i < count; i++)
		buffer_printf(out, "%02x", bytes[i]);
}

/* Algorithm, time, scope and the digest of the canonical request. */
static bool
append_text_to_sign(const SigWords *words, const char *time, const char *scope,
					const Buffer *canonical, Buffer *out)
{
	DigestHex digest;

	if (!digest_buffer(canonical->data, canonical->length, digest))
		return false;
	buffer_printf(out, "%s\n%s\n%s\n%s", words->algorithm, time, scope, digest);
	return true;
}

bool
sig_append_authorization(const SigCredentials *credentials, const SigRequest *request, Buffer *out)
{
	const SigWords *words = &words_of[credentials->dialect];
	const HttpPair **headers = sorted_headers(request);
	char time[SIG_TIME_SIZE];
	char day[DAY_LENGTH + 1];
	uint8_t key[MAC_BYTES];
	uint8_t signature[MAC_BYTES];
	Buffer scope, canonical, text;
	bool made;

	buffer_init(&scope);
	buffer_init(&canonical);
	buffer_init(&text);

	sig_time(request->when, time);
	memcpy(day, time, DAY_LENGTH);
	day[DAY_LENGTH] = '\0';
	buffer_printf(&scope, "%s/%s/%s/%s", day, credentials->region, credentials->service,
				  words->last);
	append_canonical_request(request, headers, &canonical);

	made = append_text_to_sign(words, time, scope.data, &canonical, &text) &&
		   signing_key(credentials, day, key) &&
		   hmac_sha256(key, MAC_BYTES, text.data, text.length, signature);
	if (made)
	{
		buffer_printf(out, "%s Credential=%s/%s, SignedHeaders=", words->algorithm,
					  credentials->access_key, scope.data);
		append_header_names(headers, request->header_count, out);
		buffer_append_string(out, ", Signature=");
		append_hex(signature, MAC_BYTES, out);
	}

	secret_cleanse(key, sizeof(key));
	buffer_free(&scope);
	buffer_free(&canonical);
	buffer_free(&text);
	free(headers);
	return made;
}
