/*-------------------------------------------------------------------------
 *
 * toc_walk.h
 *	  A walk over entries of an archive, each visited once.
 *
 * What depends on what a tenant decides, who can make a chain of 100,000
 * functions, or views of which each has two ways to the one before.  So a walk
 * is not a recursion, which the stack would end, and knows where it was.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TOC_WALK_H
#define NEX_TOC_WALK_H

#include "archive_toc.h"

typedef struct TocWalk
{
	bool *seen; /* by place: added at some time */
	const TocEntry **pending;
	uint32_t count;
	uint32_t allocated;
} TocWalk;

/* toc_walk_end() it. */
extern void toc_walk_begin(TocWalk *walk, const ArchiveToc *toc);
extern void toc_walk_end(TocWalk *walk);

/* This one is to be visited, unless it was added before; NULL is fine.  False: it is not. */
extern bool toc_walk_add(TocWalk *walk, const TocEntry *entry);

/* Not to be visited, as if it had been; false if it was added before. */
extern bool toc_walk_skip(TocWalk *walk, const TocEntry *entry);

/* The next one to be visited; NULL: there is none left. */
extern const TocEntry *toc_walk_next(TocWalk *walk);

#endif /* NEX_TOC_WALK_H */
