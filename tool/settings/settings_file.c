/*-------------------------------------------------------------------------
 *
 * settings_file.c
 *	  The YAML file: a mapping of keys to values, where `keep: {daily: 7}`
 *	  is another way to write `keep-daily: 7`, and so on for each dash.
 *
 * Works on libyaml's events, not on its documents, because those keep no
 * trace of a key that was given twice.  Whatever is not understood is an
 * error: a misspelt key that is silently ignored is a backup that is not
 * what its owner thinks it is.
 *
 *-------------------------------------------------------------------------
 */
#include "settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "buffer.h"
#include "log.h"
#include "memory.h"
#include "named_file.h"
#include "option_checks.h"
#include "options.h"
#include "all_settings.h"
#include "shown_value.h"

typedef struct SettingsFile
{
	const char *path;
	FILE *stream;
	yaml_parser_t parser;
	AllSettings *settings;
	const char *repository;         /* the named one whose settings are read; NULL: those of all */
	size_t lines[OPTION_MAX_COUNT]; /* where each option was given; 0: not yet */
	size_t sets;                    /* … and where these two mappings were */
	size_t repositories;
	bool ok;
} SettingsFile;

/* A key with the prefix of the mapping that it is in, and its line. */
typedef struct Key
{
	char *name;
	size_t line;
} Key;

static size_t
event_line(const yaml_event_t *event)
{
	return event->start_mark.line + 1;
}

static void
report_syntax(SettingsFile *file)
{
	const yaml_parser_t *parser = &file->parser;
	const char *problem = parser->problem != NULL ? parser->problem : "It is not valid YAML";
	const yaml_mark_t *mark =
		parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark;
	const char *hint = NULL;
	char *detail;

	/* Nothing is known of what could not be read. */
	if (ferror(file->stream))
	{
		file->ok = report_error(EXIT_FAILED, NULL, NULL, "could not read configuration file \"%s\"",
								file->path);
		return;
	}
	if (parser->error == YAML_MEMORY_ERROR)
		out_of_memory();
	if (strstr(problem, "cannot start any token") != NULL || strstr(problem, "tab char") != NULL)
		hint = "Indent with spaces, not with tabs, and put quotes around special characters.";
	detail = xasprintf("The YAML parser says: %s%s%s.", problem, parser->context != NULL ? " " : "",
					   parser->context != NULL ? parser->context : "");
	file->ok = report_error(EXIT_USAGE, detail, hint, "syntax error in file \"%s\", line %zu",
							file->path, mark->line + 1);
	free(detail);
}

/* Get the next event; false (reported) if the text is not YAML. */
static bool
next_event(SettingsFile *file, yaml_event_t *event)
{
	if (yaml_parser_parse(&file->parser, event))
		return true;
	report_syntax(file);
	return false;
}

/* Skip what a sequence or mapping holds whose first event was just read. */
static bool
skip_value(SettingsFile *file)
{
	int depth = 1;

	while (depth > 0)
	{
		yaml_event_t event;

		if (!next_event(file, &event))
			return false;
		if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
			depth++;
		else if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
			depth--;
		yaml_event_delete(&event);
	}
	return true;
}

/* True if some option's name is this prefix, a dash, and more. */
static bool
is_prefix(const char *prefix)
{
	size_t length = strlen(prefix);
	int i;

	for (i = 0; i < option_count; i++)
	{
		if (strncmp(option_table[i].name, prefix, length) == 0 &&
			option_table[i].name[length] == '-')
			return true;
	}
	return false;
}

static void
report_unknown_key(SettingsFile *file, const Key *key)
{
	const char *nearest = option_nearest(key->name);
	char *hint = NULL;

	if (nearest != NULL && option_is_setting(option_find(nearest)))
		hint = xasprintf("Perhaps you meant \"%s\".", nearest);
	file->ok = report_error(EXIT_USAGE, NULL, hint, "unknown key \"%s\" in file \"%s\", line %zu",
							key->name, file->path, key->line);
	free(hint);
}

static void
report_not_of_repository(SettingsFile *file, const Key *key)
{
	char *detail = xasprintf("It is in repository \"%s\".", file->repository);

	file->ok = report_error(
		EXIT_USAGE, detail, "A repository has \"repo\", its location, and the settings of buckets.",
		"unknown key \"%s\" in file \"%s\", line %zu", key->name, file->path, key->line);
	free(detail);
}

