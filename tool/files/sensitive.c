/*-------------------------------------------------------------------------
 *
 * sensitive.c
 *	  Which values of a configuration file are secrets.
 *
 * Too much does no harm, too little does: the words are short, so that they
 * also catch PGPASSWORD, apiKey and AUTH_TOKENS (and, at times, "keyboard").
 * A rule by keys alone misses DATABASE_URL=postgres://app:hunter2@db and
 * "- POSTGRES_PASSWORD=hunter2" in a list; such values are recognized, and
 * their keys join the rule.  So do the keys of values whose name is a value
 * itself: "name: DB_PASSWORD" beside "value: hunter2", or "--db-password" and
 * "hunter2" in a list of arguments.  That must stay a rule by keys, because SOPS knows
 * no other.
 *
 *-------------------------------------------------------------------------
 */
#include "sensitive.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

static const char *const default_words[] = {
	"pass",
	"pwd",
	"secret",
	"token",
	"key",
	"credential",
	"dsn",
	"auth",
	"cookie",
	"private",
	"salt",
	"connection_string",
	"database_url",
	"redis_url",
	"cert",
	"broker",
	"webhook",
	"conninfo",
	"connectionstring",
	"databaseurl",
	"redisurl",
};

/* What is a secret wherever it stands. */
static const char *const token_prefixes[] = {
	"AKIA",    "ASIA",  "ghp_",    "gho_",  "ghs_",    "github_pat_", "glpat-",          "xoxb-",
	"xoxp-",   "xoxa-", "sk_live", "sk-",   "rk_l",    "AIza",        "AGE-SECRET-KEY-", "npm_",
	"dop_v1_", "SG.",   "eyJ",     "ya29.", "pypi-",   "hvs.",        "SCRAM-SHA-256$",  "$2a$",
	"$2b$",    "$2y$",  "$6$",     "$5$",   "$argon2", "pbkdf2_",     "-----BEGIN",
};

void
sensitive_keys_init(SensitiveKeys *keys, const char *const *words, int nwords)
{
	const size_t built_in = sizeof(default_words) / sizeof(default_words[0]);

	memset(keys, 0, sizeof(*keys));
	keys->words = xcalloc(built_in + (size_t) nwords, sizeof(char *));
	memcpy(keys->words, default_words, sizeof(default_words));
	if (nwords > 0)
		memcpy(&keys->words[built_in], words, (size_t) nwords * sizeof(char *));
	keys->nwords = (int) built_in + nwords;
}

void
sensitive_keys_free(SensitiveKeys *keys)
{
	int i;

	for (i = 0; i < keys->nnames; i++)
		free(keys->names[i]);
	free(keys->names);
	free(keys->words);
	memset(keys, 0, sizeof(*keys));
}

void
sensitive_keys_add_name(SensitiveKeys *keys, const char *name)
{
	if (sensitive_key(keys, name))
		return;
	keys->names = xrealloc(keys->names, sizeof(char *) * ((size_t) keys->nnames + 1));
	keys->names[keys->nnames++] = xstrdup(name);
}

/*
 * Lower case as (?i) of a regular expression understands it: two letters
 * outside ASCII fold to k and s.
 */
static char *
fold(const char *text)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	while (*text != '\0')
	{
		if (strncmp(text, "\xe2\x84\xaa", 3) == 0) /* the sign for kelvin */
		{
			buffer_append_char(&out, 'k');
			text += 3;
		}
		else if (strncmp(text, "\xc5\xbf", 2) == 0) /* the long s */
		{
			buffer_append_char(&out, 's');
			text += 2;
		}
		else
			buffer_append_char(&out, (char) tolower((unsigned char) *text++));
	}
	return buffer_detach(&out);
}

bool
sensitive_key(const SensitiveKeys *keys, const char *key)
{
	char *folded;
	bool found = false;
	int i;

	for (i = 0; i < keys->nnames; i++)
	{
		if (strcmp(keys->names[i], key) == 0)
			return true;
	}
	folded = fold(key);
	for (i = 0; i < keys->nwords && !found; i++)
	{
		char *word = fold(keys->words[i]);

		found = strstr(folded, word) != NULL;
		free(word);
	}
	free(folded);
	return found;
}

