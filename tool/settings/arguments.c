/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  The command line, in getopt_long's manner: -j4, -j 4, -wj4, --jobs=4,
 *	  --jobs 4, options and words in any order, "--" before the last words.
 *
 * Not getopt_long itself, because that prints its own messages, cannot
 * suggest a name, and takes --jo for --jobs, which breaks scripts the day
 * another option begins with the same letters.
 *
 *-------------------------------------------------------------------------
 */
#include "arguments.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

/* Where the reading of argv stands. */
typedef struct Cursor
{
	int argc;
	char **argv;
	int next; /* index of the next word of argv */
} Cursor;

/*
 * What these name, a command works on: if it is named twice, one of them would
 * be passed over without a word.
 */
static bool
named_twice(const Arguments *arguments, const Option *option, const char *value)
{
	static const char *const names[] = {"dbname", "to",          "at",  "set",
										"output", "restore-dir", "from"};
	const char *before = arguments_value(arguments, option->name);
	size_t i;

	for (i = 0; before != NULL && i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(names[i], option->name) == 0 && strcmp(before, value) != 0)
			return true;
	}
	return false;
}

/* Keep an option; takes the spelling over. */
static bool
add_option(Arguments *arguments, const Option *option, char *spelling, const char *value)
{
	GivenOption *given;

	if (named_twice(arguments, option, value))
	{
		report_error(EXIT_USAGE, NULL, "Run the command once for each of them.",
					 "option \"%s\" was given twice, with different values", spelling);
		free(spelling);
		return false;
	}
	arguments->options =
		xrealloc(arguments->options, (size_t) (arguments->noptions + 1) * sizeof(GivenOption));
	given = &arguments->options[arguments->noptions++];
	given->option = option;
	given->spelling = spelling;
	given->value = value;
	return true;
}

static void
add_word(Arguments *arguments, char *word)
{
	arguments->words =
		xrealloc(arguments->words, (size_t) (arguments->nwords + 1) * sizeof(char *));
	arguments->words[arguments->nwords++] = word;
}

static bool
report_unknown(const char *spelling, const char *nearest)
{
	char *hint;

	if (nearest != NULL)
		hint = xasprintf("Perhaps you meant \"--%s\".", nearest);
	else
		hint = xstrdup("\"nex_backup help COMMAND\" shows the options of a command.");
	report_error(EXIT_USAGE, NULL, hint, "unknown option \"%s\"", spelling);
	free(hint);
	return false;
}

/*
 * The next word of argv as an option's value, or NULL (error reported).  A
 * long option in its place means that the value was forgotten.
 */
static const char *
take_value(Cursor *cursor, const Option *option, const char *spelling)
{
	const char *word = cursor->next < cursor->argc ? cursor->argv[cursor->next] : NULL;
	char *hint;

	if (word != NULL && strncmp(word, "--", 2) != 0)
	{
		cursor->next++;
		return word;
	}
	if (strcmp(spelling, "-h") == 0)
		hint = xstrdup("As in PostgreSQL's own tools, -h is the server's host; help is -? or "
					   "--help.");
	else
		hint = xasprintf("Write it as --%s=%s.", option->name, option->metavar);
	report_error(EXIT_USAGE, NULL, hint, "option \"%s\" needs a value", spelling);
	free(hint);
	return NULL;
}

/* --name, --name=value, --name value */
static bool
parse_long(Cursor *cursor, const char *word, Arguments *arguments)
{
	size_t length = strcspn(word, "=");
	const char *value = word[length] == '=' ? word + length + 1 : NULL;
	char *spelling = xasprintf("%.*s", (int) length, word);
	const Option *option = strchr(spelling, '_') == NULL ? option_find(spelling + 2) : NULL;

	if (option == NULL)
	{
		report_unknown(spelling, option_nearest(spelling + 2));
		free(spelling);
		return false;
	}
	if (value != NULL && option->type == OPTION_ACTION && option->metavar == NULL)
	{
		report_error(EXIT_USAGE, NULL, NULL, "option \"%s\" takes no value", spelling);
		free(spelling);
		return false;
	}
	if (value == NULL && option->metavar == NULL)
		value = "true";
	if (value == NULL)
		value = take_value(cursor, option, spelling);
	if (value == NULL)
	{
		free(spelling);
		return false;
	}
	return add_option(arguments, option, spelling, value);
}

/* A cluster of flags, the last of which may have a value: -v, -wj4, -j 4 */
static bool
parse_short(Cursor *cursor, const char *word, Arguments *arguments)
{
	const char *c;

	/* "-json" would be read as "-j son", which nobody means. */
	if (word[2] != '\0' && option_find(word + 1) != NULL)
		return report_unknown(word, word + 1);
	for (c = word + 1; *c != '\0'; c++)
	{
		const Option *option = option_find_letter(*c);
		char *spelling = xasprintf("-%c", *c);
		const char *value = "true";

		if (option == NULL)
		{
			report_unknown(word[2] == '\0' ? spelling : word, option_nearest(word + 1));
			free(spelling);
			return false;
		}
		if (option->metavar != NULL)
			value = c[1] != '\0' ? c + 1 : take_value(cursor, option, spelling);
		if (value == NULL)
		{
			free(spelling);
			return false;
		}
		if (!add_option(arguments, option, spelling, value))
			return false;
		if (option->metavar != NULL)
			break;
	}
	return true;
}

bool
arguments_parse(int argc, char **argv, Arguments *arguments)
{
	Cursor cursor = {argc, argv, 1};

	memset(arguments, 0, sizeof(*arguments));
	while (cursor.next < argc)
	{
		char *word = argv[cursor.next++];

		if (strcmp(word, "--") == 0)
			break;
		if (word[0] != '-' || word[1] == '\0')
			add_word(arguments, word);
		else if (!(word[1] == '-' ? parse_long(&cursor, word, arguments)
								  : parse_short(&cursor, word, arguments)))
			return false;
	}
	while (cursor.next < argc)
		add_word(arguments, argv[cursor.next++]);
	return true;
}

void
arguments_free(Arguments *arguments)
{
	int i;

	for (i = 0; i < arguments->noptions; i++)
		free((char *) arguments->options[i].spelling);
	free(arguments->options);
	free(arguments->words);
	memset(arguments, 0, sizeof(*arguments));
}

const char *
arguments_value(const Arguments *arguments, const char *name)
{
	int i;

	for (i = arguments->noptions - 1; i >= 0; i--)
	{
		if (strcmp(arguments->options[i].option->name, name) == 0)
			return arguments->options[i].value;
	}
	return NULL;
}
