/*-------------------------------------------------------------------------
 *
 * place.h
 *	  Where a repository is and how it is reached, by the name or the location
 *	  that somebody gave.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLACE_H
#define NEX_PLACE_H

#include <stdbool.h>

typedef struct NamedRepository NamedRepository;
typedef struct Settings Settings;
typedef struct StorageSettings StorageSettings;

typedef struct Place
{
	const char *location;           /* NULL: none */
	const StorageSettings *storage; /* how it is reached, if that is a bucket */
} Place;

/* The repository that has a name in the settings file; NULL: none has this one. */
extern const NamedRepository *named_repository(const Settings *settings, const char *name);

/* What such a name means, or else a location. */
extern Place place_of(const Settings *settings, const char *text);

/* The repository of --repo. */
extern Place place_of_repository(const Settings *settings);

/* Is it the repository of these settings, --repo?  By its name or location. */
extern bool place_is_repository(const Settings *settings, const char *text);

/* Is it that one, or one that has a name there?  By its name or location.
 */
extern bool place_is_known(const Settings *settings, const char *text);

/*
 * The command line can only say how a repository is reached that it names by its
 * location.  False (reported, exit 2) if it says so and there is none among these.
 */
extern bool place_options_meant(const Settings *settings, const Place *places, int count);

#endif /* NEX_PLACE_H */
