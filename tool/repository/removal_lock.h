/*-------------------------------------------------------------------------
 *
 * removal_lock.h
 *	  Until when nobody shall be able to remove what is stored now.
 *
 * All files of a backup are locked until at least the same time, its
 * manifest exactly until then.  So the storage itself says, of one file, for how long
 * the objects that the next backup uses again are locked: nothing has to be noted
 * that somebody could forge, and no object has to be asked for.  Whenever that is
 * too short, the locks of all of them are made longer at once, by more than
 * is needed: so that is done about once in a quarter of the days.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REMOVAL_LOCK_H
#define NEX_REMOVAL_LOCK_H

#include "backup_name.h"
#include "repository_state.h"

/*
 * Decide for a backup that begins now, and uses objects of a previous one (NULL:
 * none).  False (reported) if the storage cannot lock files as it is told to.
 */
extern bool removal_lock_begin(Repository *repository, const BackupName *previous);

/*
 * Decide for what is no backup that is being made, such as WAL: as long as any
 * backup of this time may need.
 */
extern void removal_lock_longest(Repository *repository);

/* The locks of files that are used again; once they are known.  False: reported. */
extern bool removal_lock_extend(Repository *repository, char *const *paths, size_t count);

/* Can the storage lock files as it is told to?  False: reported. */
extern bool removal_lock_possible(const Repository *repository);

/* Until when a backup cannot be removed; 0: it can be. */
extern double removal_lock_of(const Repository *repository, const BackupName *name);

#endif /* NEX_REMOVAL_LOCK_H */
