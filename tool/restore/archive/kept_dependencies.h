/*-------------------------------------------------------------------------
 *
 * kept_dependencies.h
 *	  Dependencies that a backup has beside its archive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KEPT_DEPENDENCIES_H
#define NEX_KEPT_DEPENDENCIES_H

#include "archive_toc.h"

/* The longest member of them that is read. */
#define KEPT_DEPENDENCIES_LIMIT (UINT64_C(64) * 1024 * 1024)

/*
 * Let the entries depend on what the archive does not say: as the backup has it,
 * or, if it was made before backups had that, as the definitions name it.  False
 * (reported) on damage.
 */
extern bool kept_dependencies_add(Repository *repository, const Manifest *manifest,
								  ArchiveToc *toc);

/*
 * The lines of the member, which the parsing changes; NULL, or what is wrong with them.  Do
 * they have what depends on something by way of a function without an entry?
 */
extern const char *kept_dependencies_parse(ArchiveToc *toc, char *text, bool *functions);

#endif /* NEX_KEPT_DEPENDENCIES_H */
