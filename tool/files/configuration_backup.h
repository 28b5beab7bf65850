/*-------------------------------------------------------------------------
 *
 * configuration_backup.h
 *	  Back up a set of configuration files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONFIGURATION_BACKUP_H
#define NEX_CONFIGURATION_BACKUP_H

#include "age_keys.h"
#include "configuration_sources.h"
#include "repository.h"

typedef struct Settings Settings;

/*
 * For whom files are encrypted: --recipient and --recipients-file, else those
 * of the set in the settings file, else those of all its settings, else those
 * of an encrypted repository.  False (reported) if there is nobody, or if
 * one is not a public key.  The caller frees in any case.
 */
extern bool configuration_recipients(const Settings *settings, const Repository *repository,
									 AgeRecipients *recipients);

/*
 * Back up these files as a backup of the set.  All or nothing: a file that
 * cannot be read fails the backup.  Gives the manifest that was published
 * (manifest_free() it), or NULL (reported).
 */
extern Manifest *configuration_backup(const Settings *settings, Repository *repository,
									  const char *set, char *const *paths, int npaths,
									  const ServerFiles *server, const AgeRecipients *recipients);

#endif /* NEX_CONFIGURATION_BACKUP_H */
