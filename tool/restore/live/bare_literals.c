/*-------------------------------------------------------------------------
 *
 * bare_literals.c
 *	  Literals of a part that have no type in its text.
 *
 * PostgreSQL writes nearly every constant of an expression with its type:
 * '{x}'::s.d[].  Inside of ROW(...), and as an argument of type "any", a
 * literal stays as it was written, and is read by the type that the best match
 * of the function asks for.  In a live database that can be another function
 * now, and a type of somebody else, whose constraints then run with the rights
 * of the session.  So a definition that has such a literal, and calls anything
 * but PostgreSQL's own functions and operators, is refused, whoever wrote it.
 *
 * Literals that are no constants of an expression are passed over: options,
 * bodies of functions, settings, arguments of triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "bare_literals.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "live_refusal.h"
#include "memory.h"
#include "settings.h"
#include "sql_text.h"
#include "turn_settings.h"

typedef struct Scan
{
	bool literal; /* without a type */
	bool call;    /* of something that is not PostgreSQL's */
} Scan;

static bool
is_word(const char *text, const char *end, const char *word)
{
	return (size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

/* Behind the parenthesis that closes the one that begins here. */
static const char *
skip_parentheses(const char *text)
{
	int depth = 0;

	while (*text != '\0')
	{
		depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
		text = sql_token_end(text);
		if (depth == 0)
			break;
		text = sql_skip_blank(text);
	}
	return text;
}

/* s.f( or OPERATOR(s.+), where s is not pg_catalog: PostgreSQL leaves no blank in them. */
static bool
is_call(const char *text, const char *end)
{
	static const char own[] = "pg_catalog.";
	const char *next;

	if (is_word(text, end, "OPERATOR") && *end == '(')
		return strncmp(end + 1, own, strlen(own)) != 0;
	if (*end != '.' || strncmp(text, own, strlen(own)) == 0 || end == text)
		return false;
	next = sql_token_end(end + 1);
	return *next == '(';
}

/* Up to the word `stop` outside of parentheses, or the end of the statement. */
static void
scan(Scan *found, const char *text, const char *stop)
{
	int depth = 0;

	for (text = sql_skip_blank(text); *text != '\0';)
	{
		const char *end = sql_token_end(text);
		const char *next = sql_skip_blank(end);

		depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
		if (depth <= 0 && (*text == ';' || (stop != NULL && is_word(text, end, stop))))
			return;
		if (*next == '(' && (is_word(text, end, "WITH") || is_word(text, end, "OPTIONS")))
		{
			text = sql_skip_blank(skip_parentheses(next));
			continue;
		}
		found->literal = found->literal || (end[-1] == '\'' && strncmp(end, "::", 2) != 0);
		found->call = found->call || is_call(text, end);
		text = next;
	}
}

/* Behind the first token that is this word, or NULL. */
static const char *
behind_word(const char *text, const char *word)
{
	for (text = sql_skip_blank(text); *text != '\0';)
	{
		const char *end = sql_token_end(text);

		if (is_word(text, end, word))
			return end;
		text = sql_skip_blank(end);
	}
	return NULL;
}

/* The arguments of a function, and its body where that is SQL and no literal. */
static void
scan_function(Scan *found, const char *text)
{
	const char *body = behind_word(text, "ATOMIC");

	while (*text != '\0' && *text != '(')
		text = sql_skip_blank(sql_token_end(text));
	scan(found, text, "RETURNS");
	for (; body != NULL && *body != '\0'; body = strchr(body, ';'))
	{
		body += *body == ';';
		scan(found, body, NULL);
		if (strchr(body, ';') == NULL)
			break;
	}
}

bool
bare_literals_have(const TocEntry *entry)
{
	static const char *const whole[] = {
		"TABLE",      "FOREIGN TABLE", "RULE",    "POLICY", "DOMAIN",     "CHECK CONSTRAINT",
		"CONSTRAINT", "INDEX",         "DEFAULT", "VIEW",   "STATISTICS", "MATERIALIZED VIEW",
		NULL};
	Scan found = {false, false};
	const char *text = entry->definition;

	if (text == NULL || strchr(text, '\'') == NULL)
		return false;
	if (toc_entry_is_any(entry, whole))
		scan(&found, text, NULL);
	else if (toc_entry_is(entry, "TRIGGER") && behind_word(text, "WHEN") != NULL)
		scan(&found, behind_word(text, "WHEN"), "EXECUTE");
	else if (toc_entry_is(entry, "FUNCTION") || toc_entry_is(entry, "PROCEDURE"))
		scan_function(&found, text);
	return found.literal && found.call;
}

bool
bare_literals_check(const RestorePlan *plan)
{
	const ArchiveToc *toc = &plan->selection->toc;
	uint32_t i;

	for (i = 0; plan->settings->turns->rows_as != ROWS_AS_SESSION && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (selection_includes(plan->selection, entry) && bare_literals_have(entry))
			return live_code_refuse(entry, "It has a literal without a type, which is read as what "
										   "its functions take now.");
	}
	return true;
}
