/*-------------------------------------------------------------------------
 *
 * place_settings.h
 *	  Settings: repositories that have a name in the settings file, each with
 *	  its own location and its own ways to reach it.
 *
 * A name, and not options for a second place: it serves a copy to another
 * provider, a job in the catalog, which holds no settings and no paths of
 * files, and --repo of any other command.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLACE_SETTINGS_H
#define NEX_PLACE_SETTINGS_H

#include "storage_settings.h"

typedef struct NamedRepository
{
	char *name;
	char *location;
	StorageSettings storage;
} NamedRepository;

typedef struct NamedRepositories
{
	NamedRepository *items;
	int count;
} NamedRepositories;

typedef struct PlaceSettings
{
	NamedRepositories repositories;    /* "repositories" of the settings file */
	const NamedRepository *repository; /* the one of general->repo; NULL: that was a location */
	TextList others; /* further --repo of the command line, in their order: names or locations */
} PlaceSettings;

#endif /* NEX_PLACE_SETTINGS_H */
