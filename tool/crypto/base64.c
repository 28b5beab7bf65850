/*-------------------------------------------------------------------------
 *
 * base64.c
 *	  Canonical base64.
 *
 *-------------------------------------------------------------------------
 */
#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_append(Buffer *out, const void *data, size_t length, bool padded)
{
	const uint8_t *bytes = data;
	size_t i;

	buffer_reserve(out, BASE64_LENGTH(length));
	for (i = 0; i < length; i += 3)
	{
		size_t n = length - i < 3 ? length - i : 3;
		uint32_t group = (uint32_t) bytes[i] << 16;

		if (n > 1)
			group |= (uint32_t) bytes[i + 1] << 8;
		if (n > 2)
			group |= bytes[i + 2];
		buffer_append_char(out, alphabet[group >> 18]);
		buffer_append_char(out, alphabet[group >> 12 & 63]);
		if (n > 1)
			buffer_append_char(out, alphabet[group >> 6 & 63]);
		else if (padded)
			buffer_append_char(out, '=');
		if (n > 2)
			buffer_append_char(out, alphabet[group & 63]);
		else if (padded)
			buffer_append_char(out, '=');
	}
}

/* The value of a character, or -1. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool
base64_decode(const char *text, size_t length, bool padded, uint8_t *out, size_t *out_length)
{
	uint32_t bits = 0;
	int nbits = 0;
	size_t i;

	if (padded)
	{
		if (length % 4 != 0)
			return false;
		if (length > 0 && text[length - 1] == '=')
			length -= text[length - 2] == '=' ? 2 : 1;
	}
	if (length % 4 == 1)
		return false;
	*out_length = 0;
	for (i = 0; i < length; i++)
	{
		int value = value_of(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t) value;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[(*out_length)++] = (uint8_t) (bits >> nbits);
			bits &= (UINT32_C(1) << nbits) - 1;
		}
	}
	return bits == 0; /* what is left over must be zero bits */
}
