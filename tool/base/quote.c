/*-------------------------------------------------------------------------
 *
 * quote.c
 *	  SQL quoting without a connection, and names made safe for people.
 *
 *-------------------------------------------------------------------------
 */
#include "quote.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "printable.h"

/* Every keyword of PostgreSQL 14 to 18 that some grammar rule refuses as a plain name; sorted. */
static const char *const keywords[] = {
#include "keywords.h"
};

static int
compare_keyword(const void *name, const void *keyword)
{
	return strcmp((const char *) name, *(const char *const *) keyword);
}

static bool
needs_quotes(const char *name)
{
	const char *c;

	if (!((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
		return true;
	for (c = name; *c != '\0'; c++)
	{
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
			return true;
	}
	return bsearch(name, keywords, sizeof(keywords) / sizeof(keywords[0]), sizeof(keywords[0]),
				   compare_keyword) != NULL;
}

/* Append text between quotes, doubling the quotes inside. */
static void
append_doubled(Buffer *out, const char *text, char quote)
{
	const char *c;

	buffer_append_char(out, quote);
	for (c = text; *c != '\0'; c++)
	{
		if (*c == quote)
			buffer_append_char(out, quote);
		buffer_append_char(out, *c);
	}
	buffer_append_char(out, quote);
}

void
quote_identifier(Buffer *out, const char *name)
{
	if (needs_quotes(name))
		append_doubled(out, name, '"');
	else
		buffer_append_string(out, name);
}

void
quote_qualified(Buffer *out, const char *schema, const char *name)
{
	quote_identifier(out, schema);
	buffer_append_char(out, '.');
	quote_identifier(out, name);
}

void
quote_literal(Buffer *out, const char *text)
{
	append_doubled(out, text, '\'');
}

char *
printable_name(const char *name)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	while (*name != '\0')
	{
		int length = printable_length(name);

		if (length > 0)
			buffer_append(&out, name, (size_t) length);
		else
			buffer_printf(&out, "\\x%02x", (unsigned char) *name);
		name += length > 0 ? length : 1;
	}
	return buffer_detach(&out);
}
