/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  JSON values of what may be anything.
 *
 * jansson refuses text that is not UTF-8, and a NULL inside json_pack() spoils
 * the whole document; a result with a question mark in it is better than none.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "json_text.h"
#include "memory.h"

json_t *
json_text(const char *text)
{
	json_t *value;
	char *copy;
	char *c;

	if (text == NULL)
		return json_null();
	value = json_string(text);
	if (value != NULL)
		return value;
	copy = xstrdup(text);
	for (c = copy; *c != '\0'; c++)
	{
		if ((unsigned char) *c >= 0x80)
			*c = '?';
	}
	value = json_string(copy);
	free(copy);
	return value;
}

json_t *
json_count(uint64_t count)
{
	return json_integer((json_int_t) count);
}
