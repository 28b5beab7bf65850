/*-------------------------------------------------------------------------
 *
 * backup_name.h
 *	  Which backup of a repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_NAME_H
#define NEX_BACKUP_NAME_H

#include <stdbool.h>

#include "names.h"
#include "owner.h"

/* One backup found by listing; its manifest is not read yet. */
typedef struct BackupName
{
	Owner owner;
	char id[BACKUP_ID_SIZE];
} BackupName;

extern bool backup_is_of_globals(const BackupName *name);

/* Are both of the same database, of the same set of files, or of the globals? */
extern bool backup_same_owner(const BackupName *a, const BackupName *b);

/* Letters, digits, "_" and "-", 32 at most. */
extern bool file_set_name_valid(const char *set);

/* "backups/<database>/<id><suffix>", "globals/<id><suffix>" or "config/<set>/<id><suffix>"; caller
 * frees. */
extern char *backup_path(const BackupName *name, const char *suffix);

#endif /* NEX_BACKUP_NAME_H */
