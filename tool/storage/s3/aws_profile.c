/*-------------------------------------------------------------------------
 *
 * aws_profile.c
 *	  Profiles as all programs for AWS know them.
 *
 *-------------------------------------------------------------------------
 */
#include "aws_profile.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A piece of a line without blanks around it. */
typedef struct Piece
{
	const char *start;
	size_t length;
} Piece;

static Piece
trimmed(const char *start, const char *end)
{
	while (start < end && is_blank(*start))
		start++;
	while (end > start && is_blank(end[-1]))
		end--;
	return (Piece){start, (size_t) (end - start)};
}

static bool
piece_is(Piece piece, const char *word)
{
	return strlen(word) == piece.length && strncmp(piece.start, word, piece.length) == 0;
}

/* Is this "[name]", or "[profile name]" in ~/.aws/config? */
static bool
names_profile(Piece section, const char *name, bool config)
{
	static const char prefix[] = "profile";
	size_t length = sizeof(prefix) - 1;

	if (section.length >= 2 && section.start[section.length - 1] == ']')
		section = trimmed(section.start + 1, section.start + section.length - 1);
	else
		return false;
	if (!config || strcmp(name, "default") == 0)
	{
		if (piece_is(section, name))
			return true;
	}
	if (!config || section.length <= length || strncmp(section.start, prefix, length) != 0 ||
		!is_blank(section.start[length]))
		return false;
	return piece_is(trimmed(section.start + length, section.start + section.length), name);
}

static char **
member_of(AwsProfile *profile, Piece key)
{
	struct
	{
		const char *name;
		char **member;
	} members[] = {
		{"aws_access_key_id", &profile->access_key},
		{"aws_secret_access_key", &profile->secret_key},
		{"aws_session_token", &profile->token},
		{"region", &profile->region},
		{"credential_process", &profile->process},
		{"role_arn", &profile->role},
		{"source_profile", &profile->source_profile},
		{"web_identity_token_file", &profile->token_file},
	};
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		if (piece_is(key, members[i].name))
			return members[i].member;
	}
	return NULL;
}

static void
take_line(Piece line, AwsProfile *profile)
{
	const char *end = line.start + line.length;
	const char *equals = memchr(line.start, '=', line.length);
	char **member = equals != NULL ? member_of(profile, trimmed(line.start, equals)) : NULL;
	Piece value;

	if (member == NULL || *member != NULL)
		return;
	value = trimmed(equals + 1, end);
	*member = xmalloc(value.length + 1);
	memcpy(*member, value.start, value.length);
	(*member)[value.length] = '\0';
}

bool
aws_profile_read(const char *text, const char *name, bool config, AwsProfile *profile)
{
	/* Lines before any section belong to the default. */
	bool ours = strcmp(name, "default") == 0;
	bool found = false;

	while (*text != '\0')
	{
		const char *end = text + strcspn(text, "\n");
		Piece line = trimmed(text, end);

		/* A line that begins with a blank belongs to a nested setting of the one before. */
		if (line.length > 0 && line.start[0] == '[')
			ours = names_profile(line, name, config);
		else if (ours && line.length > 0 && line.start[0] != '#' && line.start[0] != ';' &&
				 line.start == text)
		{
			take_line(line, profile);
			found = true;
		}
		text = *end != '\0' ? end + 1 : end;
	}
	return found;
}

void
aws_profile_free(AwsProfile *profile)
{
	free(profile->access_key);
	secret_text_free(profile->secret_key);
	secret_text_free(profile->token);
	free(profile->region);
	free(profile->process);
	free(profile->role);
	free(profile->source_profile);
	free(profile->token_file);
	memset(profile, 0, sizeof(*profile));
}

/* The next word at *at; NULL at the end, or with *broken. */
static char *
next_word(const char **at, bool *broken)
{
	Buffer word;
	const char *c = *at;

	while (is_blank(*c) || *c == '\n')
		c++;
	if (*c == '\0')
		return NULL;
	buffer_init(&word);
	buffer_append_string(&word, "");
	while (*c != '\0' && !is_blank(*c) && *c != '\n')
	{
		const char *close = *c == '\'' || *c == '"' ? strchr(c + 1, *c) : c;

		if (close == NULL)
		{
			*broken = true;
			buffer_free(&word);
			return NULL;
		}
		if (close == c)
			buffer_append_char(&word, *c);
		else
			buffer_append(&word, c + 1, (size_t) (close - c - 1));
		c = close + 1;
	}
	*at = c;
	return buffer_detach(&word);
}

char **
aws_command_words(const char *command)
{
	char **words = xcalloc(1, sizeof(char *));
	size_t count = 0;
	bool broken = false;
	char *word;

	while ((word = next_word(&command, &broken)) != NULL)
	{
		words = xrealloc(words, (count + 2) * sizeof(char *));
		words[count++] = word;
		words[count] = NULL;
	}
	if (!broken && count > 0)
		return words;
	aws_words_free(words);
	return NULL;
}

void
aws_words_free(char **words)
{
	size_t i;

	for (i = 0; words != NULL && words[i] != NULL; i++)
		free(words[i]);
	free(words);
}
