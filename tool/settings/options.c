/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Looking options up, and storing their values.
 *
 * Every source of a value (command line, environment, file, default) hands
 * over text, so that one function per type checks them all alike.
 *
 *-------------------------------------------------------------------------
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "buffer.h"
#include "codec.h"
#include "memory.h"
#include "nearest.h"
#include "all_settings.h"

/* Choices and levels are stored through an int. */
_Static_assert(sizeof(LogFormat) == sizeof(int), "enums must be ints");
_Static_assert(sizeof(ProgressStyle) == sizeof(int), "enums must be ints");
_Static_assert(sizeof(MailTls) == sizeof(int), "enums must be ints");

/* The groups of the view are those of the same AllSettings, which may be written. */
#define MEMBER(all, type, option) ((type *) (uintptr_t) option_value(option, &(all)->view))

/* Equal, if "-" and "_" are the same. */
static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
	{
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	}
	return *a == *b;
}

const Option *
option_find(const char *name)
{
	int i;

	for (i = 0; i < option_count; i++)
	{
		if (same_name(option_table[i].name, name))
			return &option_table[i];
	}
	return NULL;
}

const Option *
option_find_letter(char letter)
{
	int i;

	for (i = 0; i < option_count; i++)
	{
		if (letter != 0 && option_table[i].letter == letter)
			return &option_table[i];
	}
	return NULL;
}

const char *
option_nearest(const char *name)
{
	const char *names[OPTION_MAX_COUNT];
	int i;

	for (i = 0; i < option_count; i++)
		names[i] = option_table[i].name;
	return nearest_name(name, names, option_count);
}

bool
option_is_setting(const Option *option)
{
	return option->type != OPTION_ACTION;
}

char *
option_environment_name(const Option *option)
{
	char *name = xasprintf("NEX_BACKUP_%s", option->name);
	char *c;

	for (c = name; *c != '\0'; c++)
		*c = *c == '-' ? '_' : (char) toupper((unsigned char) *c);
	return name;
}

char *
option_spelling(const Option *option)
{
	Buffer text;

	buffer_init(&text);
	if (option->letter != 0)
		buffer_printf(&text, "-%c, ", option->letter);
	buffer_printf(&text, "--%s", option->name);
	if (option->metavar != NULL)
		buffer_printf(&text, "=%s", option->metavar);
	return buffer_detach(&text);
}

/* The words that PostgreSQL and YAML take for a boolean. */
static bool
parse_bool(const char *text, bool *value)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strcasecmp(text, words[i]) == 0)
		{
			*value = i % 2 == 1;
			return true;
		}
	}
	return false;
}

/* A whole number without sign; `end` is where it stops. */
static bool
parse_number(const char *text, const char **end, long *value)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtol(text, &stop, 10);
	*end = stop;
	return errno == 0;
}

static char *
store_flag(const Option *option, AllSettings *settings, const char *text)
{
	bool value;

	if (!parse_bool(text, &value))
		return xstrdup("It must be true or false.");
	if (option->type == OPTION_LEVEL)
	{
		*MEMBER(settings, int, option) = value ? (int) option->min : LOG_LEVEL_INFO;
		return NULL;
	}
	*MEMBER(settings, bool, option) = value;
	if (value && option->clears != 0)
		*(MEMBER(settings, bool, option) + option->clears - option->member) = false;
	return NULL;
}

static char *
store_text(const Option *option, AllSettings *settings, const char *text)
{
	char **member = MEMBER(settings, char *, option);
	const char *reason = option->check != NULL ? option->check(text) : NULL;

	if (reason != NULL)
		return xstrdup(reason);
	free(*member);
	*member = xstrdup(text);
	return NULL;
}

static void
text_list_free(TextList *list)
{
	int i;

	for (i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	memset(list, 0, sizeof(*list));
}

static char *
store_list(const Option *option, AllSettings *settings, const char *text)
{
	TextList *list = MEMBER(settings, TextList, option);
	const char *reason = option->check != NULL ? option->check(text) : NULL;

	if (reason != NULL)
		return xstrdup(reason);
	if (list->source != settings->general.source)
		text_list_free(list);
	list->source = settings->general.source;
	list->items = xrealloc(list->items, (size_t) (list->count + 1) * sizeof(char *));
	list->items[list->count++] = xstrdup(text);
	return NULL;
}

static char *
store_integer(const Option *option, AllSettings *settings, const char *text)
{
	const char *end;
	long value;

	if (!parse_number(text, &end, &value) || *end != '\0' || value < option->min ||
		value > option->max)
		return xasprintf("It must be a whole number from %ld to %ld.", option->min, option->max);
	*MEMBER(settings, int, option) = (int) value;
	return NULL;
}

/* Seconds in a unit of time, 0 if there is no such unit. */
static long
unit_seconds(const char *unit)
{
	static const struct
	{
		const char *name;
		long seconds;
	} units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
	size_t i;

	while (*unit == ' ')
		unit++;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strcmp(unit, units[i].name) == 0)
			return units[i].seconds;
	}
	return 0;
}

