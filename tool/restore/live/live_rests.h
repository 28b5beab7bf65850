/*-------------------------------------------------------------------------
 *
 * live_rests.h
 *	  What an entry of the archive rests on, by whatever way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_RESTS_H
#define NEX_LIVE_RESTS_H

#include "archive_toc.h"
#include "chosen.h"
#include "restore_plan.h"

/*
 * False (reported) if something that is restored calls a function
 * behind which there is something of a third role.
 */
extern bool live_rests_check(const RestorePlan *plan, const PGresult *superusers);

/* Does the entry rest on the other one, by whatever way? */
extern bool live_code_rests_on(const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used);

/* Is it the function of a cast of the archive? */
extern bool live_code_is_of_cast(const Selection *selection, const TocEntry *function);

#endif /* NEX_LIVE_RESTS_H */
