/*-------------------------------------------------------------------------
 *
 * partial.h
 *	  Restoring a part of a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PARTIAL_H
#define NEX_PARTIAL_H

#include "rename.h"
#include "selection.h"

/* Do the settings ask for less than a whole database? */
extern bool partial_is_wanted(const Settings *settings);

/* Restore the part into the new database, or into the one that exists. */
extern bool partial_run(RestorePlan *plan);

#endif /* NEX_PARTIAL_H */
