/*-------------------------------------------------------------------------
 *
 * table_pattern.c
 *	  Patterns for names of tables and schemas: two patterns of names, with a
 *	  dot between them.
 *
 *-------------------------------------------------------------------------
 */
#include "table_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "name_pattern.h"

/* The dot that divides schema and name, after `text`; NULL if there is none outside of quotes. */
static const char *
find_dot(const char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++)
	{
		if (*text == '"')
			quoted = !quoted;
		else if (*text == '.' && !quoted)
			return text;
	}
	return NULL;
}

static bool
is_empty(const char *pattern)
{
	bool wild;
	char *letters = name_pattern_letters(pattern, &wild);
	bool empty = letters[0] == '\0';

	free(letters);
	return empty;
}

/* Split into two patterns; NULL, or a sentence that says what is wrong. */
static const char *
parse(const char *text, TablePattern *pattern)
{
	const char *dot = find_dot(text);
	size_t quotes = 0;
	const char *c;
	bool wild;

	for (c = text; *c != '\0'; c++)
		quotes += *c == '"';
	if (dot != NULL)
		pattern->schema = xasprintf("%.*s", (int) (dot - text), text);
	pattern->name = xstrdup(dot != NULL ? dot + 1 : text);
	pattern->letters = name_pattern_letters(pattern->name, &wild);
	if (find_dot(pattern->name) != NULL)
		return "It has too many dots: a name is \"table\" or \"schema.table\", and a dot "
			   "in a name needs double quotes.";
	if (quotes % 2 != 0)
		return "A double quote is not closed.";
	if (pattern->letters[0] == '\0' || (pattern->schema != NULL && is_empty(pattern->schema)))
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

void
table_pattern_free(TablePattern *pattern)
{
	free(pattern->schema);
	free(pattern->name);
	free(pattern->letters);
}

bool
table_pattern_matches(const TablePattern *pattern, const char *schema, const char *name)
{
	return (pattern->schema == NULL || name_matches(pattern->schema, schema)) &&
		   name_matches(pattern->name, name);
}
