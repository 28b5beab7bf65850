/*-------------------------------------------------------------------------
 *
 * selection.h
 *	  The part of a backup that is to be restored: what was asked for, what
 *	  belongs to it, and what it needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_H
#define NEX_SELECTION_H

#include "chosen.h"

typedef struct Settings Settings;

/*
 * Choose by the settings' --table, --schema and --exclude-table, then follow
 * the dependencies.  False (reported) if a pattern is none or matches nothing.
 * The toc must be loaded before.
 */
extern bool selection_make(Selection *selection, const Settings *settings);
extern void selection_free(Selection *selection);

/* Report the objects that are restored under a name that is taken; true if there are none. */
extern bool selection_check_existing(const Selection *selection);

/* Empty the lines: rows alone leave out nothing. */
extern void selection_forget_report(Selection *selection);

#endif /* NEX_SELECTION_H */
