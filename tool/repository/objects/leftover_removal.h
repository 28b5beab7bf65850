/*-------------------------------------------------------------------------
 *
 * leftover_removal.h
 *	  Remove files that no backup needs.
 *
 * Apart from leftovers.h, which finds them and harms nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEFTOVER_REMOVAL_H
#define NEX_LEFTOVER_REMOVAL_H

#include "leftovers.h"

/*
 * Remove what was found, as long as the exclusive lock is held; where that can be lost,
 * only those that have waited for a day.  The numbers and bytes are
 * then those of what was removed.  False (reported) at the first failure.
 */
extern bool leftovers_remove(Repository *repository, const StoreLock *lock, Leftovers *leftovers);

/* A dry run: keep in the list what leftovers_remove() would remove now.  False: reported. */
extern bool leftovers_expect(Repository *repository, Leftovers *leftovers);

#endif /* NEX_LEFTOVER_REMOVAL_H */
