/*-------------------------------------------------------------------------
 *
 * condemned.h
 *	  Files that no backup needs, where locks can be lost: they are noted first,
 *	  and removed by an expire that finds them still unneeded a day later.
 *
 * A program that is paused for longer than its lease lives may go on as if it
 * still had it, and publish a backup whose objects were removed meanwhile.  So
 * nothing is removed that became unneeded a short time ago, or was written
 * since it was noted.  Where the kernel keeps the locks there is no such wait.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONDEMNED_H
#define NEX_CONDEMNED_H

#include "leftovers.h"

/* Seconds, by the storage's clock, between the note and the removal. */
#define CONDEMNED_SECONDS 86400

/*
 * Note what was found, and leave in `leftovers` only what may be removed now;
 * the rest is counted in leftovers->waiting.  Under the exclusive lock, but on a
 * dry run, which notes nothing.  False (reported) if that cannot be read or written.
 */
extern bool condemned_sift(Repository *repository, Leftovers *leftovers, bool dry_run);

#endif /* NEX_CONDEMNED_H */
