/*-------------------------------------------------------------------------
 *
 * sql_name.c
 *	  Reading names back out of SQL text.
 *
 *-------------------------------------------------------------------------
 */
#include "sql_name.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

static int
is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '$' || c >= 0x80;
}

const char *
sql_name_read(const char *text, char **name)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	if (*text != '"')
	{
		while (is_plain((unsigned char) *text))
			buffer_append_char(&out, *text++);
	}
	else
	{
		for (text++; *text != '\0' && (*text != '"' || text[1] == '"'); text++)
		{
			if (*text == '"')
				text++;
			buffer_append_char(&out, *text);
		}
		text = *text == '"' ? text + 1 : NULL;
	}
	if (text == NULL || out.length == 0)
	{
		buffer_free(&out);
		return NULL;
	}
	*name = buffer_detach(&out);
	return text;
}

const char *
sql_name_read_qualified(const char *text, char **schema, char **name)
{
	const char *end = sql_name_read(text, schema);

	if (end == NULL)
		return NULL;
	end = *end == '.' ? sql_name_read(end + 1, name) : NULL;
	if (end == NULL)
	{
		free(*schema);
		*schema = NULL;
	}
	return end;
}
