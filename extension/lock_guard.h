/*-------------------------------------------------------------------------
 *
 * lock_guard.h
 *	  Nobody who could not get a lock keeps the extension waiting for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOCK_GUARD_H
#define NEX_LOCK_GUARD_H

#include "postgres.h"

#include "storage/lock.h"

/* At the start of shared memory. */
extern Size lock_guard_shared_size(void);
extern void lock_guard_shared_start(void);

/*
 * From now on this process is looked after: while it waits for a lock, those that
 * wait before it in vain are told to stop.  Until lock_guard_end(), or the end
 * of the transaction, or an error that ends the subtransaction that it was called in.  False if it
 * was so already.
 */
extern bool lock_guard_begin(void);
extern void lock_guard_end(void);

/*
 * In the one process that looks after the others, which is connected to no database:
 * it is there, until it exits.  And a turn of it, which gives the milliseconds until
 * the next, or -1 if nobody needs it.
 */
extern void lock_guard_enter(void);
extern long lock_guard_turn(void);

/* The lock that this process waits for now, noted by a signal handler. */
extern void lock_guard_note_wait(void);

/* Say who holds the lock that was noted, or waits for it; false: nobody is known. */
typedef struct LockHolder
{
	int pid;
	Oid role;
	LOCKTAG tag;
	LOCKMODE mode;
	bool granted;
} LockHolder;

extern bool lock_guard_holder(LockHolder *holder);

/* After a wait that was too long: do oneself what the guard would have done, if there is none. */
extern void lock_guard_clear(void);

/* Why nobody is looked after; NULL if all is well. */
extern const char *lock_guard_problem(void);

#endif /* NEX_LOCK_GUARD_H */
