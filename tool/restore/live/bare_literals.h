/*-------------------------------------------------------------------------
 *
 * bare_literals.h
 *	  Literals of a part that have no type in its text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BARE_LITERALS_H
#define NEX_BARE_LITERALS_H

#include "archive_toc.h"
#include "restore_plan.h"

/*
 * Does the definition have a literal without a type, and call a function or an
 * operator that is not PostgreSQL's own?
 */
extern bool bare_literals_have(const TocEntry *entry);

/* Before anything is restored: false (reported) if an entry of the part has. */
extern bool bare_literals_check(const RestorePlan *plan);

#endif /* NEX_BARE_LITERALS_H */
