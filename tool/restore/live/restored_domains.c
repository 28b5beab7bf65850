/*-------------------------------------------------------------------------
 *
 * restored_domains.c
 *	  What a domain that comes with a part runs when a value of it is read.
 *
 * The domain is not there yet when that is asked, so its text decides.  One of
 * others may check nothing but by immutable functions of PostgreSQL, as
 * query_to_xml() runs what it is given.  And whoever made it, it may be over a
 * type of others, or cast to one, which can have got a cast since: the text
 * does not say by which function.
 *
 *-------------------------------------------------------------------------
 */
#include "restored_domains.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"
#include "session_rights.h"
#include "sql_name.h"
#include "type_casts.h"

/*
 * Of words before parentheses in the CHECK constraint of a domain: is one
 * neither a function of PostgreSQL that is immutable, and never volatile, nor a
 * word of SQL?
 */
static const char harmless_query[] =
	"SELECT EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u (word)"
	" WHERE u.word <> ALL ('{CHECK,AND,OR,NOT,IN,ANY,ALL,ARRAY,CASE,WHEN,THEN,ELSE,COALESCE,NULLIF,"
	"GREATEST,LEAST,varying,varchar,character,char,bpchar,numeric,bit,timestamp,time,interval,"
	"second}')"
	" AND COALESCE((SELECT pg_catalog.bool_or(f.provolatile = 'v')"
	"   OR pg_catalog.bool_or(f.proname = 'satisfies_hash_partition')"
	"   OR NOT pg_catalog.bool_or(f.provolatile = 'i') FROM pg_catalog.pg_proc f"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	"  WHERE n.nspname = 'pg_catalog' AND f.proname::pg_catalog.text = u.word), true))";

/* Does it belong to somebody who is not trusted? */
static const char role_query[] = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_roles r"
								 " WHERE r.rolname = $1::pg_catalog.name"
								 " AND " ROW_ROLE_IS_TRUSTED ")";

static const char there_query[] =
	"SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
	" WHERE n.nspname = $1::pg_catalog.name AND t.typname = $2::pg_catalog.name";

static bool
ask(Connection *connection, const char *query, const char *parameter, bool *others)
{
	PGresult *result = connection_query(connection, query, 1, &parameter);

	*others = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return result != NULL;
}

/* The word in front of a parenthesis, which may be in quotes that begin at `quoted`; caller frees.
 */
static char *
word_before(const char *text, const char *open, const char *quoted)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	const char *end = open;
	const char *start;
	char *word;

	if (end > text && end[-1] == '"' && quoted != NULL)
	{
		word = xasprintf("%.*s", (int) (end - 2 - quoted), quoted + 1);
		start = quoted;
	}
	else
	{
		/* "CHECK (" */
		while (end > text && end[-1] == ' ')
			end--;
		for (start = end; start > text && strchr(letters, start[-1]) != NULL;)
			start--;
		word = xasprintf("%.*s", (int) (end - start), start);
	}
	if (start > text && (start[-1] == '.' || start[-1] == '"' || (start[-1] & 0x80) != 0))
	{
		free(word);
		return NULL;
	}
	return word;
}

/* The words in front of parentheses, as an array; caller frees.  NULL: one has a schema. */
static char *
words_of(const char *text)
{
	const char *quoted = NULL;
	const char *next;
	char quote = '\0';
	Buffer words;

	buffer_init(&words);
	buffer_append_char(&words, '{');
	for (next = text; *next != '\0'; next++)
	{
		char *word;

		if (quote != '\0')
			quote = *next == quote ? '\0' : quote;
		else if (*next == '"' || *next == '\'')
		{
			quote = *next;
			quoted = quote == '"' ? next : NULL;
		}
		else if (*next == '(')
		{
			word = word_before(text, next, quoted);
			if (word == NULL)
			{
				buffer_free(&words);
				return NULL;
			}
			if (word[0] != '\0')
				quote_array_item(&words, word);
			free(word);
		}
	}
	buffer_append_char(&words, '}');
	return buffer_detach(&words);
}

/* Somebody could create a type that is not there. */
static bool
is_missing(Connection *connection, const char *schema, const char *name, bool *missing)
{
	const char *params[2] = {schema, name};
	PGresult *result = connection_query(connection, there_query, 2, params);

	*missing = result != NULL && PQntuples(result) == 0;
	PQclear(result);
	return result != NULL;
}

/* Can somebody make a cast for what the domain is over, or what its constraints cast to? */
bool
restored_domain_casts(Connection *connection, const char *text, bool *others)
{
	bool good = true;
	char *schema;
	char *name;

	*others = false;
	for (; good && !*others && *text != '\0'; text++)
	{
		size_t behind = strncmp(text, "::", 2) == 0 ? 2 : strncmp(text, " AS ", 4) == 0 ? 4 : 0;

		if (behind == 0 || sql_name_read_qualified(text + behind, &schema, &name) == NULL)
			continue;
		good = is_missing(connection, schema, name, others) &&
			   (*others || type_can_get_casts(connection, schema, name, true, "{}", others));
		free(schema);
		free(name);
	}
	return good;
}

bool
restored_domain_of_others(Connection *connection, const TocEntry *domain, bool *others)
{
	const char *text = toc_entry_after_name(domain, "CREATE DOMAIN ");
	char *words;
	bool good;

	/* Without a constraint nothing is cast. */
	if (text != NULL && strstr(text, "CHECK") != NULL &&
		(!restored_domain_casts(connection, text, others) || *others))
		return *others;
	if (!ask(connection, role_query, domain->owner, others))
		return false;
	if (!*others)
		return true;
	words = text != NULL ? words_of(text) : NULL;
	if (words == NULL)
		return true;
	good = ask(connection, harmless_query, words, others);
	free(words);
	return good;
}
