/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Where a repository is and how it is reached.
 *
 *-------------------------------------------------------------------------
 */
#include "place.h"

#include <string.h>

#include "general_settings.h"
#include "log.h"
#include "options.h"
#include "place_settings.h"
#include "settings.h"

const NamedRepository *
named_repository(const Settings *settings, const char *name)
{
	const NamedRepositories *named = &settings->places->repositories;
	int i;

	for (i = 0; name != NULL && i < named->count; i++)
	{
		if (strcmp(named->items[i].name, name) == 0)
			return &named->items[i];
	}
	return NULL;
}

/* The place of a named repository, or of a location. */
static Place
make_place(const Settings *settings, const NamedRepository *named, const char *location)
{
	return named != NULL ? (Place){named->location, &named->storage}
						 : (Place){location, settings->storage};
}

Place
place_of(const Settings *settings, const char *text)
{
	return make_place(settings, named_repository(settings, text), text);
}

Place
place_of_repository(const Settings *settings)
{
	return make_place(settings, settings->places->repository, settings->general->repo);
}

/* The same location, with slashes at the end or without. */
static bool
is_location(const char *location, const char *text)
{
	size_t length = strlen(text);

	while (length > 1 && text[length - 1] == '/')
		length--;
	return location != NULL && strncmp(location, text, length) == 0 &&
		   strspn(location + length, "/") == strlen(location + length);
}

bool
place_is_repository(const Settings *settings, const char *text)
{
	const NamedRepository *named = named_repository(settings, text);

	return is_location(place_of_repository(settings).location,
					   named != NULL ? named->location : text);
}

bool
place_is_known(const Settings *settings, const char *text)
{
	const NamedRepositories *named = &settings->places->repositories;
	bool known = named_repository(settings, text) != NULL || place_is_repository(settings, text);
	int i;

	for (i = 0; !known && i < named->count; i++)
		known = is_location(named->items[i].location, text);
	return known;
}

/* The first option of buckets on the command line; NULL: none. */
static const Option *
given_option(const Settings *settings)
{
	const bool *given = settings->general->on_command_line;
	int i;

	for (i = 0; given != NULL && i < option_count; i++)
	{
		if (given[i] && option_table[i].group == GROUP_STORAGE)
			return &option_table[i];
	}
	return NULL;
}

bool
place_options_meant(const Settings *settings, const Place *places, int count)
{
	const Option *option = given_option(settings);
	int i;

	if (option == NULL)
		return true;
	for (i = 0; i < count; i++)
	{
		if (places[i].storage == settings->storage)
			return true;
	}
	return report_error(EXIT_USAGE, NULL,
						"Set it for the repository in the settings file, or name its location.",
						"option \"--%s\" is not for a repository that is named in the settings "
						"file",
						option->name);
}
