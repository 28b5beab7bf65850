/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  JSON values of what may be anything.
 *
 * jansson refuses text that is not UTF-8, and a NULL inside json_pack() spoils
 * the whole document.  A byte that is not UTF-8 is shown as \xNN, as people see
 * it, and as the server's catalog has it (extension/valid_text.c): two names
 * that differ in such bytes stay two.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "buffer.h"
#include "json_text.h"
#include "memory.h"
#include "printable.h"

json_t *
json_text(const char *text)
{
	json_t *value;
	Buffer out;
	char *copy;

	if (text == NULL)
		return json_null();
	value = json_string(text);
	if (value != NULL)
		return value;
	buffer_init(&out);
	while (*text != '\0')
	{
		uint32_t character;
		int length = utf8_character(text, &character);

		if (length > 0)
			buffer_append(&out, text, (size_t) length);
		else
			buffer_printf(&out, "\\x%02x", (unsigned char) *text);
		text += length > 0 ? length : 1;
	}
	copy = buffer_detach(&out);
	value = json_string(copy);
	free(copy);
	return value;
}

/* jansson has escaped what is below U+0020, and all that is not ASCII stands inside strings. */
char *
json_harmless(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags);
	const char *c = text;
	Buffer out;

	if (text == NULL)
		return NULL;
	buffer_init(&out);
	buffer_append_string(&out, "");
	while (*c != '\0')
	{
		uint32_t character = 0;
		int length = printable_length(c);

		if (length > 0 || (unsigned char) *c < 0x20)
			buffer_append(&out, c, length > 0 ? (size_t) length : 1);
		else
		{
			length = utf8_character(c, &character);
			if (character > 0xffff)
				buffer_printf(&out, "\\u%04x\\u%04x", 0xd7c0 + (character >> 10),
							  0xdc00 + (character & 0x3ff));
			else
				buffer_printf(&out, "\\u%04x", character);
		}
		c += length > 0 ? length : 1;
	}
	free(text);
	return buffer_detach(&out);
}

json_t *
json_count(uint64_t count)
{
	return json_integer((json_int_t) count);
}

json_t *
json_seconds(double seconds)
{
	return json_real((double) (int64_t) (seconds * 1000 + 0.5) / 1000);
}
