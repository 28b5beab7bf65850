/*-------------------------------------------------------------------------
 *
 * moved_objects.h
 *	  Objects that were renamed, rebuilt or dropped since the snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MOVED_OBJECTS_H
#define NEX_MOVED_OBJECTS_H

#include <stdbool.h>

#include "connection.h"

typedef enum MovedScope
{
	MOVED_OF_SCHEMA, /* whatever a definition may speak of */
	MOVED_IN_ROWS /* labels of enums, as rows are text that has them, and schemas: tables are read
				   * by names, and a lock on a table does not hold the name of its schema; nor
				   * does a name that is the same again say that it was so all the time */
} MovedScope;

/* The names that the session's snapshot sees, as text; NULL (reported) on failure.  Caller frees.
 */
extern char *moved_objects_names(Connection *connection);

/*
 * Which of these have another name now, or none: in *moved, as a list for a
 * message, NULL if there is none; caller frees.  The connection must not be in the snapshot.
 * False (reported) on failure.
 */
extern bool moved_objects_find(Connection *connection, const char *names, MovedScope scope,
							   char **moved);

#endif /* NEX_MOVED_OBJECTS_H */
