/*-------------------------------------------------------------------------
 *
 * sql_text.c
 *	  Cutting SQL text into tokens and statements.
 *
 * A search for a quotation mark or a semicolon is not enough: a role may be
 * called o'neil, a comment may hold anything.  The rules are the lexical ones
 * of PostgreSQL with standard_conforming_strings on, as in every session of
 * this program and of pg_dump.  Statements are cut as psql cuts them, except
 * that the body of a function in BEGIN ATOMIC ... END is not one piece; the
 * texts that are cut here hold no functions.
 *
 *-------------------------------------------------------------------------
 */
#include "sql_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define BLANKS " \t\n\r\f\v"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
begins_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   ((unsigned char) c) >= 0x80;
}

/* From one quotation mark to behind the one that closes it; a doubled one is text. */
static const char *
skip_quoted(const char *text, bool backslashes)
{
	char quote = *text;

	for (text++; *text != '\0'; text++)
	{
		if (backslashes && *text == '\\' && text[1] != '\0')
			text++;
		else if (*text == quote && text[1] == quote)
			text++;
		else if (*text == quote)
			return text + 1;
	}
	return text;
}

/* The same of a literal, with the parts that follow it on further lines; CR ends a line, too. */
static const char *
skip_literal(const char *text, bool backslashes)
{
	for (;;)
	{
		size_t blanks;

		text = skip_quoted(text, backslashes);
		blanks = strspn(text, BLANKS);
		if (text[blanks] != '\'' || strcspn(text, "\r\n") >= blanks)
			return text;
		text += blanks;
	}
}

/* A dollar-quoted text, or the dollar alone if none begins here. */
static const char *
skip_dollar(const char *text)
{
	size_t length = 1;
	const char *end;

	if (begins_word(text[length]))
	{
		while (begins_word(text[length]) || is_digit(text[length]))
			length++;
	}
	if (text[length] != '$')
		return text + 1;
	length++;
	for (end = strchr(text + length, '$'); end != NULL; end = strchr(end + 1, '$'))
	{
		if (strncmp(end, text, length) == 0)
			return end + length;
	}
	return text + strlen(text);
}

static const char *
skip_block_comment(const char *text)
{
	int depth = 0;

	while (*text != '\0')
	{
		if (text[0] == '/' && text[1] == '*')
			depth++;
		else if (text[0] == '*' && text[1] == '/')
			depth--;
		else
		{
			text++;
			continue;
		}
		text += 2;
		if (depth == 0)
			break;
	}
	return text;
}

const char *
sql_token_end(const char *text)
{
	if (*text == '\0')
		return text;
	if (text[0] == '-' && text[1] == '-')
		return text + strcspn(text, "\r\n");
	if (text[0] == '/' && text[1] == '*')
		return skip_block_comment(text);
	if ((text[0] == 'E' || text[0] == 'e') && text[1] == '\'')
		return skip_literal(text + 1, true);
	if (*text == '\'')
		return skip_literal(text, false);
	if (*text == '"')
		return skip_quoted(text, false);
	if (*text == '$')
		return skip_dollar(text);
	if (begins_word(*text))
	{
		while (begins_word(*text) || is_digit(*text) || *text == '$')
			text++;
		return text;
	}
	if (is_digit(*text))
	{
		while (begins_word(*text) || is_digit(*text) || *text == '.')
			text++;
		return text;
	}
	return text + 1;
}

int
sql_token_nests(const char *text)
{
	return (*text == '(' || *text == '[') - (*text == ')' || *text == ']');
}

const char *
sql_skip_blank(const char *text)
{
	for (;;)
	{
		text += strspn(text, BLANKS);
		if (strncmp(text, "--", 2) != 0 && strncmp(text, "/*", 2) != 0)
			return text;
		text = sql_token_end(text);
	}
}

/* The actions of a rule are in parentheses, with semicolons between them. */
const char *
sql_statement_end(const char *text)
{
	int depth = 0;

	while (*text != '\0' && (*text != ';' || depth > 0))
	{
		if (*text == '(')
			depth++;
		else if (*text == ')' && depth > 0)
			depth--;
		text = sql_token_end(text);
	}
	return *text == ';' ? text + 1 : text;
}
