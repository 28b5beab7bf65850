/*-------------------------------------------------------------------------
 *
 * agent_words.c
 *	  The command line of a run, and what the agent does not let pass.
 *
 * The catalog puts the words together from typed columns.  But whoever owns
 * the catalog's database could change that, and should not get more on the
 * agent's host than what a job is: no other program (--pg-bindir,
 * --passphrase-command), no other settings (--config), no file to write
 * (--output, --log-file), no other place to send alarms to.  So this is a list
 * of what is allowed: a new option is refused until somebody has thought
 * about it.
 *
 * Of values, those matter that can say where to go.  Of a connection string
 * only the database is taken: any other parameter (hostaddr, port, service,
 * passfile, sslkey, options, sslkeylogfile, and what libpq will know next)
 * could send the agent's password elsewhere or touch a file of its.  A
 * repository is a directory; were there ever others, reached by a URL, the
 * agent's credentials for them would be in question.  The rest are numbers
 * and words, which the program checks.
 *
 *-------------------------------------------------------------------------
 */
#include "agent_words.h"

#include <stdlib.h>
#include <string.h>

#include "general_settings.h"
#include "memory.h"
#include "option_checks.h"
#include "options.h"
#include "place.h"
#include "place_settings.h"
#include "quote.h"
#include "settings.h"
#include "target.h"
#include "text_list.h"

static const char *const commands[] = {"backup", "verify", "expire", "globals",
									   "init",   "notify", "config", "copy"};

/* Commands whose first word is a command itself, and those of them that a job may have. */
static const char *const subcommands[][3] = {{"globals", "backup", "verify"},
											 {"config", "backup", NULL}};

/* What a job may say: nothing that names a program, a file, or another place than the repository.
 */
static const char *const options[] = {
	"repo",
	"dbname",
	"no-password",
	"type",
	"jobs",
	"compress",
	"chunk-blocks",
	"lock-wait-timeout",
	"all",
	"exclude-database",
	"keep-daily",
	"keep-weekly",
	"keep-monthly",
	"keep-yearly",
	"keep-minimum",
	"keep-pitr",
	"check-missed",
	"fail-if-waiting",
	"on-lock-conflict",
	"max-snapshot-age",
	"flush",
	"no-role-passwords",
	"server",
	"set",
	"to",
	"last",
	"kind",
};

/*
 * General options that the agent does not hand on: those it says in another way
 * (the first line), and those of its own messages, which the words of its
 * programs are not part of.
 */
static const char *const kept[] = {"config",        "catalogue", "catalog",   "progress",
								   "passphrase-fd", "log-file",  "log-format"};

