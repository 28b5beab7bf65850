/*-------------------------------------------------------------------------
 *
 * base_backup.h
 *	  A base backup: all files of a server, which with the WAL behind them can
 *	  be brought to any moment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_BACKUP_H
#define NEX_BASE_BACKUP_H

#include "manifest.h"
#include "repository.h"

typedef struct Settings Settings;

/*
 * Make one.  NULL (reported) on failure; else it is published, and the caller
 * frees its manifest.  Pages that are damaged are reported, too (exit 3), but
 * the backup is there.
 */
extern Manifest *base_backup(const Settings *settings, Repository *repository);

#endif /* NEX_BASE_BACKUP_H */
