/*-------------------------------------------------------------------------
 *
 * catalog_objects.h
 *	  SQL: the objects of all catalogs, whose they are, and what they are part of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CATALOG_OBJECTS_H
#define NEX_CATALOG_OBJECTS_H

#include "sql_build.h"

/*
 * Add, for WITH, "objects (class, oid, owner, id, whole_class, whole, schema,
 * name, copied)".  An index is part of its table, the row type of a table as
 * well, and an array counts as its elements.  The id is that of the transaction
 * which has written it.  Copied: the server has made it after another object, as
 * that was bound, or out of functions of its own.
 *
 * Behind it, "inert (class, uses)": catalogs of what gives nobody who uses it
 * anything to run, and, if uses is true, runs nothing of what it uses, either.
 */
extern void catalog_objects_add(SqlText *sql);

#endif /* NEX_CATALOG_OBJECTS_H */
