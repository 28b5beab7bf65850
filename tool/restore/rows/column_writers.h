/*-------------------------------------------------------------------------
 *
 * column_writers.h
 *	  Which of a table's columns can be sent in binary form, and how.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COLUMN_WRITERS_H
#define NEX_COLUMN_WRITERS_H

#include <stdbool.h>

#include "binary_rows.h"
#include "connection.h"
#include "manifest.h"

/* The enum types of a database, sorted; belongs to one connection. */
typedef struct EnumTypes
{
	Oid *types;
	size_t count;
	bool known;
} EnumTypes;

/*
 * Set rows->writers to those of the columns of a table's COPY.  False, silently, if a column has
 * none, the table has no columns, or the server does not tell.
 */
extern bool column_writers_find(Connection *connection, const ManifestTable *table,
								EnumTypes *enums, BinaryRows *rows);

#endif /* NEX_COLUMN_WRITERS_H */
