/*-------------------------------------------------------------------------
 *
 * plain_text.c
 *	  Definitions that consist of names alone.
 *
 * Such a definition makes the server compute nothing and read no literal of a
 * type, so that the session can make it for anybody, and that is cheaper than
 * a turn of its author (author_turn.c).
 *
 * These are no searches for words that are dangerous: a list of those would
 * never be complete.  Each definition is read from its first token to its last
 * one by what it may consist of, and one that has anything else is not plain.
 * A name without a schema is one of PostgreSQL's own, because the search_path
 * is empty, and code of others cannot put types among the temporary ones
 * (owner_turn.c).
 *
 * What follows the first statement (owners, options of columns) is looked at
 * by known_statements.c.
 *
 *-------------------------------------------------------------------------
 */
#include "plain_text.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sql_text.h"

/* What a list in parentheses may have besides words, names and commas. */
typedef enum Inside
{
	INSIDE_NAMES,   /* names with a schema */
	INSIDE_OPTIONS, /* names, and values that are not of a type */
	INSIDE_COLUMNS, /* of a table: types of PostgreSQL, and constants of these */
	INSIDE_ARGUMENTS
} Inside;

static bool
is_word(const char *text, const char *word)
{
	return (size_t) (sql_token_end(text) - text) == strlen(word) &&
		   strncmp(text, word, strlen(word)) == 0;
}

/* A word or a quoted name, but no literal with a letter before it. */
static bool
is_name(const char *text)
{
	bool word = *text == '_' || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
				((unsigned char) *text) >= 0x80;

	return *text == '"' || (word && sql_token_end(text)[-1] != '\'');
}

static bool
is_number(const char *text)
{
	return *text >= '0' && *text <= '9';
}

static bool
is_literal(const char *text)
{
	return *text == '\'' || ((*text == 'E' || *text == 'e') && text[1] == '\'');
}

static const char *
next(const char *text)
{
	return sql_skip_blank(sql_token_end(text));
}

/* Behind these words, with blanks between them, or NULL. */
static const char *
skip_words(const char *text, const char *words)
{
	while (text != NULL && *words != '\0')
	{
		size_t length = strcspn(words, " ");

		if ((size_t) (sql_token_end(text) - text) != length || strncmp(text, words, length) != 0)
			return NULL;
		text = next(text);
		words += length;
		words += *words == ' ';
	}
	return text;
}

/* Behind a name, perhaps with a schema, or NULL. */
static const char *
skip_name(const char *text)
{
	if (text == NULL || !is_name(text))
		return NULL;
	text = next(text);
	while (*text == '.')
	{
		text = sql_skip_blank(text + 1);
		if (!is_name(text))
			return NULL;
		text = next(text);
	}
	return text;
}

/* Behind "(10, 2)" or "()", or NULL. */
static const char *
skip_numbers(const char *text)
{
	text = sql_skip_blank(text + 1);
	while (is_number(text) || *text == ',')
		text = next(text);
	return *text == ')' ? next(text) : NULL;
}

static bool
is_allowed(const char *text, const char *before, Inside inside)
{
	if (*text == ',')
		return true;
	if (is_name(text))
		return inside != INSIDE_ARGUMENTS || !is_word(text, "DEFAULT");
	switch (inside)
	{
		case INSIDE_NAMES:
			return *text == '.';
		case INSIDE_OPTIONS:
			return *text == '.' || *text == '=' || is_literal(text) || is_number(text);
		case INSIDE_COLUMNS:
			return (*text == '.' && before != NULL && is_word(before, "pg_catalog")) ||
				   strchr("[]:", *text) != NULL || is_literal(text) || is_number(text);
		case INSIDE_ARGUMENTS:
			return strchr(".[]", *text) != NULL || is_number(text);
	}
	return false;
}

/* Behind the parentheses that begin here, or NULL if there is anything else in them. */
static const char *
skip_inside(const char *text, Inside inside)
{
	const char *before = NULL;

	if (text == NULL || *text != '(')
		return NULL;
	text = sql_skip_blank(text + 1);
	while (*text != ')')
	{
		const char *start = text;

		if (*text == '\0')
			return NULL;
		if (*text == '(' && (inside == INSIDE_COLUMNS || inside == INSIDE_ARGUMENTS))
			text = skip_numbers(text);
		else if (is_allowed(text, before, inside))
			text = next(text);
		else
			return NULL;
		if (text == NULL)
			return NULL;
		before = start;
	}
	return next(text);
}

bool
plain_table(const char *text)
{
	text = skip_words(sql_skip_blank(text), "CREATE");
	if (text != NULL && is_word(text, "UNLOGGED"))
		text = next(text);
	text = text != NULL ? skip_name(skip_words(text, "TABLE")) : NULL;
	text = skip_inside(text, INSIDE_COLUMNS);
	while (text != NULL && *text != ';')
	{
		if (is_word(text, "INHERITS"))
			text = skip_inside(next(text), INSIDE_NAMES);
		else if (is_word(text, "WITH"))
			text = skip_inside(next(text), INSIDE_OPTIONS);
		else if (is_word(text, "USING"))
			text = skip_name(next(text));
		else
			return false;
	}
	return text != NULL;
}

