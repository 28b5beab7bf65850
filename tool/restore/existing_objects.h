/*-------------------------------------------------------------------------
 *
 * existing_objects.h
 *	  What is in the database that a part of a backup is restored into.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXISTING_OBJECTS_H
#define NEX_EXISTING_OBJECTS_H

#include "archive_toc.h"
#include "connection.h"

typedef struct ExistingObjects ExistingObjects;

/* NULL (reported) on failure. */
extern ExistingObjects *existing_objects_read(Connection *connection);
extern void existing_objects_free(ExistingObjects *existing);

/* Is there a table, view, sequence or index of this name? */
extern bool existing_objects_has_relation(const ExistingObjects *existing, const char *schema,
										  const char *name);

/* Is there what this entry would create?  False for what is no object of its own. */
extern bool existing_objects_has(const ExistingObjects *existing, const TocEntry *entry);

/*
 * Is it there?  *owner is its owner, "" if it has none; *other_kind tells what
 * it is if not what the entry is ("view"), or is NULL.
 */
extern bool existing_objects_find(const ExistingObjects *existing, const TocEntry *entry,
								  const char **owner, const char **other_kind);

#endif /* NEX_EXISTING_OBJECTS_H */
