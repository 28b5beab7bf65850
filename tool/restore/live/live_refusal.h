/*-------------------------------------------------------------------------
 *
 * live_refusal.h
 *	  Refusing an entry that would run code of the live database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_REFUSAL_H
#define NEX_LIVE_REFUSAL_H

#include <stdbool.h>

#include "archive_toc.h"

/* Report that the entry cannot be restored; always false. */
extern bool live_code_refuse(const TocEntry *entry, const char *detail);

#endif /* NEX_LIVE_REFUSAL_H */
