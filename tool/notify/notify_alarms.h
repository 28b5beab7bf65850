/*-------------------------------------------------------------------------
 *
 * notify_alarms.h
 *	  Alarms that the scheduler has raised in the catalog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_ALARMS_H
#define NEX_NOTIFY_ALARMS_H

#include <stdbool.h>

#include "backup_name.h"
#include "repository.h"

typedef struct Settings Settings;

/*
 * Make messages of the alarms in the catalog that --catalogue names, unless
 * the run itself has already reported the same.  What goes wrong is a
 * warning; but false (reported) if another process holds the alarms and does
 * not end.
 */
extern bool notify_take_alarms(const Settings *settings);

/*
 * Whose backups in a repository the catalog that --catalogue names knows; none if it cannot be
 * asked, which is a warning.  Free *owners; their ids are empty.
 */
extern void notify_catalogue_owners(const Settings *settings, const char *repository,
									BackupName **owners, int *count);

#endif /* NEX_NOTIFY_ALARMS_H */
