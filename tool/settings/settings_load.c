/*-------------------------------------------------------------------------
 *
 * settings_load.c
 *	  Settings from all their sources, the weakest first, so that each
 *	  stronger one overwrites what it sets.
 *
 *-------------------------------------------------------------------------
 */
#include "settings_load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "all_settings.h"
#include "log.h"
#include "memory.h"
#include "place.h"
#include "settings_file.h"
#include "shown_value.h"

/*
 * The file to read: --config, NEX_BACKUP_CONFIG, or the default one unless
 * there is none.
 */
static const char *
find_file(const Arguments *arguments)
{
	const char *file = arguments_value(arguments, "config");

	if (file == NULL)
		file = getenv("NEX_BACKUP_CONFIG");
	if (file != NULL && file[0] != '\0')
		return file;
	return access(SETTINGS_DEFAULT_FILE, F_OK) == 0 ? SETTINGS_DEFAULT_FILE : NULL;
}

/* An empty variable counts as not set, as it does for libpq. */
static bool
apply_environment(AllSettings *settings)
{
	bool ok = true;
	int i;

	for (i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];
		const char *value;
		char *reason;
		char *name;

		if (!option_is_setting(option))
			continue;
		name = option_environment_name(option);
		value = getenv(name);
		if (value != NULL && value[0] != '\0')
		{
			reason = option_store(option, settings, value);
			if (reason != NULL)
			{
				char *shown = shown_value(value);

				ok = report_error(EXIT_USAGE, reason, NULL,
								  "invalid value \"%s\" of environment variable %s", shown, name);
				free(shown);
			}
			free(reason);
		}
		free(name);
	}
	return ok;
}

#define PREFIX "NEX_BACKUP_"

/* The option of NEX_BACKUP_KEEP_DAILY as it is spelled elsewhere, keep_daily; caller frees. */
static char *
option_word(const char *variable)
{
	char *word = xstrdup(variable + strlen(PREFIX));
	char *c;

	word[strcspn(word, "=")] = '\0';
	for (c = word; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char) (*c - 'A' + 'a') : *c;
	return word;
}

/* A warning and no error: the variable may be meant for a newer version, or for a script. */
static void
warn_of_unknown(const char *variable, const char *word)
{
	const char *name = option_nearest(word);
	const Option *nearest = name != NULL ? option_find(name) : NULL;
	char *hint = NULL;
	char *meant;

	if (nearest != NULL && option_is_setting(nearest))
	{
		meant = option_environment_name(nearest);
		hint = xasprintf("Perhaps you meant %s.", meant);
		free(meant);
	}
	log_warning_hint(hint, "environment variable %.*s is not known, and is ignored",
					 (int) strcspn(variable, "="), variable);
	free(hint);
}

/* Look for variables that were probably meant to set something. */
static void
check_environment(void)
{
	char **variable;

	for (variable = environ; *variable != NULL; variable++)
	{
		const Option *option;
		char *word;

		if (strncmp(*variable, PREFIX, strlen(PREFIX)) != 0)
			continue;
		word = option_word(*variable);
		option = strchr(word, '-') == NULL ? option_find(word) : NULL;
		if (strcmp(word, "config") != 0 && (option == NULL || !option_is_setting(option)))
			warn_of_unknown(*variable, word);
		free(word);
	}
}

/*
 * A further --repo is another place of the repository.  Not an option of lists: everything else
 * has one repository, and so have the environment and the settings file.
 */
static bool
is_other_place(const GivenOption *given, AllSettings *settings)
{
	TextList *others = &settings->places.others;
	int i;

	if (strcmp(given->option->name, "repo") != 0 ||
		!settings->general.on_command_line[given->option - option_table])
		return false;
	if (strcmp(given->value, settings->general.repo) == 0)
		return true;
	for (i = 0; i < others->count; i++)
	{
		if (strcmp(given->value, others->items[i]) == 0)
			return true;
	}
	others->items = xrealloc(others->items, (size_t) (others->count + 1) * sizeof(char *));
	others->items[others->count++] = xstrdup(given->value);
	return true;
}

