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
 * Before a backup locks anything: can the sequences be read?  Waits for
 * whoever has locked one, seconds in all; 0: any.  False: reported, with who it
 * is, or a stop was requested.
 */
extern bool sequences_look(Connection *connection, int lock_wait_timeout);

/*
 * Append one setval() per sequence.  Call it after the last row was read:
 * sequences do not follow the snapshot, and one read too early may be behind
 * its rows.  The session is in a transaction.  *warning is NULL, or says what
 * had to be guessed; caller frees.  False (reported) on failure.
 */
extern bool sequences_read(Connection *connection, int lock_wait_timeout, SqlText *sql, int *count,
						   char **warning);

#endif /* NEX_SEQUENCES_H */
