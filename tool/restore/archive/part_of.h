/*-------------------------------------------------------------------------
 *
 * part_of.h
 *	  Which table, view or domain an entry of the archive is a part of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_OF_H
#define NEX_PART_OF_H

#include "archive_toc.h"

typedef struct PartOf
{
	bool of_domain;    /* of a relation otherwise */
	char *schema;      /* of what it is part of, */
	char *whole;       /* and its name */
	char *name_schema; /* where the part has its name; NULL if within the whole */
	char *name;        /* of the column, for a default; NULL if it has none: row security */
	char *child_schema;
	char *child; /* of TABLE ATTACH, which is a part of both tables; else NULL */
} PartOf;

/*
 * Read it from the text, which is the entry's definition, perhaps with names
 * changed (--as).  False if the entry is of no kind that is a part, or its text
 * is none that is known; then there is nothing to free.
 */
extern bool part_of_read(const TocEntry *entry, const char *text, PartOf *part);
extern void part_of_free(PartOf *part);

/* Is the entry, by its definition, a part of the other one? */
extern bool part_of_is(const TocEntry *entry, const TocEntry *whole);

/* Is it a foreign key to this table, which may be its own? */
extern bool part_of_refers_to(const TocEntry *key, const TocEntry *table);

/* Is it the query of a view, which stands by itself as a rule? */
extern bool part_of_is_view_query(const TocEntry *entry);

#endif /* NEX_PART_OF_H */
