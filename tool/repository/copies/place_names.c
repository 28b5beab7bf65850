/*-------------------------------------------------------------------------
 *
 * place_names.c
 *	  Are two places apart?
 *
 *-------------------------------------------------------------------------
 */
#include "place_names.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "location.h"
#include "log.h"
#include "memory.h"
#include "place.h"
#include "storage_settings.h"

/* The path without links, as far as there is anything of it; caller frees. */
static char *
real_path(const char *directory)
{
	char *path = xstrdup(directory);
	char *found = NULL;
	char *whole;
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	for (;;)
	{
		char *slash = strrchr(path, '/');

		found = realpath(path[0] != '\0' ? path : ".", NULL);
		if (found != NULL || slash == path || path[0] == '\0')
			break;
		*(slash != NULL ? slash : path) = '\0';
	}
	length = strlen(path);
	whole = xasprintf("%s%s%s", found != NULL ? found : path,
					  directory[length] != '/' && directory[length] != '\0' ? "/" : "",
					  directory + length);
	free(found);
	free(path);
	return whole;
}

/* A text by which two places can be compared; caller frees.  Two servers may have buckets of one
 * name. */
static char *
name_of(const Place *place)
{
	const char *text = place->location;
	const char *server = place->storage->repo_endpoint;
	Location location;
	char *name;
	size_t length;

	if (location_parse(text, &location) != NULL)
		return xstrdup(text);
	if (location.kind == LOCATION_DIRECTORY)
		name = real_path(location.directory);
	else
		name = xasprintf("%d:%s:%s/%s:%d/%s", (int) location.kind, server != NULL ? server : "",
						 location.account != NULL ? location.account : "", location.bucket,
						 location.port, location.prefix);
	location_free(&location);
	length = strlen(name);
	while (length > 1 && name[length - 1] == '/')
		name[--length] = '\0';
	return name;
}

static bool
lies_in(const char *inner, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(inner, outer, length) == 0 &&
		   (inner[length] == '/' || (length == 1 && outer[0] == '/'));
}

/* One directory by two paths, as a bind mount gives it a second one. */
static bool
same_directory(const char *a, const char *b)
{
	struct stat one;
	struct stat other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
		   one.st_ino == other.st_ino;
}

bool
places_apart(const Place *from, const Place *to)
{
	char *a = name_of(from);
	char *b = name_of(to);
	bool same = strcmp(a, b) == 0 || same_directory(a, b);
	bool within = lies_in(a, b) || lies_in(b, a);

	free(a);
	free(b);
	if (same)
		return report_error(EXIT_USAGE, NULL, "Name another place.",
							"\"%s\" and \"%s\" are the same place", from->location, to->location);
	return !within ||
		   report_error(EXIT_USAGE, NULL, "Name a place outside of it.",
						"one of \"%s\" and \"%s\" lies in the other", from->location, to->location);
}
