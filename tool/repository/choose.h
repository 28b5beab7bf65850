/*-------------------------------------------------------------------------
 *
 * choose.h
 *	  Which backup is the latest: by the time of its snapshot, which is the
 *	  server's, and never by its id, which is made from the clock of a host.
 *
 * This is the only place that decides it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CHOOSE_H
#define NEX_CHOOSE_H

#include "backup_name.h"
#include "repository.h"

/*
 * Of the backups of one owner, the latest whose snapshot is not after `at`
 * (NULL: the latest); NULL if there is none.  Warns if the backups show that
 * a clock is or was wrong.
 */
extern const BackupName *repository_choose(Repository *repository, const BackupName *names,
										   int count, const double *at);
extern const BackupName *repository_choose_quietly(Repository *repository, const BackupName *names,
												   int count);

/* Put the backups of each owner, which lie together, into the order of their snapshots. */
extern void repository_sort(Repository *repository, BackupName *names, int count);

/* Seconds since 1970 of a backup's snapshot; of a damaged one those of its id. */
extern double backup_snapshot_time(Repository *repository, const BackupName *name);

#endif /* NEX_CHOOSE_H */
