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

typedef struct Settings Settings;

/*
 * Back up a database of the server that the settings name (NULL: the database
 * that they name) into the repository.  Gives the
 * manifest that was published (manifest_free() it), or NULL (reported); then
 * nothing was published.  *database receives the name of the database, also
 * on failure once it is known; caller frees.
 */
extern Manifest *backup_database(const Settings *settings, Repository *repository, const char *name,
								 char **database);

#endif /* NEX_BACKUP_H */
