/*-------------------------------------------------------------------------
 *
 * sql_reader.c
 *	  Reading SQL text that must have a known form, and writing it again.
 *
 * Where tokens end is decided by sql_text.c; here each is looked at whole.
 * Between the words of a statement only blanks may stand: PostgreSQL's own
 * programs write no comment there, and whoever does wants to deceive.
 *
 *-------------------------------------------------------------------------
 */
#include "sql_reader.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"
#include "sql_text.h"

/* The server cuts a longer one, so that it names what another name does. */
#define MAX_NAME_BYTES 63

/* Unquoted, these are not names but stand for a role, or for all of them. */
static const char *const no_names[] = {"all",  "current_role", "current_user", "default",
									   "none", "session_user", "user",         NULL};

void
sql_reader_init(SqlReader *reader, const char *text)
{
	memset(reader, 0, sizeof(*reader));
	reader->at = text;
	reader->bare_literal = true;
	reader->good = true;
	buffer_init(&reader->out);
	buffer_append_string(&reader->out, "");
}

void
sql_reader_free(SqlReader *reader)
{
	/* It may hold the hash of a password. */
	if (reader->out.data != NULL)
		explicit_bzero(reader->out.data, reader->out.length);
	buffer_free(&reader->out);
}

/* The next token; the reader stays where it is. */
static const char *
peek(const char *at, const char **end)
{
	at += strspn(at, " ");
	*end = sql_token_end(at);
	return at;
}

/* Nothing, or the reading ends here. */
static void *
fail(SqlReader *reader)
{
	reader->at += strspn(reader->at, " ");
	reader->good = false;
	return NULL;
}

/* A blank goes before the next token if there is one in the text, or words would grow together. */
static void
begin_token(SqlReader *reader, const char *token)
{
	size_t length = reader->out.length;

	if (length > 0 && reader->out.data[length - 1] != '(' &&
		(*reader->at == ' ' || strchr(";,.()", *token) == NULL))
	{
		if (reader->out.data[length - 1] != '.')
			buffer_append_char(&reader->out, ' ');
	}
}

static bool
next_is(const char **at, const char *word, size_t length)
{
	const char *end;
	const char *token = peek(*at, &end);

	if ((size_t) (end - token) != length || memcmp(token, word, length) != 0)
		return false;
	*at = end;
	return true;
}

bool
sql_reader_takes(SqlReader *reader, const char *words)
{
	const char *at = reader->at;
	const char *word;

	if (!reader->good)
		return false;
	for (word = words; *word != '\0'; word += strspn(word, " "))
	{
		size_t length = strcspn(word, " ");

		if (!next_is(&at, word, length))
			return false;
		word += length;
	}
	for (word = words; *word != '\0'; word += strspn(word, " "))
	{
		size_t length = strcspn(word, " ");

		begin_token(reader, word);
		buffer_append(&reader->out, word, length);
		(void) next_is(&reader->at, word, length);
		word += length;
	}
	return true;
}

void
sql_reader_needs(SqlReader *reader, const char *words)
{
	if (reader->good && !sql_reader_takes(reader, words))
		fail(reader);
}

/* The inside of a quoted token that ends where it should; NULL if it does not. */
static char *
decode(const char *token, const char *end, bool escapes)
{
	char quote = *token;
	Buffer text;

	buffer_init(&text);
	buffer_append_string(&text, "");
	for (token++; token < end; token++)
	{
		char c = *token;

		if (c == quote && token + 1 == end)
			return buffer_detach(&text);
		if (c == quote && *++token != quote)
			break;
		if (c == '\\' && escapes)
		{
			c = *++token;
			if (c != '\\' && c != 'n' && c != 'r')
				break;
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
		}
		buffer_append_char(&text, c);
	}
	if (text.data != NULL)
		explicit_bzero(text.data, text.length);
	buffer_free(&text);
	return NULL;
}

/* A name that stands without quotes. */
static char *
plain_name(const char *token, const char *end)
{
	size_t length = (size_t) (end - token);
	char *name;
	int i;

	if (length == 0 || !((*token >= 'a' && *token <= 'z') || *token == '_') ||
		strspn(token, "abcdefghijklmnopqrstuvwxyz0123456789_") < length)
		return NULL;
	name = xasprintf("%.*s", (int) length, token);
	for (i = 0; no_names[i] != NULL; i++)
	{
		if (strcmp(name, no_names[i]) == 0)
		{
			free(name);
			return NULL;
		}
	}
	return name;
}

static char *
read_name(SqlReader *reader, size_t limit)
{
	const char *end;
	const char *token;
	char *name;

	if (!reader->good)
		return NULL;
	token = peek(reader->at, &end);
	name = *token == '"' ? decode(token, end, false) : plain_name(token, end);
	if (name == NULL || name[0] == '\0' || strlen(name) > limit)
	{
		free(name);
		return fail(reader);
	}
	begin_token(reader, token);
	quote_identifier(&reader->out, name);
	reader->at = end;
	return name;
}