/* A key counts once: which of two was meant, nobody knows. */
static bool
claim_line(SettingsFile *file, const Key *key, size_t *line)
{
	char *detail;

	if (*line == 0)
	{
		*line = key->line;
		return true;
	}
	detail = xasprintf("It is given on line %zu already.", *line);
	file->ok =
		report_error(EXIT_USAGE, detail, NULL, "duplicate key \"%s\" in file \"%s\", line %zu",
					 key->name, file->path, key->line);
	free(detail);
	return false;
}

/* Find the option of a key and note where it was; NULL (reported) if unknown or given twice. */
static const Option *
claim_option(SettingsFile *file, const Key *key)
{
	const Option *option = option_find(key->name);
	size_t *line;

	if (option == NULL || !option_is_setting(option))
	{
		report_unknown_key(file, key);
		return NULL;
	}
	if (file->repository != NULL && option->group != GROUP_STORAGE &&
		strcmp(option->name, "repo") != 0)
	{
		report_not_of_repository(file, key);
		return NULL;
	}
	line = &file->lines[option - option_table];
	if (!claim_line(file, key, line))
		return NULL;
	return option;
}

/* Does the key take several values? */
static bool
is_list(const Key *key)
{
	const Option *option = option_find(key->name);

	return option != NULL && option->type == OPTION_LIST;
}

static void
report_value(SettingsFile *file, const Key *key, const char *detail)
{
	file->ok = report_error(EXIT_USAGE, detail, NULL,
							"invalid value of key \"%s\" in file \"%s\", line %zu", key->name,
							file->path, key->line);
}

