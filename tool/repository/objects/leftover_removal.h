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

/*
 * Something that works each time when expire comes, as a copy over a slow line,
 * keeps all leftovers, while each expire ends well.  So REPO/lock/in_use_since
 * says when that was first so; leftovers_remove() forgets it.
 */
#define IN_USE_HINT                                                                                \
	"An expire that begins while no backup, copy, restore or verification works with the "         \
	"repository removes them: run it at another time."

/* Since when, in seconds since 1970; 0: it is not so. */
extern double in_use_since(const Repository *repository);

/* It is so again; since when. */
extern double in_use_note(const Repository *repository);

/* Is that so long ago that it is worth a warning (ages.h)? */
extern bool in_use_too_long(double since);

#endif /* NEX_LEFTOVER_REMOVAL_H */
