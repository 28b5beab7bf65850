/*-------------------------------------------------------------------------
 *
 * part_lists.h
 *	  Which entries of a part are restored together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_LISTS_H
#define NEX_PART_LISTS_H

#include "archive_toc.h"
#include "restore_plan.h"

/* What is run at once. */
typedef enum PartialList
{
	LIST_PRE_DATA,
	LIST_OBJECTS,     /* pre-data in two steps: objects, */
	LIST_GRANTS,      /* and grants, which come at the end in a database that exists, */
	LIST_RIGHTS,      /* but for those of pre-data on all but relations, */
	LIST_LATE_RIGHTS, /* and those after it (rights_meanwhile.c); */
	LIST_ATTACH,      /* there, partitions are attached after pre-data */
	LIST_POST_DATA,
	LIST_LATE,   /* see Selection.late */
	LIST_REFRESH /* and materialized views are filled when all else is done */
} PartialList;

/* Is the entry in this list? */
extern bool partial_is_in_list(const RestorePlan *plan, const TocEntry *entry, PartialList which);

/* Write a list of the chosen entries for pg_restore.  NULL (reported) on failure; caller frees. */
extern char *partial_list(const RestorePlan *plan, PartialList which);

/* The same for these entries, in the order of the archive. */
extern char *partial_list_of(const RestorePlan *plan, const int *ids, uint32_t count);

/* Does an entry grant anything on a table, view, sequence or column? */
extern bool rights_are_of_relation(const TocEntry *entry);

#endif /* NEX_PART_LISTS_H */
