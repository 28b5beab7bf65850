/*-------------------------------------------------------------------------
 *
 * sequences.h
 *	  Positions of sequences, as setval() calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEQUENCES_H
#define NEX_SEQUENCES_H

#include "connection.h"

/*
 * Append one setval() per sequence.  Call it after the last row was read:
 * sequences do not follow the snapshot, and one read too early may be behind
 * its rows.  The session is in a transaction.  *warning is NULL, or says what
 * had to be guessed; caller frees.  False (reported) on failure.
 */
extern bool sequences_read(Connection *connection, SqlText *sql, int *count, char **warning);

#endif /* NEX_SEQUENCES_H */
