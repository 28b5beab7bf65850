/*-------------------------------------------------------------------------
 *
 * sops_dotenv.c
 *	  The secrets of a .env file encrypted in place, and back.
 *
 * SOPS takes a .env file line by line: "#" opens a comment, everything else
 * is KEY=value, the value being all that follows, quotes included.  Programs
 * that read .env files also know quoted values of several lines; here such a
 * value counts as a secret, because encrypted it fits on one line.  A line
 * that SOPS could not read (white space before a comment, no "=") makes the
 * file one to encrypt as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "sops_dotenv.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "primitives.h"

/* The way to a comment: no key. */
#define COMMENT_PATH ":"

typedef enum LineKind
{
	LINE_BLANK,
	LINE_COMMENT,
	LINE_PAIR,
	LINE_OTHER
} LineKind;

/* One line, or a value of several; ends with its line break. */
typedef struct Line
{
	LineKind kind;
	const char *text;
	size_t length; /* without the line break */
	size_t key;    /* bytes before "=" */
	size_t value;  /* where the value begins */
	size_t end;    /* of the value: before a carriage return */
	size_t size;   /* with the line break */
	bool several;  /* lines */
} Line;

/* Where the quote that opens at `from` is closed, or 0 when it is not. */
static size_t
closing_quote(const char *text, size_t from, size_t length)
{
	char quote = text[from];
	size_t i;

	for (i = from + 1; i < length; i++)
	{
		if (text[i] == '\\' && quote == '"')
			i++;
		else if (text[i] == quote)
			return i;
	}
	return 0;
}

/* A value in quotes that are closed on a later line only goes on to there. */
static size_t
end_of_value(const char *text, size_t value, size_t line, size_t length)
{
	size_t start = value;
	size_t close;
	const char *newline;

	while (start < line && (text[start] == ' ' || text[start] == '\t'))
		start++;
	if (start >= line || (text[start] != '"' && text[start] != '\''))
		return line;
	close = closing_quote(text, start, length);
	if (close < line)
		return line;
	newline = memchr(text + close, '\n', length - close);
	return newline != NULL ? (size_t) (newline - text) : length;
}

/* White space, and then a comment: SOPS would take that for a bad line. */
static bool
is_indented_comment(const char *text, size_t length)
{
	size_t i = 0;

	while (i < length && (text[i] == ' ' || text[i] == '\t'))
		i++;
	return i < length && text[i] == '#';
}

/* quotes: a quoted value may go on over several lines; never so in what was encrypted. */
static void
take_line(Line *line, const char *text, size_t length, bool quotes)
{
	const char *newline = memchr(text, '\n', length);
	size_t first = newline != NULL ? (size_t) (newline - text) : length;
	const char *equals = memchr(text, '=', first);

	memset(line, 0, sizeof(*line));
	line->text = text;
	line->length = first;
	if (first == 0 || (first == 1 && text[0] == '\r'))
		line->kind = LINE_BLANK;
	else if (text[0] == '#')
		line->kind = LINE_COMMENT;
	else if (equals != NULL && !is_indented_comment(text, first))
	{
		line->kind = LINE_PAIR;
		line->key = (size_t) (equals - text);
		line->value = line->key + 1;
		if (quotes)
			line->length = end_of_value(text, line->value, first, length);
		line->several = line->length != first;
	}
	else
		line->kind = LINE_OTHER;
	line->end = line->length;
	if (line->end > line->value && text[line->end - 1] == '\r')
		line->end--;
	line->size = line->length + (line->length < length ? 1 : 0);
}

/* What SOPS would not read, or read as its own. */
static const char *
line_problem(const Line *line)
{
	if (line->kind == LINE_OTHER)
		return "a line is neither empty, nor a comment, nor KEY=value";
	if (line->kind == LINE_PAIR && line->key >= 5 && memcmp(line->text, "sops_", 5) == 0)
		return "it is a file of SOPS already";
	if (line->kind == LINE_PAIR && memchr(line->text, '\0', line->length) != NULL)
		return "it is not text";
	return NULL;
}