static bool
is_among(const char *name, const char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

#define IS_AMONG(name, names) is_among(name, names, sizeof(names) / sizeof((names)[0]))

/* Only the long form with "=": what follows could otherwise be read as another option's value. */
static bool
is_good_option(const char *word)
{
	size_t length = strcspn(word, "=");
	const Option *option;
	char *name;

	if (strncmp(word, "--", 2) != 0)
		return false;
	name = xasprintf("%.*s", (int) length - 2, word + 2);
	option = option_find(name);
	free(name);
	if (option == NULL || !IS_AMONG(option->name, options))
		return false;
	return option->metavar == NULL || word[length] == '=';
}

/*
 * The database of --dbname, when nothing else is in it; NULL otherwise.  A
 * name can look like a connection string itself, so what comes back is that
 * name in a form in which it is nothing else.
 */
static char *
only_database(const char *value)
{
	PQconninfoOption *options;
	PQconninfoOption *option;
	const char *database = NULL;
	bool good = true;
	char *result;

	if (!is_conninfo(value))
		return value[0] != '\0' ? conninfo_of_database(value) : NULL;
	/* A URI says in many ways where to go; the scheduler writes none. */
	options = strncmp(value, "postgres", strlen("postgres")) == 0 && strstr(value, "://") != NULL
				  ? NULL
				  : PQconninfoParse(value, NULL);
	for (option = options; option != NULL && option->keyword != NULL; option++)
	{
		if (option->val == NULL)
			continue;
		if (strcmp(option->keyword, "dbname") == 0)
			database = option->val;
		else
			good = false;
	}
	result =
		good && database != NULL && database[0] != '\0' ? conninfo_of_database(database) : NULL;
	PQconninfoFree(options);
	return result;
}

/* Look at the value of a good option; what it says about a database is replaced. */
static char *
check_value(char **word)
{
	size_t length = strcspn(*word, "=");
	char *name = xasprintf("%.*s", (int) length - 2, *word + 2);
	const Option *option = option_find(name);
	const char *value = (*word)[length] == '=' ? *word + length + 1 : "";
	char *problem = NULL;
	char *database;

	free(name);
	if (strcmp(option->name, "repo") == 0 && value[0] != '/')
		return xstrdup("a repository of a job must be the full path of a directory");
	/* Which places a name means, the agent's own settings say. */
	if (strcmp(option->name, "to") == 0 && value[0] != '/' && check_set_name(value) != NULL)
		return xstrdup("a job can copy to the full path of a directory, or to a repository that "
					   "has a name in the settings file");
	if (strcmp(option->name, "dbname") != 0)
		return NULL;
	database = only_database(value);
	if (database == NULL)
		problem = xstrdup("the option \"--dbname\" of a job may name a database, and nothing else "
						  "of a connection");
	else
	{
		char *safe = xasprintf("--dbname=%s", database);

		free(*word);
		*word = safe;
	}
	free(database);
	return problem;
}

/* "globals restore" is not for jobs. */
static bool
is_good_subcommand(const char *command, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
	{
		if (strcmp(subcommands[i][0], command) == 0)
			return word != NULL &&
				   (strcmp(word, subcommands[i][1]) == 0 ||
					(subcommands[i][2] != NULL && strcmp(word, subcommands[i][2]) == 0));
	}
	return true;
}

/* A job backs up the files of a set, as the settings file names them, and no others. */
static bool
names_files(char **words, int count)
{
	int i;

	for (i = 2; strcmp(words[0], "config") == 0 && i < count; i++)
	{
		if (words[i][0] != '-' || strcmp(words[i], "--") == 0)
			return true;
	}
	return false;
}

char *
agent_check_words(char **words, int count)
{
	char *safe;
	char *problem;
	int i;

	if (count < 1)
		return xstrdup("it names no command");
	if (!IS_AMONG(words[0], commands))
	{
		safe = printable_name(words[0]);
		problem = xasprintf("command \"%s\" is none that a job may have", safe);
		free(safe);
		return problem;
	}
	if (!is_good_subcommand(words[0], count > 1 ? words[1] : NULL))
	{
		safe = printable_name(count > 1 ? words[1] : "");
		problem = xasprintf("command \"%s %s\" is none that a job may have", words[0], safe);
		free(safe);
		return problem;
	}
	if (names_files(words, count))
		return xstrdup("a job cannot name files; those of a set are in the settings file");
	for (i = 1; i < count && strcmp(words[i], "--") != 0; i++)
	{
		if (words[i][0] != '-')
			continue;
		if (is_good_option(words[i]))
		{
			problem = check_value(&words[i]);
			if (problem != NULL)
				return problem;
			continue;
		}
		safe = printable_name(words[i]);
		problem = xasprintf("option \"%s\" is none that a job may have", safe);
		free(safe);
		return problem;
	}
	return NULL;
}

/* The value of a word that is this option; NULL: it is another one. */
static const char *
value_of(const char *word, const char *option)
{
	size_t length = strcspn(word, "=");
	const Option *found = NULL;
	char *name;

	if (strncmp(word, "--", 2) != 0 || word[length] != '=')
		return NULL;
	name = xasprintf("%.*s", (int) length - 2, word + 2);
	found = option_find(name);
	free(name);
	return found != NULL && strcmp(found->name, option) == 0 ? word + length + 1 : NULL;
}

/*
 * What is wrong with a place of a copy, or NULL.  The settings alone say which way a copy goes:
 * from their repository to the others that they know.  In the other direction it would bring in
 * what somebody has put there who can write to that place.
 */
static const char *
problem_of_place(const Settings *settings, const char *place, bool is_target)
{
	if (!is_target)
		return place_is_repository(settings, place)
				   ? NULL
				   : "an agent copies only from the repository of its settings, \"repo\", which "
					 "\"%s\" is not";
	if (place_is_repository(settings, place))
		return "an agent copies nothing into the repository of its settings, \"%s\"";
	if (!place_is_known(settings, place))
		return "an agent copies only to repositories of its settings, which do not know "
			   "\"%s\": add it under \"repositories\"";
	return NULL;
}

char *
agent_check_places(const Settings *settings, char *const *words, int count)
{
	const char *problem = NULL;
	int i;

	for (i = 1; i < count && strcmp(words[0], "copy") == 0; i++)
	{
		const char *to = value_of(words[i], "to");
		const char *place = to != NULL ? to : value_of(words[i], "repo");
		char *shown;
		char *text;

		if (place != NULL)
			problem = problem_of_place(settings, place, to != NULL);
		if (problem == NULL)
			continue;
		shown = printable_name(place);
		text = xasprintf(problem, shown);
		free(shown);
		return text;
	}
	return NULL;
}

/* ---- what the agent was told itself ---- */

static void
add_word(char ***words, int *count, const char *option, const char *value)
{
	if (value == NULL)
		return;
	*words = xrealloc(*words, (size_t) (*count + 1) * sizeof(char *));
	(*words)[(*count)++] = xasprintf("--%s=%s", option, value);
}

/* The word of a choice. */
static void
add_choice(char ***words, int *count, const Option *option, int position)
{
	const char *word = option->choices;
	char *value;

	for (; position > 0; position--)
		word += strcspn(word, " ") + 1;
	value = xasprintf("%.*s", (int) strcspn(word, " "), word);
	add_word(words, count, option->name, value);
	free(value);
}

static void
add_setting(char ***words, int *count, const Option *option, const Settings *settings)
{
	const void *member = option_value(option, settings);

	if (strcmp(option->name, "repo") == 0 && settings->places->repository != NULL)
		add_word(words, count, option->name, settings->places->repository->name);
	else if (option->type == OPTION_TEXT)
		add_word(words, count, option->name, *(char *const *) member);
	else if (option->type == OPTION_INTEGER)
	{
		char *value = xasprintf("%d", *(const int *) member);

		add_word(words, count, option->name, value);
		free(value);
	}
	else if (option->type == OPTION_CHOICE)
		add_choice(words, count, option, *(const int *) member);
	else if (option->type == OPTION_LIST)
	{
		const TextList *list = member;
		int i;

		for (i = 0; i < list->count; i++)
			add_word(words, count, option->name, list->items[i]);
	}
}

char **
agent_own_words(const Settings *settings, const char *catalogue, bool with_repository, int *count)
{
	char **words = NULL;
	int i;

	*count = 0;
	add_word(&words, count, "config", settings->general->config_file);
	add_word(&words, count, "catalogue", catalogue);
	add_word(&words, count, "progress", "json");
	for (i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (settings->general->on_command_line == NULL || !settings->general->on_command_line[i] ||
			(option->group != GROUP_GENERAL && option->group != GROUP_STORAGE) ||
			IS_AMONG(option->name, kept))
			continue;
		if (with_repository || strcmp(option->name, "repo") != 0)
			add_setting(&words, count, option, settings);
	}
	return words;
}
