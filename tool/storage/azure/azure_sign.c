/*-------------------------------------------------------------------------
 *
 * azure_sign.c
 *	  Signatures of Azure Storage by the key of an account.
 *
 *-------------------------------------------------------------------------
 */
#include "azure_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "memory.h"
#include "primitives.h"

void
azure_time(time_t when, char text[AZURE_TIME_SIZE])
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
										 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm parts;
	char rest[24];

	gmtime_r(&when, &parts);
	/* Names by strftime() would be in the language of the user. */
	strftime(rest, sizeof(rest), "%Y %H:%M:%S GMT", &parts);
	snprintf(text, AZURE_TIME_SIZE, "%s, %02d %s %s", days[parts.tm_wday], parts.tm_mday,
			 months[parts.tm_mon], rest);
}

static const char *
header_of(const AzureRequest *request, const char *name)
{
	size_t i;

	for (i = 0; i < request->header_count; i++)
	{
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return "";
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp((*(const HttpPair *const *) a)->name, (*(const HttpPair *const *) b)->name);
}

/* Those whose names begin so, in the order of their names, each between two texts. */
static void
append_sorted(const HttpPair *pairs, size_t count, const char *beginning, const char *before,
			  const char *behind, Buffer *out)
{
	const HttpPair **sorted = xcalloc(count + 1, sizeof(HttpPair *));
	size_t found = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (strncmp(pairs[i].name, beginning, strlen(beginning)) == 0)
			sorted[found++] = &pairs[i];
	}
	qsort(sorted, found, sizeof(HttpPair *), compare_names);
	for (i = 0; i < found; i++)
		buffer_printf(out, "%s%s:%s%s", before, sorted[i]->name, sorted[i]->value, behind);
	free(sorted);
}

void
azure_append_text_to_sign(const AzureRequest *request, Buffer *out)
{
	static const char *const before_length[] = {"content-encoding", "content-language"};
	static const char *const after_length[] = {
		"content-md5",   "content-type",        "date", "if-modified-since", "if-match",
		"if-none-match", "if-unmodified-since", "range"};
	size_t i;

	buffer_printf(out, "%s\n", request->method);
	for (i = 0; i < sizeof(before_length) / sizeof(before_length[0]); i++)
		buffer_printf(out, "%s\n", header_of(request, before_length[i]));
	if (request->body_length > 0)
		buffer_printf(out, "%zu", request->body_length);
	buffer_append_char(out, '\n');
	for (i = 0; i < sizeof(after_length) / sizeof(after_length[0]); i++)
		buffer_printf(out, "%s\n", header_of(request, after_length[i]));
	append_sorted(request->headers, request->header_count, "x-ms-", "", "\n", out);
	buffer_printf(out, "/%s%s", request->account, request->path);
	append_sorted(request->query, request->query_count, "", "\n", "", out);
}

/* The bytes of a key, to be cleansed and freed; NULL if it is none. */
static uint8_t *
key_bytes(const char *text, size_t *length)
{
	size_t size = strlen(text) / 4 * 3 + 2;
	uint8_t *key = xmalloc(size);

	if (text[0] != '\0' && base64_decode(text, strlen(text), true, key, length))
		return key;
	secret_free(key, size);
	return NULL;
}

bool
azure_is_key(const char *text)
{
	size_t length;
	uint8_t *key = key_bytes(text, &length);

	if (key == NULL)
		return false;
	secret_free(key, length);
	return true;
}

bool
azure_append_authorization(const AzureRequest *request, const char *key, Buffer *out)
{
	uint8_t signature[MAC_BYTES];
	size_t length = 0;
	uint8_t *bytes = key_bytes(key, &length);
	Buffer text;
	bool made;

	buffer_init(&text);
	azure_append_text_to_sign(request, &text);
	made = bytes != NULL && hmac_sha256(bytes, length, text.data, text.length, signature);
	if (made)
	{
		buffer_printf(out, "SharedKey %s:", request->account);
		base64_append(out, signature, MAC_BYTES, true);
	}
	if (bytes != NULL)
		secret_free(bytes, length);
	buffer_free(&text);
	return made;
}