/* "scheme://user:password@": a password in what precedes the path. */
static bool
has_url_password(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, "://")) != NULL)
	{
		size_t authority;
		const char *colon;

		at += 3;
		authority = strcspn(at, "/?# \t\r\n\"'");
		colon = memchr(at, ':', authority);

		/* A password may itself hold a slash or a question mark that nobody encoded. */
		if (colon != NULL && colon[1] != '\0')
		{
			size_t rest = strcspn(colon, " \t\r\n\"'");

			if (memchr(colon, '@', rest) != NULL)
				return true;
		}
		at += authority;
	}
	return false;
}

static bool
is_name_character(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '-';
}

/* Is there a value behind a word that ends before `at`?  An option needs no sign before it. */
static bool
has_value(const char *at, bool option)
{
	bool blank = false;

	while (is_name_character(*at) || *at == '"' || *at == '\'')
		at++;
	for (; *at == ' ' || *at == '\t'; at++)
		blank = true;
	if (*at == '=' || *at == ':')
	{
		at++;
		at += strspn(at, " \t");
	}
	else if (!option || !blank || *at == '-')
		return false;
	return *at != '\0' && *at != '\n' && *at != '\r';
}

/* Does the name that has this place in it begin like an option, "--api-key"? */
static bool
is_option(const char *text, const char *at)
{
	while (at > text && is_name_character(at[-1]))
		at--;
	return *at == '-';
}

/* "password=…", "--api-key …", "token: …": a word, then a value for it. */
static bool
has_assignment(const SensitiveKeys *keys, const char *folded)
{
	int i;

	for (i = 0; i < keys->nwords; i++)
	{
		char *word = fold(keys->words[i]);
		const char *at = folded;
		bool found = false;

		while (word[0] != '\0' && !found && (at = strstr(at, word)) != NULL)
		{
			found = has_value(at + strlen(word), is_option(folded, at));
			at += strlen(word);
		}
		free(word);
		if (found)
			return true;
	}
	return false;
}

static bool
has_token(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(token_prefixes) / sizeof(token_prefixes[0]); i++)
	{
		const char *prefix = token_prefixes[i];
		const char *at = text;

		/* At the start of a word, and long enough to be one. */
		while ((at = strstr(at, prefix)) != NULL)
		{
			if ((at == text || !isalnum((unsigned char) at[-1])) &&
				strcspn(at, " \t\r\n,;\"'") >= 20)
				return true;
			at += strlen(prefix);
		}
	}
	return strstr(text, "PRIVATE KEY-----") != NULL;
}

bool
sensitive_name(const SensitiveKeys *keys, const char *text)
{
	const char *end = text;

	while (is_name_character(*end) || *end == '.')
		end++;
	return end > text && *end == '\0' && sensitive_key(keys, text);
}

bool
sensitive_text(const SensitiveKeys *keys, const char *text, size_t length)
{
	char *copy = xmalloc(length + 1);
	char *folded;
	bool found;

	memcpy(copy, text, length);
	copy[length] = '\0';
	folded = fold(copy);
	found = has_url_password(copy) || has_token(copy) || has_assignment(keys, folded);
	free(folded);
	free(copy);
	return found;
}

/* Append a text as it is. */
static void
append_literal(Buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (strchr("\\.+*?()|[]{}^$", *text) != NULL)
			buffer_append_char(out, '\\');
		buffer_append_char(out, *text);
	}
}

char *
sensitive_keys_regex(const SensitiveKeys *keys)
{
	Buffer out;
	int i;

	buffer_init(&out);
	buffer_append_string(&out, "(?i:");
	for (i = 0; i < keys->nwords; i++)
	{
		if (i > 0)
			buffer_append_char(&out, '|');
		append_literal(&out, keys->words[i]);
	}
	buffer_append_char(&out, ')');
	for (i = 0; i < keys->nnames; i++)
	{
		buffer_append_string(&out, "|^");
		append_literal(&out, keys->names[i]);
		buffer_append_char(&out, '$');
	}
	return buffer_detach(&out);
}
