/*-------------------------------------------------------------------------
 *
 * live_types.h
 *	  Values in definitions of a backup that the live database's types read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_TYPES_H
#define NEX_LIVE_TYPES_H

#include "partial.h"

/*
 * See that no literal, partition bound or initial condition of the part is
 * read by the code of a type that others can change.  False (reported) if one
 * would be.
 */
extern bool live_types_check(const RestorePlan *plan, Connection *connection);

/* live_code.c: does the entry rest on the other one, by whatever way? */
extern bool live_code_rests_on(const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used);

/* live_code.c: report that the entry cannot be restored; always false. */
extern bool live_code_refuse(const TocEntry *entry, const char *detail);

#endif /* NEX_LIVE_TYPES_H */
