/*-------------------------------------------------------------------------
 *
 * globals_statements.c
 *	  Cutting a script of pg_dumpall into statements.
 *
 * psql would run the script as it stands, but a restore must know what it is
 * about to do: which roles exist already and would be changed, where a
 * tablespace goes.  Statements of a known form (known_sql.h) are written
 * again; the others, which only run with --allow-unknown-sql, are looked at
 * word by word, as well as it goes.
 *
 *-------------------------------------------------------------------------
 */
#include "globals_statements.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "known_sql.h"
#include "memory.h"
#include "sql_text.h"

/* One word of a statement. */
typedef struct Word
{
	char *text;  /* of a name or a literal: without its quotes */
	bool quoted; /* so it is not a keyword */
} Word;

/* The inside of a quoted word. */
static char *
unquoted(const char *at, const char *end)
{
	char quote = *at;
	Buffer text;

	buffer_init(&text);
	buffer_append_string(&text, "");
	for (at++; at + 1 < end; at++)
	{
		buffer_append_char(&text, *at);
		if (*at == quote)
			at++;
	}
	return buffer_detach(&text);
}

/* Take the next word; false at the end. */
static bool
next_word(const char **at, Word *word)
{
	const char *start = *at + strspn(*at, " \t\r\n,()=");
	const char *end;

	if (*start == '\0' || *start == ';')
		return false;
	word->quoted = *start == '\'' || *start == '"';
	if (word->quoted)
	{
		end = sql_token_end(start);
		word->text = unquoted(start, end);
	}
	else
	{
		end = start + 1;
		while (*end != '\0' && strchr(" \t\r\n,()=;'\"", *end) == NULL)
			end++;
		word->text = xasprintf("%.*s", (int) (end - start), start);
	}
	*at = end;
	return true;
}

static bool
is_keyword(const Word *word, const char *keyword)
{
	return !word->quoted && word->text != NULL && strcmp(word->text, keyword) == 0;
}

#define WORDS 8

/* ALTER ROLE name WITH … or SET …; without a name it is about none. */
static void
classify_alter_role(GlobalsStatement *statement, const Word *words)
{
	bool all = is_keyword(&words[2], "ALL");

	if (words[2].text == NULL || (all && is_keyword(&words[3], "WITH")))
		return;
	statement->kind =
		is_keyword(&words[3], "WITH") ? GLOBALS_ROLE_ATTRIBUTES : GLOBALS_ROLE_SETTING;
	if (!all)
		statement->name = xstrdup(words[2].text);
}

/* CREATE TABLESPACE name OWNER role LOCATION 'directory' */
static void
classify_create_tablespace(GlobalsStatement *statement, const Word *words, int count)
{
	int i;

	for (i = 3; i + 1 < count; i++)
	{
		if (is_keyword(&words[i], "LOCATION"))
		{
			statement->kind = GLOBALS_CREATE_TABLESPACE;
			statement->name = xstrdup(words[2].text);
			statement->location = xstrdup(words[i + 1].text);
			return;
		}
	}
	statement->kind = GLOBALS_TABLESPACE_OTHER;
}

/* Does the statement name a tablespace as its object? */
static bool
is_about_tablespace(const Word *words, int count)
{
	int i;

	for (i = 1; i + 1 < count; i++)
	{
		if (is_keyword(&words[i], "TABLESPACE") && (i == 1 || is_keyword(&words[i - 1], "ON")))
			return true;
	}
	return false;
}

