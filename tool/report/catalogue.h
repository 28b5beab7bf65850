/*-------------------------------------------------------------------------
 *
 * catalogue.h
 *	  Tell the extension's catalog what was done, if there is one.
 *
 * The catalog is a mirror: whatever goes wrong here is a warning at most,
 * never a failed backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CATALOGUE_H
#define NEX_CATALOGUE_H

#include <jansson.h>
#include <stdbool.h>

#include "repository.h"

typedef struct Settings Settings;

typedef enum CatalogueEvent
{
	EVENT_BACKUP,
	EVENT_VERIFY,
	EVENT_RESTORE,
	EVENT_EXPIRE,
	EVENT_COPY
} CatalogueEvent;

/*
 * Record an event through nex_backup.record(event text, payload jsonb) in
 * the first database that has the extension: --catalogue, or the database
 * that it is about, then postgres.  `payload` is taken over.  Without an
 * owner it is about no database in particular, and notifications are told of
 * the run as a whole only.
 */
extern void catalogue_record(const Settings *settings, CatalogueEvent event, const Owner *owner,
							 json_t *payload);

/*
 * The parts that all payloads share: repository, database, backup, started,
 * finished, state, error.  `started` is that of utc_now_exact(): with it the
 * catalog tells runs apart, and a script may begin many in one second.
 */
extern json_t *catalogue_payload(const Repository *repository, const Owner *owner,
								 const char *backup, const char *started);

/*
 * What a catalog calls it: "db", "" the globals, "LABEL@db" of another server, "main@a@db" if
 * "a@db" could be that; null for files.
 */
extern json_t *catalogue_database(const Owner *owner);

/* That these are all backups that the repository holds, so that the others are gone, where it can
 * be told. */
extern void catalogue_add_present(const Settings *settings, json_t *payload,
								  Repository *repository);

/* Where a copy went. */
typedef struct CataloguePlace
{
	const char *name; /* as it was given */
	const char *location;
	const Repository *repository; /* NULL: it could not be opened */
	const char *newest;           /* id of the newest backup that is known to be there, or NULL */
} CataloguePlace;

extern void catalogue_add_place(json_t *payload, const CataloguePlace *place);

/* What a finished backup adds: sizes, rows, server, per-table summary. */
extern void catalogue_add_manifest(json_t *payload, const Manifest *manifest);

#endif /* NEX_CATALOGUE_H */
