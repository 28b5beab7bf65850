/*-------------------------------------------------------------------------
 *
 * part_tables.h
 *	  The tables of a part: what they are below, and which rows they wait for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_TABLES_H
#define NEX_PART_TABLES_H

#include "rename.h"

typedef struct PartTables
{
	const RestorePlan *plan;
	const TocEntry *
		*targets;           /* by table of the manifest, where its rows go; NULL: an extension's */
	const TocEntry **above; /* by place, of a partition: what it is attached to before the rows */
	uint32_t *waiting;      /* by place: how many tables of the manifest have rows for it yet */
	uint32_t *below;        /* by place: the same of all partitions below it */
	uint32_t total;
} PartTables;

/* Without rows of tables (--schema-only), nothing waits.  part_tables_free() in any case. */
extern void part_tables_read(const RestorePlan *plan, PartTables *tables);
extern void part_tables_free(PartTables *tables);

/* The rows of a table of the manifest are there. */
extern void part_tables_loaded(PartTables *tables, uint32_t table);

/* The topmost table of its tree of partitions; itself, if it is in none. */
extern const TocEntry *part_tables_root(const PartTables *tables, const TocEntry *table);

/* Does it inherit from a table of the part?  Partitions do not. */
extern bool part_tables_inherits(const TocEntry *table);

/* Is one of the tables that wait for rows below this one, by inheritance or as a partition? */
extern bool part_tables_wait_below(const PartTables *tables, const TocEntry *table);

/* Will no more rows come into the table, by its own name or by that of a table above it? */
extern bool part_tables_have_rows(const PartTables *tables, const TocEntry *table);

/* The name that the table, view … has by now, quoted; caller frees. */
extern char *part_tables_name(const RenameMap *map, const TocEntry *relation);

/*
 * The name, as in the backup, of the table that a table's rows go into: its
 * partition root where the backup says so and the root is restored, too.
 * Caller frees both.
 */
extern void partial_row_table(const RestorePlan *plan, const ManifestTable *table, char **schema,
							  char **name);

#endif /* NEX_PART_TABLES_H */
