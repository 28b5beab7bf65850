/*-------------------------------------------------------------------------
 *
 * recovery_proof.h
 *	  All WAL that a recovery replays is read before a file is written.
 *
 * A recovery stops at a segment that is damaged, after the base backup was
 * copied for hours; and a tablespace that the WAL creates is created in its
 * own directory, which may be that of a server that is running.  Both are in
 * the content, which no listing and no part of the WAL shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVERY_PROOF_H
#define NEX_RECOVERY_PROOF_H

#include "later_tablespace.h"
#include "recovery_plan.h"

/*
 * Read it.  False (reported) if a segment is damaged or cannot be read.  What
 * is found is to be freed in any case.
 */
extern bool recovery_prove(const RecoveryPlan *plan, int threads, LaterTablespaces *found);

#endif /* NEX_RECOVERY_PROOF_H */
