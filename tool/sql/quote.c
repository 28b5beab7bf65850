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
quote_array_item(Buffer *array, const char *text)
{
	const char *c;

	buffer_append_string(array, array->length > 1 ? ",\"" : "\"");
	for (c = text; *c != '\0'; c++)
	{
		if (*c == '"' || *c == '\\')
			buffer_append_char(array, '\\');
		buffer_append_char(array, *c);
	}
	buffer_append_char(array, '"');
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
quote_identifier_shown(Buffer *out, const char *name)
{
	const char *c = name;
	int length;

	while ((length = printable_length(c)) > 0)
		c += length;
	if (*c == '\0')
	{
		quote_identifier(out, name);
		return;
	}
	buffer_append_string(out, "U&\"");
	for (c = name; *c != '\0'; c += length)
	{
		uint32_t character = 0xfffd;
		int seen = printable_length(c);

		length = utf8_character(c, &character);
		if (length == 0)
		{
			length = 1;
			character = 0xfffd;
		}
		if (seen == 0)
			buffer_printf(out, character > 0xffff ? "\\+%06x" : "\\%04x", (unsigned) character);
		else
		{
			if (*c == '"' || *c == '\\')
				buffer_append_char(out, *c);
			buffer_append(out, c, (size_t) length);
		}
	}
	buffer_append_char(out, '"');
}

void
quote_qualified(Buffer *out, const char *schema, const char *name)
{
	quote_identifier(out, schema);
	buffer_append_char(out, '.');
	quote_identifier(out, name);
}

/*
 * Escapes where they make a difference: a backslash alone would mean two
 * things, and a line that begins inside a literal may look like anything.
 */
void
quote_literal(Buffer *out, const char *text)
{
	const char *c;

	if (text[strcspn(text, "\\\n\r")] == '\0')
	{
		append_doubled(out, text, '\'');
		return;
	}
	buffer_append_string(out, "E'");
	for (c = text; *c != '\0'; c++)
	{
		if (*c == '\n' || *c == '\r')
			buffer_append_string(out, *c == '\n' ? "\\n" : "\\r");
		else
		{
			if (*c == '\'' || *c == '\\')
				buffer_append_char(out, *c);
			buffer_append_char(out, *c);
		}
	}
	buffer_append_char(out, '\'');
}

void
quote_shell_word(Buffer *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
								"0123456789_-./:@%+=,";
	const char *c = word;
	bool escaped;
	int length;

	if (word[0] != '\0' && strspn(word, plain) == strlen(word))
	{
		buffer_append_string(out, word);
		return;
	}
	while ((length = printable_length(c)) > 0)
		c += length;
	escaped = *c != '\0';
	buffer_append_string(out, escaped ? "$'" : "'");
	for (c = word; *c != '\0'; c += length > 0 ? length : 1)
	{
		length = printable_length(c);
		if (length == 0)
			buffer_printf(out, "\\%03o", (unsigned char) *c);
		else if (*c == '\'')
			buffer_append_string(out, escaped ? "\\'" : "'\\''");
		else if (*c == '\\' && escaped)
			buffer_append_string(out, "\\\\");
		else
			buffer_append(out, c, (size_t) length);
	}
	buffer_append_char(out, '\'');
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