/* Unquoted nothing, ~ and null are YAML's ways to write no value. */
static bool
is_null(const yaml_event_t *event)
{
	const char *text = (const char *) event->data.scalar.value;

	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		   (text[0] == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

/* Store one value of an option whose key was claimed. */
static void
set_value(SettingsFile *file, const Key *key, const Option *option, const yaml_event_t *event)
{
	const char *text = (const char *) event->data.scalar.value;
	char *reason;

	if (is_null(event))
	{
		report_value(file, key, "The key has no value; remove the line to get the default.");
		return;
	}
	if (strlen(text) != event->data.scalar.length)
	{
		report_value(file, key, "The value contains a zero byte.");
		return;
	}
	reason = option_store(option, file->settings, text);
	if (reason != NULL)
	{
		char *shown = shown_value(text);
		char *detail = xasprintf("The value is \"%s\". %s", shown, reason);

		report_value(file, key, detail);
		free(detail);
		free(shown);
	}
	free(reason);
}

static void
set_scalar(SettingsFile *file, const Key *key, const yaml_event_t *event)
{
	const Option *option = claim_option(file, key);

	if (option != NULL)
		set_value(file, key, option, event);
}

/* Read the values of a list, whose beginning was just read; false if the file cannot be read on. */
static bool
read_list(SettingsFile *file, const Key *key)
{
	const Option *option = claim_option(file, key);
	bool readable = true;

	if (option == NULL)
		return skip_value(file);
	while (readable)
	{
		yaml_event_t event;
		yaml_event_type_t type;

		if (!next_event(file, &event))
			return false;
		type = event.type;
		if (type == YAML_SCALAR_EVENT)
			set_value(file, key, option, &event);
		yaml_event_delete(&event);
		if (type == YAML_SEQUENCE_END_EVENT)
			break;
		if (type != YAML_SCALAR_EVENT)
		{
			report_value(file, key, "Each entry of the list must be a single value.");
			readable = type == YAML_ALIAS_EVENT || skip_value(file);
		}
	}
	return readable;
}

static void
add_text(TextList *list, const yaml_event_t *event)
{
	list->items = xrealloc(list->items, sizeof(char *) * ((size_t) list->count + 1));
	list->items[list->count++] = xstrdup((const char *) event->data.scalar.value);
}

/* Read the entries of one list of a set, which was just begun. */
static bool
read_set_list(SettingsFile *file, const Key *key, TextList *list)
{
	for (;;)
	{
		yaml_event_t event;
		yaml_event_type_t type;

		if (!next_event(file, &event))
			return false;
		type = event.type;
		if (type == YAML_SCALAR_EVENT && event.data.scalar.length > 0)
			add_text(list, &event);
		yaml_event_delete(&event);
		if (type == YAML_SEQUENCE_END_EVENT)
			return true;
		if (type != YAML_SCALAR_EVENT)
		{
			report_value(file, key, "Each entry of the list must be a single value.");
			if (type != YAML_ALIAS_EVENT && !skip_value(file))
				return false;
		}
	}
}

/* The list of a set that a key of its mapping fills; NULL (reported) if there is none. */
static TextList *
set_member(SettingsFile *file, const Key *key, const char *name, FileSet *set)
{
	TextList *list = strcmp(name, "files") == 0             ? &set->files
					 : strcmp(name, "recipient") == 0       ? &set->recipient
					 : strcmp(name, "recipients-file") == 0 ? &set->recipients_file
															: NULL;

	if (list == NULL)
		file->ok = report_error(
			EXIT_USAGE, NULL, "A set has \"files\", \"recipient\" and \"recipients-file\".",
			"unknown key \"%s\" in file \"%s\", line %zu", key->name, file->path, key->line);
	else if (list->count > 0)
	{
		file->ok =
			report_error(EXIT_USAGE, NULL, NULL, "duplicate key \"%s\" in file \"%s\", line %zu",
						 key->name, file->path, key->line);
		return NULL;
	}
	return list;
}

/* Read the value of one key of a set's mapping. */
static bool
read_set_member(SettingsFile *file, const Key *key, TextList *list)
{
	yaml_event_t event;
	yaml_event_type_t type;
	bool filled;

	if (!next_event(file, &event))
		return false;
	type = event.type;
	filled = type == YAML_SCALAR_EVENT && !is_null(&event);
	if (filled)
		add_text(list, &event);
	yaml_event_delete(&event);
	if (type == YAML_SEQUENCE_START_EVENT)
		return read_set_list(file, key, list);
	if (!filled)
		report_value(file, key, "It must be a value or a list of values.");
	return filled;
}

/* The next key of a mapping below `prefix`; its name is NULL at the end.  False if it is none. */
static bool
next_key(SettingsFile *file, const char *prefix, Key *key)
{
	yaml_event_t event;
	yaml_event_type_t type;

	key->name = NULL;
	if (!next_event(file, &event))
		return false;
	type = event.type;
	key->line = event_line(&event);
	if (type == YAML_SCALAR_EVENT)
		key->name = xasprintf("%s: %s", prefix, (const char *) event.data.scalar.value);
	yaml_event_delete(&event);
	if (type != YAML_SCALAR_EVENT && type != YAML_MAPPING_END_EVENT)
		file->ok = report_error(EXIT_USAGE, "Keys must be plain words.", NULL,
								"invalid key in file \"%s\", line %zu", file->path, key->line);
	return type == YAML_SCALAR_EVENT || type == YAML_MAPPING_END_EVENT;
}

/* Read "{files: [path, …], recipient: …}" of one set, whose mapping was just begun. */
static bool
read_set_mapping(SettingsFile *file, const Key *set_key, FileSet *set)
{
	for (;;)
	{
		TextList *list;
		bool readable;
		Key key;

		if (!next_key(file, set_key->name, &key))
			return false;
		if (key.name == NULL)
			return true;
		list = set_member(file, &key, key.name + strlen(set_key->name) + strlen(": "), set);
		readable = list != NULL && read_set_member(file, &key, list);
		free(key.name);
		if (!readable)
			return false;
	}
}

/* Read the value of one set. */
static bool
read_set(SettingsFile *file, const Key *key, FileSet *set)
{
	yaml_event_t event;
	yaml_event_type_t type;

	if (!next_event(file, &event))
		return false;
	type = event.type;
	yaml_event_delete(&event);
	if (type == YAML_SEQUENCE_START_EVENT)
		return read_set_list(file, key, &set->files);
	if (type == YAML_MAPPING_START_EVENT)
		return read_set_mapping(file, key, set);
	report_value(file, key, "A set is a list of paths and patterns, or has them as its \"files\".");
	return false;
}

static bool
has_set(const FileSets *sets, const char *name)
{
	int i;

	for (i = 0; i < sets->count; i++)
	{
		if (strcmp(sets->items[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Read "file-sets: {name: [path, …], …}", whose mapping was just begun. */
static bool
read_file_sets(SettingsFile *file)
{
	FileSets *sets = &file->settings->files.file_sets;
	int source = file->settings->general.source;

	for (;;)
	{
		FileSet *set;
		bool readable;
		Key key;

		if (!next_key(file, "file-sets", &key))
			return false;
		if (key.name == NULL)
			return true;
		if (has_set(sets, key.name + strlen("file-sets: ")))
			report_value(file, &key, "There is one of this name already.");
		sets->items = xrealloc(sets->items, sizeof(FileSet) * ((size_t) sets->count + 1));
		set = &sets->items[sets->count++];
		memset(set, 0, sizeof(*set));
		set->name = xstrdup(key.name + strlen("file-sets: "));
		set->recipient.source = set->recipients_file.source = source;
		readable = read_set(file, &key, set);
		free(key.name);
		if (!readable)
			return false;
	}
}

static bool read_mapping(SettingsFile *file, const char *prefix);

/* Read the settings of a named repository, as if they were those of all. */
static bool
read_repository_mapping(SettingsFile *file, const Key *key, NamedRepository *repository)
{
	AllSettings *settings = file->settings;
	AllSettings own;
	size_t lines[OPTION_MAX_COUNT];
	bool readable;

	settings_set_defaults(&own);
	memcpy(lines, file->lines, sizeof(lines));
	memset(file->lines, 0, sizeof(file->lines));
	file->settings = &own;
	file->repository = repository->name;
	readable = read_mapping(file, "");
	file->repository = NULL;
	file->settings = settings;
	memcpy(file->lines, lines, sizeof(lines));
	if (readable && own.general.repo == NULL)
		report_value(file, key, "It has no \"repo\", which says where it is.");
	repository->location = own.general.repo;
	repository->storage = own.storage;
	own.general.repo = NULL;
	memset(&own.storage, 0, sizeof(own.storage));
	settings_free(&own);
	return readable;
}

/* Add a repository of this name; NULL (reported) if there cannot be one. */
static NamedRepository *
add_repository(SettingsFile *file, const Key *key, const char *name)
{
	NamedRepositories *named = &file->settings->places.repositories;
	const char *problem = check_set_name(name);
	NamedRepository *repository;
	int i;

	for (i = 0; i < named->count && problem == NULL; i++)
	{
		if (strcmp(named->items[i].name, name) == 0)
			problem = "There is one of this name already.";
	}
	if (problem != NULL)
	{
		report_value(file, key, problem);
		return NULL;
	}
	named->items = xrealloc(named->items, sizeof(NamedRepository) * ((size_t) named->count + 1));
	repository = &named->items[named->count++];
	memset(repository, 0, sizeof(*repository));
	repository->name = xstrdup(name);
	return repository;
}

/* Read "repositories: {name: {repo: LOCATION, …}, …}", whose mapping was just begun. */
static bool
read_repositories(SettingsFile *file)
{
	for (;;)
	{
		NamedRepository *repository;
		yaml_event_t event;
		bool readable;
		Key key;

		if (!next_key(file, "repositories", &key))
			return false;
		if (key.name == NULL)
			return true;
		repository = add_repository(file, &key, key.name + strlen("repositories: "));
		readable = repository != NULL && next_event(file, &event);
		if (readable)
		{
			bool is_mapping = event.type == YAML_MAPPING_START_EVENT;

			yaml_event_delete(&event);
			if (!is_mapping)
				report_value(file, &key, "It must be a mapping with \"repo\".");
			readable = is_mapping && read_repository_mapping(file, &key, repository);
		}
		free(key.name);
		if (!readable)
			return false;
	}
}

/* Read the value of a key; false if the file cannot be read any further. */
static bool
read_value(SettingsFile *file, const Key *key)
{
	yaml_event_t event;
	yaml_event_type_t type;

	if (!next_event(file, &event))
		return false;
	type = event.type;
	if (type == YAML_SCALAR_EVENT)
		set_scalar(file, key, &event);
	yaml_event_delete(&event);
	if (type == YAML_SCALAR_EVENT)
		return true;
	if (type == YAML_MAPPING_START_EVENT && strcmp(key->name, "file-sets") == 0)
		return claim_line(file, key, &file->sets) ? read_file_sets(file) : skip_value(file);
	if (type == YAML_MAPPING_START_EVENT && strcmp(key->name, "repositories") == 0 &&
		file->repository == NULL)
		return claim_line(file, key, &file->repositories) ? read_repositories(file)
														  : skip_value(file);
	if (type == YAML_MAPPING_START_EVENT && is_prefix(key->name))
		return read_mapping(file, key->name);

	if (type == YAML_SEQUENCE_START_EVENT && is_list(key))
		return read_list(file, key);

	if (claim_option(file, key) != NULL)
	{
		if (type == YAML_ALIAS_EVENT)
			report_value(file, key, "It must be written out; aliases are not supported.");
		else
			report_value(file, key, "It must be a single value, not a list or a mapping.");
	}
	return type == YAML_ALIAS_EVENT || skip_value(file);
}

/* A key's full name; underscores become dashes. */
static char *
key_name(const char *prefix, const char *text)
{
	char *name = xasprintf("%s%s%s", prefix, prefix[0] != '\0' ? "-" : "", text);
	char *c;

	for (c = name; *c != '\0'; c++)
	{
		if (*c == '_')
			*c = '-';
	}
	return name;
}

/* Read keys and values up to the end of the mapping; false if that cannot be reached. */
static bool
read_mapping(SettingsFile *file, const char *prefix)
{
	for (;;)
	{
		yaml_event_t event;
		yaml_event_type_t type;
		Key key = {NULL, 0};
		bool readable;

		if (!next_event(file, &event))
			return false;
		type = event.type;
		key.line = event_line(&event);
		if (type == YAML_SCALAR_EVENT)
			key.name = key_name(prefix, (const char *) event.data.scalar.value);
		yaml_event_delete(&event);
		if (type == YAML_MAPPING_END_EVENT)
			return true;
		if (type != YAML_SCALAR_EVENT)
		{
			file->ok = report_error(EXIT_USAGE, "A key must be a single word.", NULL,
									"invalid key in file \"%s\", line %zu", file->path, key.line);
			return false;
		}
		readable = read_value(file, &key);
		free(key.name);
		if (!readable)
			return false;
	}
}

static void
report_shape(SettingsFile *file, const char *detail, size_t line)
{
	file->ok = report_error(EXIT_USAGE, detail, "Write one \"key: value\" a line.",
							"invalid contents of file \"%s\", line %zu", file->path, line);
}

/* Read the whole file, which may be empty. */
static void
read_stream(SettingsFile *file)
{
	int documents = 0;
	bool more = true;

	while (more)
	{
		yaml_event_t event;
		yaml_event_type_t type;
		size_t line;
		bool empty;

		if (!next_event(file, &event))
			return;
		type = event.type;
		line = event_line(&event);
		empty = type == YAML_SCALAR_EVENT && is_null(&event);
		yaml_event_delete(&event);
		switch (type)
		{
			case YAML_STREAM_END_EVENT:
				more = false;
				break;
			case YAML_DOCUMENT_START_EVENT:
				more = ++documents == 1;
				if (!more)
					report_shape(file, "It holds more than one YAML document.", line);
				break;
			case YAML_MAPPING_START_EVENT:
				more = read_mapping(file, "");
				break;
			case YAML_SCALAR_EVENT:
			case YAML_SEQUENCE_START_EVENT:
				more = empty;
				if (!more)
					report_shape(file, "Settings are a mapping of keys to values.", line);
				break;
			default:
				break;
		}
	}
}

/* Open a regular file, pipe or device; NULL (reported) if it cannot be read. */
static FILE *
open_file(const char *path)
{
	const char *hint = NULL;
	struct stat status;
	int descriptor = named_file_open(path, &status);
	int error = descriptor < 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
	FILE *stream = error == 0 ? fdopen(descriptor, "r") : NULL;

	if (stream != NULL)
		return stream;
	if (error == 0)
		error = errno;
	if (descriptor >= 0)
		close(descriptor);
	if (strcmp(path, SETTINGS_DEFAULT_FILE) == 0)
		hint = "To do without it, use --config=/dev/null.";
	report_error(named_file_exit_code(error), NULL, hint,
				 "could not read configuration file \"%s\": %s", path, strerror(error));
	return NULL;
}

bool
settings_read_file(const char *path, AllSettings *settings)
{
	SettingsFile file;
	FILE *stream = open_file(path);

	if (stream == NULL)
		return false;
	memset(&file, 0, sizeof(file));
	file.path = path;
	file.settings = settings;
	file.stream = stream;
	file.ok = true;
	if (!yaml_parser_initialize(&file.parser))
		file.ok = report_error(EXIT_FAILED, NULL, NULL, "out of memory");
	else
	{
		yaml_parser_set_input_file(&file.parser, stream);
		read_stream(&file);
		yaml_parser_delete(&file.parser);
	}
	fclose(stream);
	free(settings->file_lines);
	settings->file_lines = xmalloc(sizeof(file.lines));
	memcpy(settings->file_lines, file.lines, sizeof(file.lines));
	return file.ok;
}