static bool
apply_arguments(const Arguments *arguments, AllSettings *settings)
{
	bool ok = true;
	int i;

	free(settings->general.on_command_line);
	settings->general.on_command_line = xcalloc((size_t) option_count, sizeof(bool));
	for (i = 0; i < arguments->noptions; i++)
	{
		const GivenOption *given = &arguments->options[i];
		char *reason;

		if (!option_is_setting(given->option) || is_other_place(given, settings))
			continue;
		settings->general.on_command_line[given->option - option_table] = true;
		reason = option_store(given->option, settings, given->value);
		if (reason != NULL)
		{
			char *shown = shown_value(given->value);

			ok = report_error(EXIT_USAGE, reason, NULL, "invalid value \"%s\" of option \"%s\"",
							  shown, given->spelling);
			free(shown);
		}
		free(reason);
	}
	return ok;
}

/* Is the option, or one that means the same, on the command line? */
static bool
is_given(const Arguments *arguments, const Option *option)
{
	int i;

	for (i = 0; i < arguments->noptions; i++)
	{
		const Option *given = arguments->options[i].option;

		if (option_is_setting(given) && given->settings == option->settings &&
			given->member == option->member)
			return true;
	}
	return false;
}

/* Where the value of an option comes from that is not on the command line; NULL: nowhere. */
static char *
origin(const Option *option, const AllSettings *settings)
{
	size_t line = settings->file_lines != NULL ? settings->file_lines[option - option_table] : 0;
	char *name = option_environment_name(option);
	const char *value = getenv(name);
	char *text = NULL;

	if (value != NULL && value[0] != '\0')
		text = xasprintf("It is set by environment variable %s.", name);
	else if (line != 0)
		text =
			xasprintf("It is set in file \"%s\", line %zu.", settings->general.config_file, line);
	free(name);
	return text;
}

/* The same for the recipients. */
static char *
recipient_origin(const AllSettings *settings)
{
	const bool *given = settings->general.on_command_line;
	const Option *key = option_find("recipient");
	const Option *file = option_find("recipients-file");

	if (settings->keys.recipient.count > 0)
		return given[key - option_table] ? NULL : origin(key, settings);
	return given[file - option_table] ? NULL : origin(file, settings);
}

static bool
check_per_call(const Arguments *arguments, const AllSettings *settings, const Option *option)
{
	const char *metavar = option->metavar;
	char *where;
	char *hint;

	if (is_given(arguments, option) || option_is_default(option, settings))
		return true;
	where = origin(option, settings);
	if (where == NULL)
		return true;
	if (metavar == NULL)
		hint = xasprintf("Use --%s or --%s=false in this call, or remove it there.", option->name,
						 option->name);
	else
		hint = xasprintf("Use --%s=%s in this call, or remove it there.", option->name, metavar);
	report_error(EXIT_USAGE, where, hint, "option \"--%s\" must be given on the command line",
				 option->name);
	free(hint);
	free(where);
	return false;
}

bool
settings_check_per_call(const Arguments *arguments, const AllSettings *settings, const char *names)
{
	bool good = true;

	while (names != NULL && *names != '\0')
	{
		size_t length = strcspn(names, " ");
		char *name = xasprintf("%.*s", (int) length, names);

		good = check_per_call(arguments, settings, option_find(name)) && good;
		free(name);
		names += length;
		names += strspn(names, " ");
	}
	return good;
}

bool
settings_load_arguments(const Arguments *arguments, AllSettings *settings)
{
	settings_set_defaults(settings);
	settings->general.server_is_given = arguments_value(arguments, "server") != NULL;
	return apply_arguments(arguments, settings);
}

/* The repository may be one that has a name in the file. */
static void
find_repository(AllSettings *settings)
{
	const NamedRepository *named = named_repository(&settings->view, settings->general.repo);

	settings->places.repository = named;
	if (named == NULL || named->location == NULL)
		return;
	free(settings->general.repo);
	settings->general.repo = xstrdup(named->location);
}

bool
settings_load(const Arguments *arguments, AllSettings *settings)
{
	const char *file = find_file(arguments);
	bool ok = true;

	settings_set_defaults(settings);
	settings->general.config_file = file;
	if (file != NULL)
		ok = settings_read_file(file, settings);
	settings->general.source++;
	ok = apply_environment(settings) && ok;
	check_environment();
	settings->general.source++;
	settings->general.server_is_given = arguments_value(arguments, "server") != NULL;
	ok = apply_arguments(arguments, settings) && ok;
	settings->keys.recipient_origin = recipient_origin(settings);
	find_repository(settings);
	return ok;
}
