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

/* Is the role a superuser there? */
extern bool existing_objects_is_superuser(const ExistingObjects *existing, const char *role);

/* Is there a table, view, sequence or index of this name? */
extern bool existing_objects_has_relation(const ExistingObjects *existing, const char *schema,
										  const char *name);

/* Its oid, or NULL. */
extern const char *existing_objects_relation(const ExistingObjects *existing, const char *schema,
											 const char *name);

/* Is there what this entry would create?  False for what is no object of its own. */
extern bool existing_objects_has(const ExistingObjects *existing, const TocEntry *entry);

/* Is something there under a name that the entry, or the index of a constraint, would get? */
extern bool existing_objects_has_as(const ExistingObjects *existing, const TocEntry *entry,
									const char *schema, const char *name);

/* Is a part of a table or domain there, by its own name and that of the whole: a default,
 * constraint, trigger, rule, policy? */
extern bool existing_objects_has_part(const ExistingObjects *existing, const TocEntry *entry);

/* What has the name of an entry; valid as long as what it was found in. */
typedef struct FoundObject
{
	const char *owner;      /* "" if it has none */
	const char *other_kind; /* what it is, if not what the entry is ("view"), or NULL */
	const char *schema;     /* that the objects of an extension are in; of all else "" */
	const char *oid;
} FoundObject;

/* Is it there? */
extern bool existing_objects_find(const ExistingObjects *existing, const TocEntry *entry,
								  FoundObject *found);

/* Has the session the rights of the role; NULL: of a superuser? */
extern bool existing_objects_may_act_as(const ExistingObjects *existing, const char *role);

/* The catalogs that have them, by number; NULL behind the last. */
extern const char *existing_objects_catalog(int number);

/* Is an entry in the catalog of this number? */
extern bool existing_objects_is_in(const TocEntry *entry, int number);

/* The catalog that an entry's object is in; NULL if it is not found by its name. */
extern const char *existing_objects_catalog_of(const TocEntry *entry);

#endif /* NEX_EXISTING_OBJECTS_H */