/* What a statement of unknown form seems to be about. */
static void
classify(GlobalsStatement *statement)
{
	const char *at = statement->text;
	Word words[WORDS];
	int count = 0;
	int i;

	memset(words, 0, sizeof(words));
	while (count < WORDS && next_word(&at, &words[count]))
		count++;
	statement->kind = GLOBALS_ROLE_OTHER;
	if (is_keyword(&words[0], "SET"))
		statement->kind = GLOBALS_SESSION;
	else if (is_keyword(&words[0], "CREATE") && is_keyword(&words[1], "ROLE") && count > 2)
	{
		statement->kind = GLOBALS_CREATE_ROLE;
		statement->name = xstrdup(words[2].text);
	}
	else if (is_keyword(&words[0], "ALTER") && is_keyword(&words[1], "ROLE"))
		classify_alter_role(statement, words);
	else if (is_keyword(&words[0], "CREATE") && is_keyword(&words[1], "TABLESPACE"))
		classify_create_tablespace(statement, words, count);
	else if (is_about_tablespace(words, count))
		statement->kind = GLOBALS_TABLESPACE_OTHER;
	else if (is_keyword(&words[0], "GRANT") && is_keyword(&words[2], "TO"))
		statement->kind = GLOBALS_MEMBERSHIP;
	for (i = 0; i < count; i++)
		free(words[i].text);
}

/* What a statement of known form is about. */
static GlobalsKind
kind_of(KnownKind known)
{
	switch (known)
	{
		case SQL_SESSION:
			return GLOBALS_SESSION;
		case SQL_CREATE_ROLE:
			return GLOBALS_CREATE_ROLE;
		case SQL_ROLE_ATTRIBUTES:
			return GLOBALS_ROLE_ATTRIBUTES;
		case SQL_ROLE_SETTING:
			return GLOBALS_ROLE_SETTING;
		case SQL_MEMBERSHIP:
			return GLOBALS_MEMBERSHIP;
		case SQL_CREATE_TABLESPACE:
			return GLOBALS_CREATE_TABLESPACE;
		case SQL_TABLESPACE_OTHER:
			return GLOBALS_TABLESPACE_OTHER;
		default:
			return GLOBALS_ROLE_OTHER;
	}
}

static GlobalsStatement *
add_statement(GlobalsStatements *statements)
{
	GlobalsStatement *statement;

	statements->items =
		xrealloc(statements->items, (size_t) (statements->count + 1) * sizeof(GlobalsStatement));
	statement = &statements->items[statements->count++];
	memset(statement, 0, sizeof(*statement));
	return statement;
}

/*
 * Grants that another role made stand between SET and RESET SESSION
 * AUTHORIZATION.  These are one statement for us, which is about what the
 * grants are about: they run together, or not at all.
 */
static void
add_to(GlobalsStatement *statement, Buffer *group, const KnownStatement *known)
{
	buffer_printf(group, " %s", known->sql);
	if (known->kind != SQL_GRANTOR_RESET)
		statement->kind = kind_of(known->kind);
}

/* Whatever the script says, the session is ours again after the grants. */
static void
end_group(GlobalsStatement **as_grantor, Buffer *group, bool reset)
{
	if (*as_grantor == NULL)
		return;
	if (!reset)
		buffer_append_string(group, " RESET SESSION AUTHORIZATION;");
	free((*as_grantor)->text);
	(*as_grantor)->text = buffer_detach(group);
	*as_grantor = NULL;
}

static void
take_known(GlobalsStatement *statement, KnownStatement *known)
{
	statement->kind = kind_of(known->kind);
	statement->text = known->sql;
	statement->name = known->name;
	statement->location = known->location;
	known->sql = known->name = known->location = NULL;
}

