/*-------------------------------------------------------------------------
 *
 * copy_locks.h
 *	  Locks against removal in the place that backups are copied to.
 *
 * As for a backup that is made there (removal_lock.h), all objects of a copied
 * one are locked for as long as its manifest.  Those that were there before may
 * be locked for less.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_LOCKS_H
#define NEX_COPY_LOCKS_H

#include "manifest.h"
#include "object_set.h"
#include "repository.h"

typedef struct CopyLocks
{
	Repository *to;
	ObjectSet locked;        /* by this run, of the server of this label */
	char server[LABEL_SIZE]; /* … */
} CopyLocks;

/* False (reported) if the place cannot lock files as it is told to. */
extern bool copy_locks_begin(CopyLocks *locks, Repository *to);
extern void copy_locks_free(CopyLocks *locks);

/*
 * Lock what a manifest names, but for these objects (positions, in order), which
 * were sent by this run, with their locks.  False: reported.
 */
extern bool copy_locks_extend(CopyLocks *locks, const Manifest *manifest, const uint32_t *sent,
							  size_t nsent);

#endif /* NEX_COPY_LOCKS_H */