char *
sql_reader_name(SqlReader *reader)
{
	return read_name(reader, MAX_NAME_BYTES);
}

char *
sql_reader_setting_name(SqlReader *reader)
{
	return read_name(reader, SIZE_MAX);
}

char *
sql_reader_literal(SqlReader *reader)
{
	const char *end;
	const char *token;
	char *text = NULL;

	if (!reader->good)
		return NULL;
	token = peek(reader->at, &end);
	if (*token == 'E' && token[1] == '\'')
		text = decode(token + 1, end, true);
	else if (*token == '\'' &&
			 (reader->bare_literal || memchr(token, '\\', (size_t) (end - token)) == NULL))
		text = decode(token, end, false);
	if (text == NULL)
		return fail(reader);
	begin_token(reader, token);
	quote_literal(&reader->out, text);
	reader->at = end;
	return text;
}

void
sql_reader_needs_name(SqlReader *reader)
{
	secret_text_free(sql_reader_name(reader));
}

void
sql_reader_needs_literal(SqlReader *reader)
{
	secret_text_free(sql_reader_literal(reader));
}

char *
sql_reader_number(SqlReader *reader)
{
	const char *token;
	const char *end;
	size_t sign;
	char *text;

	if (!reader->good)
		return NULL;
	token = reader->at + strspn(reader->at, " ");
	sign = *token == '-';
	end = sql_token_end(token + sign);
	if (end == token + sign || strspn(token + sign, "0123456789") != (size_t) (end - token) - sign)
		return fail(reader);
	text = xasprintf("%.*s", (int) (end - token), token);
	errno = 0;
	(void) strtoll(text, NULL, 10);
	if (errno != 0)
	{
		free(text);
		return fail(reader);
	}
	begin_token(reader, token);
	buffer_append_string(&reader->out, text);
	reader->at = end;
	return text;
}

void
sql_reader_needs_real(SqlReader *reader)
{
	const char *token;
	size_t length;
	char *rest;
	char *text;

	if (!reader->good)
		return;
	token = reader->at + strspn(reader->at, " ");
	length = strspn(token, "0123456789.eE+-");
	text = xasprintf("%.*s", (int) length, token);
	(void) strtod(text, &rest);
	if (length == 0 || *rest != '\0' || strstr(text, "--") != NULL)
		fail(reader);
	else
	{
		begin_token(reader, token);
		buffer_append_string(&reader->out, text);
		reader->at = token + length;
	}
	free(text);
}

/* Letters, digits, "_", "$", and what is not ASCII. */
static bool
is_word(const char *token, const char *end)
{
	for (; token < end; token++)
	{
		unsigned char c = (unsigned char) *token;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  c == '_' || c == '$' || c >= 0x80))
			return false;
	}
	return true;
}

/* Lower case, as PostgreSQL folds a name without quotes. */
static char *
folded(const char *token, const char *end)
{
	char *text = xasprintf("%.*s", (int) (end - token), token);
	char *c;

	for (c = text; *c != '\0'; c++)
	{
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c - 'A' + 'a');
	}
	return text;
}

void
sql_reader_needs_element(SqlReader *reader)
{
	const char *token;
	const char *end;
	char *text = NULL;

	if (!reader->good)
		return;
	token = peek(reader->at, &end);
	if (*token == '\'' || (*token == 'E' && token[1] == '\''))
	{
		sql_reader_needs_literal(reader);
		return;
	}
	if (*token == '"')
		text = decode(token, end, false);
	else if (end > token && *token != '$' && is_word(token, end))
		text = folded(token, end);
	if (text == NULL)
	{
		fail(reader);
		return;
	}
	begin_token(reader, token);
	quote_literal(&reader->out, text);
	reader->at = end;
	free(text);
}

void
sql_reader_needs_hole(SqlReader *reader)
{
	const char *token = reader->at + strspn(reader->at, " ");

	if (!reader->good)
		return;
	if (reader->hole == NULL || token != reader->hole)
	{
		fail(reader);
		return;
	}
	begin_token(reader, token);
	quote_identifier(&reader->out, reader->name);
	reader->at = token + strlen("%I");
}

bool
sql_reader_at_semicolon(const SqlReader *reader)
{
	const char *at = reader->at + strspn(reader->at, " ");

	return reader->good && *at == ';';
}

bool
sql_reader_at_end(SqlReader *reader)
{
	if (!reader->good)
		return false;
	reader->at += strspn(reader->at, " ");
	return *reader->at == '\0';
}
