/*-------------------------------------------------------------------------
 *
 * selection_lost.h
 *	  What is neither restored nor there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_LOST_H
#define NEX_SELECTION_LOST_H

#include "chosen.h"

/* What DROP … CASCADE took of an entry that is not restored. */
typedef enum Lost
{
	LOST_NOTHING,
	LOST_PARTS, /* it is there, without what used something that was dropped */
	LOST_ALL
} Lost;

/*
 * Find what is neither restored nor there because something
 * that it uses was not there; and the line that says so, which the caller frees.
 */
extern void selection_find_lost(Selection *selection);
extern char *selection_lost_line(const Selection *selection, const TocEntry *entry);

/* Is it a policy without which more rows are visible? */
extern bool selection_is_restrictive(const TocEntry *entry);

#endif /* NEX_SELECTION_LOST_H */
