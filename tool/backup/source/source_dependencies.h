/*-------------------------------------------------------------------------
 *
 * source_dependencies.h
 *	  Dependencies that pg_dump's archive does not have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOURCE_DEPENDENCIES_H
#define NEX_SOURCE_DEPENDENCIES_H

#include <stdbool.h>

#include "connection.h"
#include "manifest.h"

/*
 * Read them, as the second member "archive" has them; nothing, with a warning, if there
 * are too many.  False (reported) on failure.
 */
extern bool source_dependencies_read(Connection *connection, SqlText *sql, Manifest *manifest);

#endif /* NEX_SOURCE_DEPENDENCIES_H */
