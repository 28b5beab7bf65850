/*-------------------------------------------------------------------------
 *
 * commit.h
 *	  COMMIT, and the truth about it if the connection is lost meanwhile.
 *
 * The server may have done it although its answer never came.  To call that a
 * failure invites the user to do everything a second time, and to call it a
 * success may be as wrong; so the server is asked over another connection what
 * became of that very transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COMMIT_H
#define NEX_COMMIT_H

#include "connection.h"

/*
 * Commit the transaction of this session, which has written something.  False
 * (reported) if it was not, or if nobody knows.  After true the connection may
 * be lost: there was a warning then.  `what` is what was to be committed, such
 * as "the restore".
 */
extern bool commit_transaction(Connection *connection, const ConnectionTarget *target,
							   const char *what);

#endif /* NEX_COMMIT_H */