static char *
store_duration(const Option *option, AllSettings *settings, const char *text)
{
	const char *unit;
	long value;
	long seconds;

	if (!parse_number(text, &unit, &value) || (seconds = unit_seconds(unit)) == 0)
		return xstrdup("It must be a whole number of seconds, or one with a unit, such as 5min; "
					   "units are s, min, h and d.");
	if (value > option->max / seconds || value * seconds < option->min)
		return xasprintf("It must be from %ld to %ld seconds.", option->min, option->max);
	*MEMBER(settings, int, option) = (int) (value * seconds);
	return NULL;
}

/* Find the word among the choices; gives its position, or -1. */
static int
choice_position(const char *choices, const char *word)
{
	size_t length = strlen(word);
	int position = 0;

	while (*choices != '\0')
	{
		size_t choice_length = strcspn(choices, " ");

		if (choice_length == length && strncmp(choices, word, length) == 0)
			return position;
		choices += choice_length;
		choices += strspn(choices, " ");
		position++;
	}
	return -1;
}

static char *
store_choice(const Option *option, AllSettings *settings, const char *text)
{
	int position = choice_position(option->choices, text);
	const char *c;
	Buffer reason;

	if (position >= 0)
	{
		*MEMBER(settings, int, option) = position;
		return NULL;
	}
	buffer_init(&reason);
	buffer_append_string(&reason, "It must be one of ");
	for (c = option->choices; *c != '\0'; c++)
	{
		if (*c == ' ')
			buffer_append_string(&reason, ", ");
		else
			buffer_append_char(&reason, *c);
	}
	buffer_append_char(&reason, '.');
	return buffer_detach(&reason);
}

static char *
store_compression(AllSettings *settings, const char *text)
{
	const char *message =
		codec_parse(text, &settings->backup.codec, &settings->backup.compress_level);

	if (message == NULL)
		return NULL;
	return xasprintf("%c%s%s", toupper((unsigned char) message[0]), message + 1,
					 message[strlen(message) - 1] == '.' ? "" : ".");
}

char *
option_store(const Option *option, AllSettings *settings, const char *text)
{
	if (text[0] == '\0')
		return xstrdup("It must not be empty.");
	switch (option->type)
	{
		case OPTION_FLAG:
		case OPTION_LEVEL:
			return store_flag(option, settings, text);
		case OPTION_TEXT:
			return store_text(option, settings, text);
		case OPTION_LIST:
			return store_list(option, settings, text);
		case OPTION_INTEGER:
			return store_integer(option, settings, text);
		case OPTION_DURATION:
			return store_duration(option, settings, text);
		case OPTION_CHOICE:
			return store_choice(option, settings, text);
		case OPTION_COMPRESSION:
			return store_compression(settings, text);
		case OPTION_ACTION:
			break;
	}
	return NULL;
}

const void *
option_value(const Option *option, const Settings *settings)
{
	const char *const *group =
		(const char *const *) (const void *) ((const char *) settings + option->settings);

	return *group + option->member;
}

bool
option_is_default(const Option *option, const AllSettings *settings)
{
	AllSettings defaults;
	bool same = true;

	if (option->type == OPTION_TEXT)
	{
		const char *text = *MEMBER(settings, char *, option);

		return option->fallback == NULL ? text == NULL
										: text != NULL && strcmp(text, option->fallback) == 0;
	}
	if (option->type == OPTION_LIST)
		return MEMBER(settings, TextList, option)->count == 0;
	settings_set_defaults(&defaults);
	if (option->type == OPTION_FLAG)
		same = *MEMBER(settings, bool, option) == *MEMBER(&defaults, bool, option);
	else if (option->type == OPTION_COMPRESSION)
		same = settings->backup.codec == defaults.backup.codec &&
			   settings->backup.compress_level == defaults.backup.compress_level;
	else if (option->type != OPTION_ACTION)
		same = *MEMBER(settings, int, option) == *MEMBER(&defaults, int, option);
	settings_free(&defaults);
	return same;
}