/* A first look at all lines: problems, and keys whose values show that they are secrets. */
static const char *
learn_names(const char *text, size_t length, SensitiveKeys *keys)
{
	size_t at;
	Line line;

	for (at = 0; at < length; at += line.size)
	{
		const char *problem;

		take_line(&line, text + at, length - at, true);
		problem = line_problem(&line);
		if (problem != NULL)
			return problem;
		if (line.kind == LINE_PAIR &&
			(line.several || sensitive_text(keys, line.text + line.value, line.end - line.value)))
		{
			char *key = xstrndup(line.text, line.key);

			sensitive_keys_add_name(keys, key);
			free(key);
		}
	}
	return NULL;
}

/* "KEY=" and the encrypted value; the value's own bytes are what SOPS calls it. */
static bool
encrypt_pair(const Line *line, const SensitiveKeys *keys, const uint8_t *key, SopsMac *mac,
			 Buffer *out, int *nvalues)
{
	char *name = xstrndup(line->text, line->key);
	bool secret = sensitive_key(keys, name) && line->end > line->value;
	bool good = true;

	buffer_append(out, line->text, line->value);
	if (secret)
	{
		char *path = xasprintf("%s:", name);

		good = sops_mac_add(mac, line->text + line->value, line->end - line->value) &&
			   sops_value_encrypt(key, "str", line->text + line->value, line->end - line->value,
								  path, out);
		free(path);
		(*nvalues)++;
	}
	else
		buffer_append(out, line->text + line->value, line->end - line->value);
	buffer_append(out, line->text + line->end, line->length - line->end);
	free(name);
	return good;
}

/* A comment that looks as if it held a secret is encrypted, too. */
static bool
encrypt_comment(const Line *line, const SensitiveKeys *keys, const uint8_t *key, Buffer *out,
				int *nvalues)
{
	if (!sensitive_text(keys, line->text, line->length))
	{
		buffer_append(out, line->text, line->length);
		return true;
	}
	buffer_append_char(out, '#');
	(*nvalues)++;
	return sops_value_encrypt(key, "comment", line->text + 1, line->length - 1, COMMENT_PATH, out);
}

static bool
encrypt_lines(const char *text, size_t length, const SensitiveKeys *keys, const uint8_t *key,
			  SopsMac *mac, Buffer *out, int *nvalues)
{
	bool good = true;
	size_t at;
	Line line;

	for (at = 0; at < length && good; at += line.size)
	{
		take_line(&line, text + at, length - at, true);
		if (line.kind == LINE_PAIR)
			good = encrypt_pair(&line, keys, key, mac, out, nvalues);
		else if (line.kind == LINE_COMMENT)
			good = encrypt_comment(&line, keys, key, out, nvalues);
		/* An empty line is empty: SOPS takes a lone carriage return for a bad line. */
		buffer_append_char(out, '\n');
	}
	return good;
}

const char *
sops_dotenv_encrypt(const char *text, size_t length, SensitiveKeys *keys, const uint8_t *key,
					SopsMetadata *metadata, Buffer *out, int *nvalues)
{
	SopsMac mac;
	const char *problem;
	bool good;

	*nvalues = 0;
	if (memmem(text, length, SOPS_VALUE_START, strlen(SOPS_VALUE_START)) != NULL)
		return "it holds values that SOPS encrypted";
	problem = learn_names(text, length, keys);
	if (problem != NULL)
		return problem;
	if (!sops_mac_start(&mac))
		return "the cryptographic library refused it";
	good = encrypt_lines(text, length, keys, key, &mac, out, nvalues);
	if (good && key != NULL)
	{
		metadata->regex = sensitive_keys_regex(keys);
		good = sops_metadata_finish(metadata, &mac, key);
		sops_metadata_write_dotenv(metadata, out);
	}
	EVP_MD_CTX_free(mac.context);
	if (good)
		return NULL;
	buffer_reset(out);
	return "the cryptographic library refused it";
}