/* Is it a language that everybody may use?  Of another one it is the name alone that is known. */
static bool
is_usual_language(const char *text)
{
	return is_word(text, "sql") || is_word(text, "plpgsql");
}

/*
 * "RETURNS s.t[] LANGUAGE plpgsql SET a TO 'b' AS": up to the body, or NULL.
 * LEAKPROOF and SUPPORT are for superusers to say.
 */
static const char *
skip_attributes(const char *text)
{
	while (text != NULL && !is_word(text, "AS"))
	{
		if (*text == '(')
			text = skip_inside(text, INSIDE_ARGUMENTS);
		else if (is_word(text, "BEGIN") || is_word(text, "RETURN") || is_word(text, "DEFAULT") ||
				 is_word(text, "LEAKPROOF") || is_word(text, "SUPPORT") ||
				 (is_word(text, "LANGUAGE") && !is_usual_language(next(text))))
			return NULL;
		else if (is_name(text) || is_number(text) || is_literal(text) ||
				 (*text != '\0' && strchr(".,[]", *text) != NULL))
			text = next(text);
		else
			return NULL;
	}
	return text != NULL ? next(text) : NULL;
}

bool
plain_function(const char *text)
{
	text = skip_words(sql_skip_blank(text), "CREATE");
	if (text == NULL || !(is_word(text, "FUNCTION") || is_word(text, "PROCEDURE")))
		return false;
	text = skip_attributes(skip_inside(skip_name(next(text)), INSIDE_ARGUMENTS));
	while (text != NULL && *text != ';')
	{
		/* The body, and the name in a library. */
		if (!is_literal(text) && !(*text == '$' && sql_token_end(text) > text + 1) && *text != ',')
			return false;
		text = next(text);
	}
	return text != NULL;
}

/* What follows the columns of an index or a key. */
static bool
is_plain_rest(const char *text)
{
	while (text != NULL && *text != ';')
	{
		if (is_word(text, "WITH"))
			text = skip_inside(next(text), INSIDE_OPTIONS);
		else if (is_word(text, "INCLUDE"))
			text = skip_inside(next(text), INSIDE_NAMES);
		else if (is_word(text, "NULLS") || is_word(text, "NOT") || is_word(text, "DISTINCT") ||
				 is_word(text, "DEFERRABLE") || is_word(text, "INITIALLY") ||
				 is_word(text, "DEFERRED") || is_word(text, "IMMEDIATE"))
			text = next(text);
		else
			return false;
	}
	return text != NULL;
}

bool
plain_index(const char *text)
{
	text = skip_words(sql_skip_blank(text), "CREATE");
	if (text != NULL && is_word(text, "UNIQUE"))
		text = next(text);
	text = text != NULL ? skip_name(skip_words(text, "INDEX")) : NULL;
	text = text != NULL ? skip_words(text, "ON") : NULL;
	if (text != NULL && is_word(text, "ONLY"))
		text = next(text);
	text = skip_name(text);
	text = text != NULL ? skip_words(text, "USING") : NULL;
	if (text == NULL || !(is_word(text, "btree") || is_word(text, "hash")))
		return false;
	return is_plain_rest(skip_inside(next(text), INSIDE_NAMES));
}

/* "ALTER TABLE ONLY s.t", or NULL. */
static const char *
skip_alter_table(const char *text)
{
	text = skip_words(sql_skip_blank(text), "ALTER TABLE");
	if (text != NULL && is_word(text, "ONLY"))
		text = next(text);
	return skip_name(text);
}

bool
plain_key(const char *text)
{
	text = skip_alter_table(text);
	text = text != NULL ? skip_name(skip_words(text, "ADD CONSTRAINT")) : NULL;
	if (text == NULL)
		return false;
	if (is_word(text, "UNIQUE"))
	{
		text = next(text);
		while (is_word(text, "NULLS") || is_word(text, "NOT") || is_word(text, "DISTINCT"))
			text = next(text);
	}
	else
		text = skip_words(text, "PRIMARY KEY");
	return is_plain_rest(skip_inside(text, INSIDE_NAMES));
}

bool
plain_statistics(const char *text)
{
	text = skip_name(skip_words(sql_skip_blank(text), "CREATE STATISTICS"));
	if (text != NULL && *text == '(')
		text = skip_inside(text, INSIDE_NAMES);
	text = text != NULL ? skip_words(text, "ON") : NULL;
	while (text != NULL && *text != ';')
	{
		if (!is_name(text) && *text != '.' && *text != ',')
			return false;
		text = next(text);
	}
	return text != NULL;
}

bool
plain_default(const char *text)
{
	text = skip_alter_table(text);
	text = text != NULL ? skip_name(skip_words(text, "ALTER COLUMN")) : NULL;
	text = text != NULL ? skip_words(text, "SET DEFAULT nextval (") : NULL;
	return text != NULL && is_literal(text) && skip_words(next(text), ": : regclass ) ;") != NULL;
}

bool
plain_enum(const char *text)
{
	text = skip_name(skip_words(sql_skip_blank(text), "CREATE TYPE"));
	text = text != NULL ? skip_words(text, "AS ENUM (") : NULL;
	while (text != NULL && (is_literal(text) || *text == ','))
		text = next(text);
	return text != NULL && *text == ')' && *next(text) == ';';
}
