/*-------------------------------------------------------------------------
 *
 * selection_casts.h
 *	  Casts of a part.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_CASTS_H
#define NEX_SELECTION_CASTS_H

#include "chosen.h"

/*
 * Does a cast come with what is restored; and is it neither
 * restored nor there, although what is restored could use it?
 */
extern bool selection_cast_comes(const Selection *selection, const TocEntry *cast);
extern bool selection_cast_is_lost(const Selection *selection, const TocEntry *cast);

#endif /* NEX_SELECTION_CASTS_H */
