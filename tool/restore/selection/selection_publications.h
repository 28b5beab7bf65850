/*-------------------------------------------------------------------------
 *
 * selection_publications.h
 *	  Changes of publications that the session may not change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_PUBLICATIONS_H
#define NEX_SELECTION_PUBLICATIONS_H

#include "chosen.h"

/*
 * Take out changes of publications that the session
 * may not change; the line that says so, or NULL, which the caller frees.
 */
extern void selection_take_out_publications(Selection *selection);
extern char *selection_publication_line(const Selection *selection, const TocEntry *entry);

#endif /* NEX_SELECTION_PUBLICATIONS_H */
