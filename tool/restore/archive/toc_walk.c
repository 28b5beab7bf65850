/*-------------------------------------------------------------------------
 *
 * toc_walk.c
 *	  A walk over entries of an archive, each visited once.
 *
 *-------------------------------------------------------------------------
 */
#include "toc_walk.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

void
toc_walk_begin(TocWalk *walk, const ArchiveToc *toc)
{
	memset(walk, 0, sizeof(*walk));
	walk->seen = xcalloc((size_t) toc->count + 1, sizeof(bool));
}

void
toc_walk_end(TocWalk *walk)
{
	free(walk->seen);
	free(walk->pending);
}

bool
toc_walk_skip(TocWalk *walk, const TocEntry *entry)
{
	if (entry == NULL || walk->seen[entry->place])
		return false;
	walk->seen[entry->place] = true;
	return true;
}

bool
toc_walk_add(TocWalk *walk, const TocEntry *entry)
{
	if (!toc_walk_skip(walk, entry))
		return false;
	if (walk->count == walk->allocated)
	{
		walk->allocated = walk->allocated == 0 ? 64 : walk->allocated * 2;
		walk->pending = xrealloc(walk->pending, walk->allocated * sizeof(TocEntry *));
	}
	walk->pending[walk->count++] = entry;
	return true;
}

const TocEntry *
toc_walk_next(TocWalk *walk)
{
	return walk->count > 0 ? walk->pending[--walk->count] : NULL;
}