void
globals_statements_parse(const char *script, GlobalsStatements *statements)
{
	GlobalsStatement *as_grantor = NULL;
	KnownStatement known;
	KnownSql sql;
	Buffer group;

	memset(statements, 0, sizeof(*statements));
	known_sql_begin(&sql, MEMBER_GLOBALS, script, NULL);
	while (known_sql_next(&sql, &known))
	{
		bool grant = known.kind == SQL_ROLE_OTHER || known.kind == SQL_TABLESPACE_OTHER ||
					 known.kind == SQL_GRANTOR_RESET;

		if (as_grantor != NULL && grant)
		{
			add_to(as_grantor, &group, &known);
			if (known.kind == SQL_GRANTOR_RESET)
				end_group(&as_grantor, &group, true);
		}
		else if (known.kind != SQL_UNKNOWN)
		{
			GlobalsStatement *statement;

			end_group(&as_grantor, &group, false);
			statement = add_statement(statements);
			take_known(statement, &known);
			if (known.kind == SQL_GRANTOR)
			{
				as_grantor = statement;
				buffer_init(&group);
				buffer_append_string(&group, statement->text);
			}
		}
		else if (known.sql[0] != '\\')
		{
			GlobalsStatement *statement;

			end_group(&as_grantor, &group, false);
			statement = add_statement(statements);
			statement->text = xstrdup(known.sql);
			classify(statement);
		}
		known_statement_free(&known);
	}
	end_group(&as_grantor, &group, false);
}

void
globals_statements_free(GlobalsStatements *statements)
{
	int i;

	for (i = 0; i < statements->count; i++)
	{
		/* It may hold the hash of a password. */
		explicit_bzero(statements->items[i].text, strlen(statements->items[i].text));
		free(statements->items[i].text);
		free(statements->items[i].name);
		free(statements->items[i].location);
	}
	free(statements->items);
	memset(statements, 0, sizeof(*statements));
}

const GlobalsStatement *
globals_statements_find(const GlobalsStatements *statements, GlobalsKind kind, const char *name)
{
	int i;

	for (i = 0; i < statements->count; i++)
	{
		const GlobalsStatement *statement = &statements->items[i];

		if (statement->kind == kind && statement->name != NULL &&
			strcmp(statement->name, name) == 0)
			return statement;
	}
	return NULL;
}

const char *const role_powers[ROLE_POWERS] = {"SUPERUSER", "CREATEROLE", "REPLICATION",
											  "BYPASSRLS"};

unsigned
globals_statement_powers(const GlobalsStatement *statement)
{
	const char *at = statement->text;
	unsigned powers = 0;
	Word word;
	int i;

	while (next_word(&at, &word))
	{
		for (i = 0; i < ROLE_POWERS; i++)
		{
			if (is_keyword(&word, role_powers[i]))
				powers |= 1U << i;
		}
		free(word.text);
	}
	return powers;
}

char *
globals_statement_word(const GlobalsStatement *statement, int number)
{
	const char *at = statement->text;
	Word word;

	while (next_word(&at, &word))
	{
		if (number-- == 0)
			return word.text;
		free(word.text);
	}
	return NULL;
}

char *
globals_without_grantor(const char *text)
{
	const char *at = text;
	const char *before = text;
	size_t length = strlen(text);
	Word word;
	bool found = false;

	while (!found && next_word(&at, &word))
	{
		found = is_keyword(&word, "GRANTED");
		if (found)
			length = (size_t) (before - text);
		before = at;
		free(word.text);
	}
	return found ? xasprintf("%.*s;", (int) length, text) : xstrdup(text);
}

char *
globals_without_password(const char *text)
{
	static const char clause[] = " PASSWORD '";
	const char *found = NULL;
	const char *next = text;

	/* The last one: an earlier one may be part of a name. */
	while ((next = strstr(next, clause)) != NULL)
	{
		found = next;
		next += strlen(clause);
	}
	if (found == NULL)
		return xstrdup(text);
	return xasprintf("%.*s%s", (int) (found - text), text,
					 sql_token_end(found + strlen(clause) - 1));
}

bool
globals_same_attributes(const GlobalsStatement *present, const GlobalsStatement *wanted,
						bool passwords)
{
	char *a;
	char *b;
	bool same;

	if (present == NULL || wanted == NULL)
		return present == wanted;
	if (passwords)
		return strcmp(present->text, wanted->text) == 0;
	a = globals_without_password(present->text);
	b = globals_without_password(wanted->text);
	same = strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}
