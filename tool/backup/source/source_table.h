/*-------------------------------------------------------------------------
 *
 * source_table.h
 *	  The tables of the database being backed up: which of them have rows to
 *	  copy, and how to say so in SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOURCE_TABLE_H
#define NEX_SOURCE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

/* May a query over the table be planned (code_of_others.h)?  "COPY t" is not. */
typedef enum TablePlanning
{
	PLANNING_NEVER,   /* its indexes or statistics have code of others, or nobody can guard it */
	PLANNING_GUARDED, /* its owner may give it such ones at any time: see cut_guard.c */
	PLANNING_FREE     /* only those can who could do the same without */
} TablePlanning;

typedef struct SourceTable
{
	uint32_t oid;
	char *schema;
	char *name;
	char *qualified;      /* quoted: public.t */
	SqlText columns;      /* quoted list without generated columns: "a, b"; "" if none */
	SqlText restore_into; /* quoted: itself, or its partition root */
	char *condition;      /* WHERE clause of an extension's configuration table, or "" */
	bool partitioned;     /* no rows of its own; locked only */
	bool is_heap;         /* ctid ranges mean blocks */
	bool serial;          /* see ManifestTable.serial */
	bool configuration;   /* belongs to an extension */
	TablePlanning planning;
	char *owner;
	char *extension; /* of a configuration table, else NULL */
	uint64_t heap_bytes;
	uint64_t toast_bytes;
} SourceTable;

typedef struct SourceTables
{
	SourceTable *tables; /* by schema and name; configuration tables last, referenced ones first */
	int count;
	int *by_oid; /* their positions in the order of OIDs */
} SourceTables;

/*
 * Everything that pg_dump would lock, without the sizes, so that no lock is
 * waited for: ordinary tables, partitions and
 * partitioned tables that belong to nobody but the user, and the
 * configuration tables of extensions.  False (reported) on failure.
 */
extern bool source_tables_read(Connection *connection, SourceTables *list);

/* The sizes of the tables of a list, which are to be locked before. */
extern bool source_tables_read_sizes(Connection *connection, SourceTables *list);
extern void source_tables_free(SourceTables *list);

/* True if the list has a table of this OID and this name. */
extern bool source_tables_have(const SourceTables *list, const SourceTable *table);

/* True if it has every table of the other list. */
extern bool source_tables_contain(const SourceTables *list, const SourceTables *other);

/* Their OIDs as the text of an array: "{16384,16390}"; caller frees. */
extern char *source_tables_oids(const SourceTables *list);

/* "COPY public.t (a, b) FROM stdin;"; caller frees. */
extern char *source_table_restore_statement(const SourceTable *table);

/*
 * Append the COPY … TO STDOUT for a whole table, or for the blocks from
 * block_from up to but not including block_to (0: to the end).
 */
extern void source_table_copy_whole(const SourceTable *table, SqlText *sql);
extern void source_table_copy_blocks(const SourceTable *table, uint32_t block_from,
									 uint32_t block_to, SqlText *sql);

/* Is even the COPY of the whole table a query? */
extern bool source_table_is_query(const SourceTable *table);

/* Report the first table that has to be read by a query, and must not be; false if there is one. */
extern bool source_tables_check(const SourceTables *list);

/* Report that this one must not be read; always false. */
extern bool source_table_refuse(const SourceTable *table);

/*
 * Append a query that fails with SQLSTATE_DIVISION_BY_ZERO unless the table's
 * name still means this table.  For the place right before the query that uses
 * the name, in the same command string: both find the name in the caches of
 * the session, and nothing in between makes it take notice of a change.  If
 * the session did not have it locked before the string, it looks at that, too.
 */
extern void source_table_check_name(const SourceTable *table, bool locked, SqlText *sql);

/* Append the condition of those blocks, with its WHERE. */
extern void source_table_blocks(uint32_t block_from, uint32_t block_to, SqlText *sql);

/* Append its qualified name. */
extern void source_table_name(const SourceTable *table, SqlText *sql);

#endif /* NEX_SOURCE_TABLE_H */
