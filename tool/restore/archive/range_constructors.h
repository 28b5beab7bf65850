/*-------------------------------------------------------------------------
 *
 * range_constructors.h
 *	  What calls the constructor of a range type, and so needs the type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RANGE_CONSTRUCTORS_H
#define NEX_RANGE_CONSTRUCTORS_H

#include "archive_toc.h"

/* Make entries depend on the range types whose constructors they call. */
extern void range_constructors_add(ArchiveToc *toc);

#endif /* NEX_RANGE_CONSTRUCTORS_H */