/* One connection or thread per core, but few enough to leave a server room to breathe. */
static int
default_jobs(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > 8 ? 8 : (int) cores;
}

void
settings_clear(AllSettings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->view = (Settings){.general = &settings->general,
								.work = &settings->work,
								.keys = &settings->keys,
								.connection = &settings->connection,
								.backup = &settings->backup,
								.restore = &settings->restore,
								.part = &settings->part,
								.turns = &settings->turns,
								.owners = &settings->owners,
								.command = &settings->command,
								.expire = &settings->expire,
								.files = &settings->files,
								.logs = &settings->logs,
								.notify = &settings->notify,
								.agent = &settings->agent,
								.storage = &settings->storage,
								.places = &settings->places,
								.cluster = &settings->cluster};
}

void
settings_set_defaults(AllSettings *settings)
{
	int i;

	settings_clear(settings);
	settings->general.log_level = LOG_LEVEL_INFO;
	settings->work.jobs = default_jobs();
	for (i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (option->fallback != NULL)
			free(option_store(option, settings, option->fallback));
	}
}

/* What the options hold. */
static void
free_values(AllSettings *settings)
{
	int i;

	for (i = 0; i < option_count; i++)
	{
		if (option_table[i].type == OPTION_TEXT)
		{
			free(*MEMBER(settings, char *, &option_table[i]));
			*MEMBER(settings, char *, &option_table[i]) = NULL;
		}
		else if (option_table[i].type == OPTION_LIST)
			text_list_free(MEMBER(settings, TextList, &option_table[i]));
	}
}

/* The options of a repository belong to the table, too: for it to free them they are put there. */
static void
free_repositories(AllSettings *settings)
{
	NamedRepositories *named = &settings->places.repositories;
	AllSettings values;
	int i;

	for (i = 0; i < named->count; i++)
	{
		settings_clear(&values);
		values.storage = named->items[i].storage;
		free_values(&values);
		free(named->items[i].name);
		free(named->items[i].location);
	}
	free(named->items);
	text_list_free(&settings->places.others);
	memset(&settings->places, 0, sizeof(settings->places));
}

void
settings_free(AllSettings *settings)
{
	int i;

	free_values(settings);
	free_repositories(settings);
	for (i = 0; i < settings->files.file_sets.count; i++)
	{
		free(settings->files.file_sets.items[i].name);
		text_list_free(&settings->files.file_sets.items[i].files);
		text_list_free(&settings->files.file_sets.items[i].recipient);
		text_list_free(&settings->files.file_sets.items[i].recipients_file);
	}
	free(settings->files.file_sets.items);
	settings->files.file_sets.items = NULL;
	settings->files.file_sets.count = 0;
	free(settings->keys.recipient_origin);
	settings->keys.recipient_origin = NULL;
	free(settings->file_lines);
	settings->file_lines = NULL;
	free(settings->general.on_command_line);
	settings->general.on_command_line = NULL;
}

static bool
is_among(const char *const *list, const char *name)
{
	while (*list != NULL && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

static bool
is_in_environment(const Option *option)
{
	char *name = option_environment_name(option);
	const char *value = getenv(name);
	bool found = value != NULL && value[0] != '\0';

	free(name);
	return found;
}

void
options_for_repository(const Settings *settings, const char *const *left_out, OptionVisit visit,
					   void *argument)
{
	const GeneralSettings *general = settings->general;
	const NamedRepository *named = settings->places->repository;
	int i;
	int j;

	if (general->config_file != NULL)
		visit("config", general->config_file, argument);
	visit("repo", named != NULL ? named->name : general->repo, argument);
	for (i = 0; i < option_count && general->on_command_line != NULL; i++)
	{
		const Option *option = &option_table[i];
		const void *value = option_value(option, settings);

		if ((!general->on_command_line[i] &&
			 (!option_is_setting(option) || !is_in_environment(option))) ||
			(option->group != GROUP_GENERAL && option->group != GROUP_STORAGE) ||
			is_among(left_out, option->name))
			continue;
		if (option->type == OPTION_TEXT)
			visit(option->name, *(char *const *) value, argument);
		for (j = 0; option->type == OPTION_LIST && j < ((const TextList *) value)->count; j++)
			visit(option->name, ((const TextList *) value)->items[j], argument);
	}
}
