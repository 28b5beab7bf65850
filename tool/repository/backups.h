/*-------------------------------------------------------------------------
 *
 * backups.h
 *	  The backups of a repository: read, published, removed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUPS_H
#define NEX_BACKUPS_H

#include "backup_name.h"
#include "repository_state.h"

/*
 * Read and check a manifest and its .sha256; reports (exit 3, file name) and gives NULL if damaged.
 * One that was removed meanwhile is an error, too (exit 1).
 */
extern Manifest *repository_manifest(Repository *repository, const BackupName *name);

/*
 * The same without the report: *error is to be freed.  What could not be read,
 * which is no damage, has been named by a warning, and manifest_unreadable is set.
 */
extern Manifest *repository_manifest_try(Repository *repository, const BackupName *name,
										 char **error);

/*
 * The two halves of that apart, for whoever goes on after damage: the
 * manifest without its .sha256, and whether the .sha256 is what the manifest
 * implies.  *error is to be freed.
 */
extern Manifest *repository_manifest_alone(Repository *repository, const BackupName *name,
										   char **error);

/* The former, with the bytes that are stored. */
extern Manifest *repository_manifest_stored(Repository *repository, const BackupName *name,
											Buffer *json, char **error);
extern bool repository_check_listing(Repository *repository, const BackupName *name,
									 const Manifest *manifest, char **error);

/* The same for who needs what is inside: reports, too, if an encrypted one stays locked. */
extern Manifest *repository_manifest_inside(Repository *repository, const BackupName *name);

/* Choose an id that is free; the time is now. */
extern bool repository_new_id(Repository *repository, const Owner *owner, char id[BACKUP_ID_SIZE]);

/*
 * Was a backup that was found before removed meanwhile?  expire does not wait for whoever reads
 * manifests; a lock keeps objects only.
 */
extern bool repository_was_removed(Repository *repository, const BackupName *name);

/* Is there a manifest of it?  False (reported) if that cannot be found out. */
extern bool repository_has_backup(Repository *repository, const BackupName *name, bool *exists);

/* Publish: .sha256, then the manifest.  The objects must be durable.  After this the backup exists.
 */
extern bool repository_publish(Repository *repository, const Manifest *manifest);

/*
 * Note that there are backups of this owner, so that a directory that is empty later is known to be
 * that of a disk that is missing.  True: what cannot be noted is no failure.
 */
extern bool repository_note_published(const Repository *repository, const Owner *owner);

/* Un-publish: manifest, then its companions.  Objects stay. */
extern bool repository_remove_backup(Repository *repository, const BackupName *name);

#endif /* NEX_BACKUPS_H */
