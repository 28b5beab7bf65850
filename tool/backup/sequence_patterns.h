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
 * A pattern for --exclude-table-data of pg_dump for each schema that has
 * sequences, more if it has many: every sequence that the session's snapshot
 * sees.  Empty where pg_dump reads sequences by their OIDs.  Ends with NULL;
 * free it with sequence_patterns_free().  NULL (reported) on failure.
 */
extern char **sequence_patterns_read(Connection *connection);
extern void sequence_patterns_free(char **patterns);

#endif /* NEX_SEQUENCE_PATTERNS_H */
