/*-------------------------------------------------------------------------
 *
 * backup_all.h
 *	  nex_backup backup --all
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_ALL_H
#define NEX_BACKUP_ALL_H

#include "repository.h"

typedef struct Settings Settings;

/* Back up the globals and every database; false unless all of it succeeded. */
extern bool backup_all(const Settings *settings, Repository *repository);

#endif /* NEX_BACKUP_ALL_H */
