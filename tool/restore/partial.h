/*-------------------------------------------------------------------------
 *
 * partial.h
 *	  Restoring a part of a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PARTIAL_H
#define NEX_PARTIAL_H

#include "restore.h"
#include "rename.h"
#include "selection.h"

/* Do the settings ask for less than a whole database? */
extern bool partial_is_wanted(const Settings *settings);

/* Restore the part into the new database, or into the one that exists. */
extern bool partial_run(RestorePlan *plan);

/*
 * in_place_post.c: everything after the rows, into a database that exists,
 * where code of others runs in between.
 */
extern bool in_place_post_data(RestorePlan *plan, Connection *connection, const RenameMap *map);

/* Make entries that come after the rows now, in this order. */
extern bool in_place_take(RestorePlan *plan, Connection *connection, const RenameMap *map,
						  const TocEntry *const *entries, uint32_t count);

/* The same for partitions of tables that are restored, which have no rows yet. */
extern bool in_place_attach(RestorePlan *plan, Connection *connection, const RenameMap *map);

/* Can building it call functions of users? */
extern bool in_place_calls_functions(const TocEntry *entry);

/* in_place.c: run what pg_restore makes of a list, which is freed; NULL fails. */
extern bool in_place_run_list(RestorePlan *plan, Connection *connection, const RenameMap *map,
							  char *list, const char *failure);

/* in_place.c: run a part of what pg_restore writes, renamed. */
extern bool in_place_run_text(Connection *connection, const RenameMap *map, const char *text,
							  const char *failure);

/* in_place.c: run settings of a script of pg_restore. */
extern bool in_place_run_head(Connection *connection, const char *head);

/* in_place.c: does a script, or the head of one, say that backslashes are doubled? */
extern bool in_place_doubles_backslashes(const char *script);

/* in_place.c: into a database that exists, in one transaction. */
extern bool in_place_run(RestorePlan *plan, Connection *connection);

/* append.c: rows into tables that exist, in one transaction. */
extern bool append_run(RestorePlan *plan, Connection *connection);

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

/*
 * The name, as in the backup, of the table that a table's rows go into: its
 * partition root where the backup says so and the root is restored, too.
 * Caller frees both.
 */
extern void partial_row_table(const RestorePlan *plan, const ManifestTable *table, char **schema,
							  char **name);

/* Start the one transaction: in the encoding of the backup's rows. */
extern bool partial_begin(const RestorePlan *plan, Connection *connection);

#endif /* NEX_PARTIAL_H */
