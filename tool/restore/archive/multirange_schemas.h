/*-------------------------------------------------------------------------
 *
 * multirange_schemas.h
 *	  The schemas of multirange types, which the archive does not say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MULTIRANGE_SCHEMAS_H
#define NEX_MULTIRANGE_SCHEMAS_H

#include "archive_toc.h"

/* Let the entries of range types depend on the schemas of their multirange types. */
extern void multirange_schemas_add(ArchiveToc *toc);

#endif /* NEX_MULTIRANGE_SCHEMAS_H */
