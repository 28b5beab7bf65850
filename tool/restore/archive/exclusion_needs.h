/*-------------------------------------------------------------------------
 *
 * exclusion_needs.h
 *	  What exclusion constraints use, which the archive does not say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXCLUSION_NEEDS_H
#define NEX_EXCLUSION_NEEDS_H

#include "archive_toc.h"

/* Let the entries of exclusion constraints depend on what their texts name. */
extern void exclusion_needs_add(ArchiveToc *toc);

#endif /* NEX_EXCLUSION_NEEDS_H */
