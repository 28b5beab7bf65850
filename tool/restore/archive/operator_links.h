/*-------------------------------------------------------------------------
 *
 * operator_links.h
 *	  The commutators and negators of operators, which the archive does not say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OPERATOR_LINKS_H
#define NEX_OPERATOR_LINKS_H

#include "archive_toc.h"

/* Let the entries of operators depend on their commutators and negators, be they later ones. */
extern void operator_links_add(ArchiveToc *toc);

#endif /* NEX_OPERATOR_LINKS_H */
