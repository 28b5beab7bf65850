/*-------------------------------------------------------------------------
 *
 * shared_state.h
 *	  The little that sessions and the leader share in memory.
 *
 * There is none unless the library is in shared_preload_libraries; then
 * nobody is woken, and there is no leader either.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SHARED_STATE_H
#define NEX_SHARED_STATE_H

#include "datatype/timestamp.h"

/* While shared_preload_libraries is processed. */
extern void shared_state_request(void);

/* The calling process is the leader from now on, until it exits. */
extern void leader_announce(void);

/* The leader's turn was good, at that time; and that is what it takes for the time of its jobs (0:
 * as before). */
extern void leader_advanced(TimestampTz now, TimestampTz clock);

/* What keeps the leader from its work; NULL: nothing.  nex_backup_status() shows it. */
extern void leader_has_problem(const char *problem);

/* Wake the leader now. */
extern void leader_wake(void);

/*
 * How often the leader was woken; for the leader, whose latch does not tell: a
 * wait for a lock within its turn takes that.
 */
extern uint64 leader_wakes(void);

/* This transaction changes something of the extension, or locks it, so it cannot be prepared. */
extern void shared_state_changes(void);

/* Does this transaction have the lock of the queue? */
extern bool queue_lock_held(void);

#endif /* NEX_SHARED_STATE_H */
