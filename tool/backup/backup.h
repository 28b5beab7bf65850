/*-------------------------------------------------------------------------
 *
 * backup.h
 *	  Back up one database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_H
#define NEX_BACKUP_H

#include "repository.h"
#include "settings.h"

/*
 * Back up the database of the settings into the repository.  Gives the
 * manifest that was published (manifest_free() it), or NULL (reported); then
 * nothing was published.  *database receives the name of the database, also
 * on failure once it is known; caller frees.
 */
extern Manifest *backup_database(const Settings *settings, Repository *repository, char **database);

#endif /* NEX_BACKUP_H */