/* Take the lines "sops_…=…" at the end; *end is where they begin. */
static bool
read_metadata(const char *text, size_t length, SopsMetadata *metadata, size_t *end)
{
	bool good = true;
	size_t at;
	Line line;

	*end = length;
	for (at = 0; at < length && good; at += line.size)
	{
		char *name;
		char *value;
		char *from;
		char *to;

		take_line(&line, text + at, length - at, false);
		if (line.kind != LINE_PAIR || line.key < 5 || memcmp(line.text, "sops_", 5) != 0)
		{
			good = *end == length;
			continue;
		}
		if (*end == length)
			*end = at;
		name = xstrndup(line.text, line.key);
		value = xstrndup(line.text + line.value, line.end - line.value);
		if (strncmp(name, "sops_age__", 10) == 0)
		{
			for (from = to = value; *from != '\0'; from++)
			{
				bool newline = from[0] == '\\' && from[1] == 'n';

				*to++ = newline ? '\n' : *from;
				from += newline ? 1 : 0;
			}
			*to = '\0';
		}
		good = sops_metadata_set(metadata, name + 5, value);
		free(name);
		free(value);
	}
	return good && sops_metadata_complete(metadata);
}

/* Decrypt what is encrypted of a line from `from` on. */
static bool
open_part(const Line *line, size_t from, size_t end, const char *path, const uint8_t *key,
		  SopsMac *mac, Buffer *out)
{
	char type[SOPS_TYPE_SIZE];
	Buffer plain;
	bool good;

	buffer_init(&plain);
	good = sops_value_decrypt(key, line->text + from, end - from, path, &plain, type) &&
		   (mac == NULL || sops_mac_add(mac, plain.data, plain.length));
	if (good)
	{
		buffer_append(out, line->text, from);
		buffer_append(out, plain.data, plain.length);
		buffer_append(out, line->text + end, line->length - end);
		secret_cleanse(plain.data, plain.length);
	}
	buffer_free(&plain);
	return good;
}

static bool
open_line(const Line *line, const uint8_t *key, SopsMac *mac, Buffer *out)
{
	bool good = true;

	if (line->kind == LINE_PAIR &&
		sops_value_is_encrypted(line->text + line->value, line->end - line->value))
	{
		char *path = xstrndup(line->text, line->value);

		path[line->key] = ':';
		good = open_part(line, line->value, line->end, path, key, mac, out);
		free(path);
	}
	else if (line->kind == LINE_COMMENT &&
			 sops_value_is_encrypted(line->text + 1, line->length - 1))
		good = open_part(line, 1, line->length, COMMENT_PATH, key, NULL, out);
	else
		buffer_append(out, line->text, line->length);
	buffer_append(out, line->text + line->length, line->size - line->length);
	return good;
}

const char *
sops_dotenv_open(const char *text, size_t length, SopsUnwrap unwrap, void *argument, Buffer *out)
{
	SopsMetadata metadata;
	uint8_t key[SOPS_KEY_BYTES];
	const char *problem = NULL;
	SopsMac mac = {NULL};
	Buffer opened;
	size_t end = 0;
	size_t at;
	Line line;

	memset(&metadata, 0, sizeof(metadata));
	buffer_init(&opened);
	if (!read_metadata(text, length, &metadata, &end))
		problem = "its metadata of SOPS is damaged";
	else if (!unwrap(argument, &metadata, key))
		problem = SOPS_NO_IDENTITY;
	else if (!sops_mac_start(&mac))
		problem = "the cryptographic library refused it";
	for (at = 0; at < end && problem == NULL; at += line.size)
	{
		take_line(&line, text + at, end - at, false);
		if (!open_line(&line, key, &mac, &opened))
			problem = "a value was changed, or belongs to another file";
	}
	if (problem == NULL && !sops_metadata_check(&metadata, &mac, key))
		problem = "its MAC does not fit: a value is missing or was added";
	if (problem == NULL)
		buffer_append(out, opened.data, opened.length);
	if (opened.data != NULL)
		secret_cleanse(opened.data, opened.length);
	secret_cleanse(key, sizeof(key));
	EVP_MD_CTX_free(mac.context);
	buffer_free(&opened);
	sops_metadata_free(&metadata);
	return problem;
}
