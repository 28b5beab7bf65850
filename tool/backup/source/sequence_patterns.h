/*-------------------------------------------------------------------------
 *
 * sequence_patterns.h
 *	  Patterns that keep pg_dump from reading sequences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEQUENCE_PATTERNS_H
#define NEX_SEQUENCE_PATTERNS_H

#include "connection.h"

/*
 * Patterns for --exclude-table-data of pg_dump that match every sequence which
 * the session's snapshot sees, and no materialized view.  Empty where pg_dump
 * reads sequences by their OIDs.  Ends with NULL; free it with
 * sequence_patterns_free().  NULL (reported) on failure.
 */
extern char **sequence_patterns_read(Connection *connection);

/*
 * The same of rows of schema, name, and whether it is a materialized view, by
 * schema, the views of each behind its sequences, and name.
 */
extern char **sequence_patterns_of(const PGresult *result, int encoding);

extern void sequence_patterns_free(char **patterns);

#endif /* NEX_SEQUENCE_PATTERNS_H */
