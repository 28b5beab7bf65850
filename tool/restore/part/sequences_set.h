/*-------------------------------------------------------------------------
 *
 * sequences_set.h
 *	  Giving sequences their values, in a restore of a part of a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEQUENCES_SET_H
#define NEX_SEQUENCES_SET_H

#include "rename.h"

/* Set the sequences that were restored, under their new names if `map` has some. */
extern bool sequences_set(const RestorePlan *plan, Connection *connection, const RenameMap *map);

/*
 * Move the sequences of the chosen tables forward to where they were at the
 * backup; never backward.
 */
extern bool sequences_advance(const RestorePlan *plan, Connection *connection);

#endif /* NEX_SEQUENCES_SET_H */
