/*-------------------------------------------------------------------------
 *
 * symmetric_key.c
 *	  The text of a key file.
 *
 * 32 bytes that are all printable are refused: that is half a key in
 * hexadecimal, or a passphrase, and not what came out of a random source.
 *
 *-------------------------------------------------------------------------
 */
#include "symmetric_key.h"

#include <stdio.h>
#include <string.h>

#include "base64.h"

#define HEX_CHARACTERS (2 * KEY_BYTES)
#define BASE64_UNPADDED 43
#define NO_KEY "holds no key: 32 bytes, as they are or in hexadecimal or base64"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
parse_hex(const char *text, uint8_t key[KEY_BYTES])
{
	int i;

	for (i = 0; i < KEY_BYTES; i++)
	{
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t) (high << 4 | low);
	}
	return true;
}

static bool
parse_line(const char *line, size_t length, uint8_t key[KEY_BYTES])
{
	uint8_t bytes[BASE64_LENGTH(KEY_BYTES) / 4 * 3 + 2];
	size_t n = 0;
	bool good;

	if (length == HEX_CHARACTERS)
		return parse_hex(line, key);
	if (length != BASE64_UNPADDED && length != BASE64_LENGTH(KEY_BYTES))
		return false;
	good = base64_decode(line, length, length != BASE64_UNPADDED, bytes, &n) && n == KEY_BYTES;
	if (good)
		memcpy(key, bytes, KEY_BYTES);
	secret_cleanse(bytes, sizeof(bytes));
	return good;
}

static bool
is_printable(const char *content, size_t length)
{
	while (length > 0 && *content >= ' ' && *content <= '~')
	{
		content++;
		length--;
	}
	return length == 0;
}

const char *
symmetric_key_parse(const char *content, size_t length, uint8_t key[KEY_BYTES])
{
	const char *end = content + length;
	bool found = false;

	if (length == KEY_BYTES)
	{
		if (is_printable(content, length))
			return "holds 32 printable characters, which are too few for a key";
		memcpy(key, content, KEY_BYTES);
		return NULL;
	}
	while (content < end)
	{
		const char *stop = memchr(content, '\n', (size_t) (end - content));
		const char *next = stop != NULL ? stop + 1 : end;

		if (stop == NULL)
			stop = end;
		if (stop > content && stop[-1] == '\r')
			stop--;
		if (stop > content && *content != '#')
		{
			if (found)
				return "holds more than one key";
			if (!parse_line(content, (size_t) (stop - content), key))
				return NO_KEY;
			found = true;
		}
		content = next;
	}
	return found ? NULL : NO_KEY;
}

void
symmetric_key_text(const uint8_t key[KEY_BYTES], char text[SYMMETRIC_KEY_SIZE])
{
	int i;

	for (i = 0; i < KEY_BYTES; i++)
		snprintf(text + (size_t) 2 * i, 3, "%02x", key[i]);
}
