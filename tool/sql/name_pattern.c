/*-------------------------------------------------------------------------
 *
 * name_pattern.c
 *	  Matching names against patterns, without a server.
 *
 * psql turns its patterns into regular expressions that the server matches.
 * Here names of a repository must be matched, too, perhaps while no server
 * is up; and of regular expressions nobody wants more than the two wildcards
 * when it comes to names of databases.
 *
 *-------------------------------------------------------------------------
 */
#include "name_pattern.h"

#include <string.h>

#include "buffer.h"

/* The pattern from one place on. */
typedef struct Cursor
{
	const char *at;
	bool quoted;
} Cursor;

typedef enum Token
{
	TOKEN_END,
	TOKEN_CHARACTER,
	TOKEN_ONE,
	TOKEN_ANY
} Token;

/* Take the next token; *character is the byte of a TOKEN_CHARACTER. */
static Token
next_token(Cursor *cursor, char *character)
{
	for (;;)
	{
		char c = *cursor->at;

		if (c == '\0')
			return TOKEN_END;
		cursor->at++;
		if (c == '"')
		{
			if (!cursor->quoted || *cursor->at != '"')
			{
				cursor->quoted = !cursor->quoted;
				continue;
			}
			cursor->at++;
		}
		else if (!cursor->quoted && c == '*')
			return TOKEN_ANY;
		else if (!cursor->quoted && c == '?')
			return TOKEN_ONE;
		else if (!cursor->quoted && c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		*character = c;
		return TOKEN_CHARACTER;
	}
}

/* Behind one character, which may be several bytes of UTF-8. */
static const char *
behind_character(const char *name)
{
	do
		name++;
	while (((unsigned char) *name & 0xc0) == 0x80);
	return name;
}

/*
 * After a mismatch only the last `*` needs to take in one more character:
 * what an earlier one could do, the last one can do as well.
 */
bool
name_matches(const char *pattern, const char *name)
{
	Cursor cursor = {pattern, false};
	Cursor behind_star = {NULL, false};
	const char *retry = NULL;

	for (;;)
	{
		char character = '\0';
		Token token = next_token(&cursor, &character);

		if (token == TOKEN_ANY)
		{
			behind_star = cursor;
			retry = name;
		}
		else if (token == TOKEN_END && *name == '\0')
			return true;
		else if (token == TOKEN_ONE && *name != '\0')
			name = behind_character(name);
		else if (token == TOKEN_CHARACTER && *name == character)
			name++;
		else if (retry != NULL && *retry != '\0')
		{
			retry = behind_character(retry);
			name = retry;
			cursor = behind_star;
		}
		else
			return false;
	}
}

char *
name_pattern_letters(const char *pattern, bool *wild)
{
	Cursor cursor = {pattern, false};
	Buffer letters;
	Token token;
	char character;

	*wild = false;
	buffer_init(&letters);
	buffer_append_string(&letters, "");
	while ((token = next_token(&cursor, &character)) != TOKEN_END)
	{
		if (token == TOKEN_CHARACTER)
			buffer_append_char(&letters, character);
		else
		{
			buffer_append_char(&letters, token == TOKEN_ANY ? '*' : '?');
			*wild = true;
		}
	}
	return buffer_detach(&letters);
}
