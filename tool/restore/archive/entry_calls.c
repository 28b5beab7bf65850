/*-------------------------------------------------------------------------
 *
 * entry_calls.c
 *	  What making an entry of the archive computes, as its definition has it.
 *
 *-------------------------------------------------------------------------
 */
#include "entry_calls.h"

#include <string.h>

/* Is the text in the definition, not in one of its names or literals? */
static bool
says(const char *definition, const char *text)
{
	char quote = '\0';

	for (; *definition != '\0'; definition++)
	{
		if (quote != '\0')
			quote = *definition == quote ? '\0' : quote;
		else if (strncmp(definition, text, strlen(text)) == 0)
			return true;
		else if (*definition == '"' || *definition == '\'')
			quote = *definition;
	}
	return false;
}

/* The depth of parentheses that a definition reaches, and whether it says WHERE. */
static int
read_depth(const char *text, bool *where)
{
	char quote = '\0';
	int depth = 0;
	int deepest = 0;

	for (*where = false; *text != '\0'; text++)
	{
		if (quote != '\0')
			quote = *text == quote ? '\0' : quote;
		else if (*text == '"' || *text == '\'')
			quote = *text;
		else if (*text == '(' && ++depth > deepest)
			deepest = depth;
		else if (*text == ')')
			depth--;
		else if (strncmp(text, " WHERE ", 7) == 0)
			*where = true;
	}
	return deepest;
}

/* A range type has functions for GiST. */
bool
entry_calls_functions(const TocEntry *entry)
{
	const char *text = entry->definition != NULL ? entry->definition : "";
	bool where;

	if (toc_entry_is(entry, "CONSTRAINT"))
		return strstr(text, " EXCLUDE ") != NULL || read_depth(text, &where) > 1;
	if (!toc_entry_is(entry, "INDEX"))
		return false;
	return (!says(text, " USING btree (") && !says(text, " USING hash (")) ||
		   read_depth(text, &where) > 1 || where;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

bool
entry_leaves_rows(const TocEntry *entry)
{
	return ends_with(entry->definition, " NOT VALID;\n") ||
		   ends_with(entry->definition, " NOT ENFORCED;\n");
}

bool
entry_checks_rows(const TocEntry *entry)
{
	return toc_entry_is(entry, "CHECK CONSTRAINT") && !entry_leaves_rows(entry);
}

bool
entry_is_partitioned(const TocEntry *entry)
{
	return toc_entry_is(entry, "TABLE") && entry->definition != NULL &&
		   strstr(entry->definition, "\nPARTITION BY ") != NULL;
}

bool
entry_is_range(const TocEntry *entry)
{
	const char *end = toc_entry_after_name(entry, "CREATE TYPE ");

	return end != NULL && strncmp(end, " AS RANGE (", strlen(" AS RANGE (")) == 0;
}
