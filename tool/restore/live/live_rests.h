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

/* By place: does an entry rest on this one, or is it that, by dependencies alone?  Caller frees. */
extern bool *live_code_resting(const Selection *selection, const TocEntry *used);

/* Is it the function of a cast of the archive? */
extern bool live_code_is_of_cast(const Selection *selection, const TocEntry *function);

/* What tables depend on that is computed when they are made; each is read once. */
typedef struct ComputedNeeds ComputedNeeds;

extern ComputedNeeds *computed_needs_new(const Selection *selection);
extern void computed_needs_free(ComputedNeeds *needs);

/* Is any of what the table may compute among the entries that are marked by place? */
extern bool computed_needs_are_among(ComputedNeeds *needs, const TocEntry *table,
									 const bool *marked);

#endif /* NEX_LIVE_RESTS_H */
