/*-------------------------------------------------------------------------
 *
 * url_text.c
 *	  Paths and queries as a URL has them, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "url_text.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		   c == '.' || c == '_' || c == '~';
}

void
url_append_encoded(const char *text, bool keep_slashes, Buffer *out)
{
	for (; *text != '\0'; text++)
	{
		if (is_unreserved(*text) || (keep_slashes && *text == '/'))
			buffer_append_char(out, *text);
		else
			buffer_printf(out, "%%%02X", (unsigned char) *text);
	}
}

void
url_append_parameter(Buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "%s%s=", out->length > 0 ? "&" : "", name);
	url_append_encoded(value, false, out);
}

/* A parameter with its encoded texts, by which they are sorted. */
typedef struct EncodedPair
{
	Buffer name;
	Buffer value;
} EncodedPair;

static int
compare_encoded(const void *a, const void *b)
{
	const EncodedPair *left = a;
	const EncodedPair *right = b;
	int order = strcmp(left->name.data, right->name.data);

	return order != 0 ? order : strcmp(left->value.data, right->value.data);
}

/* Encoded first and sorted afterwards: the order of the bytes that are sent counts. */
void
url_append_query(const HttpPair *query, size_t count, Buffer *out)
{
	EncodedPair *pairs = xcalloc(count + 1, sizeof(EncodedPair));
	size_t i;

	for (i = 0; i < count; i++)
	{
		buffer_init(&pairs[i].name);
		buffer_init(&pairs[i].value);
		buffer_append_string(&pairs[i].name, "");
		buffer_append_string(&pairs[i].value, "");
		url_append_encoded(query[i].name, false, &pairs[i].name);
		url_append_encoded(query[i].value, false, &pairs[i].value);
	}
	qsort(pairs, count, sizeof(EncodedPair), compare_encoded);
	for (i = 0; i < count; i++)
	{
		buffer_printf(out, "%s%s=%s", i > 0 ? "&" : "", pairs[i].name.data, pairs[i].value.data);
		buffer_free(&pairs[i].name);
		buffer_free(&pairs[i].value);
	}
	free(pairs);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
url_decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++)
	{
		if (*text == '+')
			*to = ' ';
		else if (*text != '%')
			*to = *text;
		else
		{
			int high = hex_value(text[1]);
			int low = high >= 0 ? hex_value(text[2]) : -1;

			if (low < 0 || high * 16 + low == 0)
				return false;
			*to = (char) (high * 16 + low);
			text += 2;
		}
	}
	*to = '\0';
	return true;
}

bool
url_split(const char *url, char **origin, char **target)
{
	const char *authority = strstr(url, "://");
	const char *slash = authority != NULL ? strchr(authority + 3, '/') : NULL;

	if (authority == NULL || authority[3] == '\0')
		return false;
	*target = xstrdup(slash != NULL ? slash : "/");
	*origin = slash != NULL ? xasprintf("%.*s", (int) (slash - url), url) : xstrdup(url);
	return true;
}
