/*-------------------------------------------------------------------------
 *
 * table_pattern.c
 *	  Patterns for names of tables and schemas.
 *
 * The rules are psql's, less its regular expressions: those need the
 * server's engine, and the names here are in an archive.
 *
 *-------------------------------------------------------------------------
 */
#include "table_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

static void
glob_add(Glob *glob, char letter, bool wild)
{
	glob->letters[glob->length] = letter;
	glob->wild[glob->length] = wild;
	glob->length++;
	glob->letters[glob->length] = '\0';
}

static void
glob_start(Glob *glob, size_t room)
{
	glob->letters = xcalloc(room + 1, sizeof(char));
	glob->wild = xcalloc(room + 1, sizeof(bool));
	glob->length = 0;
}

/* Parse into globs; NULL, or a sentence that says what is wrong. */
static const char *
parse(const char *text, TablePattern *pattern)
{
	size_t room = strlen(text);
	bool quoted = false;
	const char *c;

	glob_start(&pattern->name, room);
	for (c = text; *c != '\0'; c++)
	{
		if (*c == '"' && quoted && c[1] == '"')
			glob_add(&pattern->name, *c++, false);
		else if (*c == '"')
			quoted = !quoted;
		else if (quoted)
			glob_add(&pattern->name, *c, false);
		else if (*c == '.')
		{
			if (pattern->has_schema)
				return "It has too many dots: a name is \"table\" or \"schema.table\", and a dot "
					   "in a name needs double quotes.";
			pattern->has_schema = true;
			pattern->schema = pattern->name;
			glob_start(&pattern->name, room);
		}
		else if (*c == '*' || *c == '?')
			glob_add(&pattern->name, *c, true);
		else
			glob_add(&pattern->name, *c >= 'A' && *c <= 'Z' ? (char) (*c - 'A' + 'a') : *c, false);
	}
	if (quoted)
		return "A double quote is not closed.";
	if (pattern->name.length == 0 || (pattern->has_schema && pattern->schema.length == 0))
		return "A name is empty.";
	return NULL;
}

bool
table_pattern_parse(const char *option, const char *text, TablePattern *pattern)
{
	const char *problem;

	memset(pattern, 0, sizeof(*pattern));
	pattern->text = text;
	problem = parse(text, pattern);
	return problem == NULL || report_error(EXIT_USAGE, problem, NULL,
										   "invalid value \"%s\" of option \"%s\"", text, option);
}

static void
glob_free(Glob *glob)
{
	free(glob->letters);
	free(glob->wild);
}

void
table_pattern_free(TablePattern *pattern)
{
	glob_free(&pattern->schema);
	glob_free(&pattern->name);
}

/* The start of the next character: bytes that go on one in UTF-8 are skipped. */
static const char *
next_character(const char *text)
{
	do
		text++;
	while (((unsigned char) *text & 0xc0) == 0x80);
	return text;
}

/* Match from a position on; after a star, every rest of the text is tried. */
static bool
glob_matches(const Glob *glob, const char *text)
{
	const char *retry = NULL;
	int at = 0;
	int star = -1;

	for (;;)
	{
		bool wild = at < glob->length && glob->wild[at];

		if (wild && glob->letters[at] == '*')
		{
			star = at++;
			retry = text;
		}
		else if (at == glob->length && *text == '\0')
			return true;
		else if (at < glob->length && *text != '\0' && wild)
		{
			at++;
			text = next_character(text);
		}
		else if (at < glob->length && *text != '\0' && glob->letters[at] == *text)
		{
			at++;
			text++;
		}
		else if (star >= 0 && *retry != '\0')
		{
			at = star + 1;
			text = ++retry;
		}
		else
			return false;
	}
}

bool
table_pattern_matches(const TablePattern *pattern, const char *schema, const char *name)
{
	return (!pattern->has_schema || glob_matches(&pattern->schema, schema)) &&
		   glob_matches(&pattern->name, name);
}

bool
table_pattern_is_wild(const TablePattern *pattern)
{
	int i;

	for (i = 0; i < pattern->schema.length; i++)
	{
		if (pattern->schema.wild[i])
			return true;
	}
	for (i = 0; i < pattern->name.length; i++)
	{
		if (pattern->name.wild[i])
			return true;
	}
	return !pattern->has_schema;
}
