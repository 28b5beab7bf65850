/*-------------------------------------------------------------------------
 *
 * lock_waits.h
 *	  Which sessions of this program may wait for locks, and for whom they
 *	  were last seen waiting.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOCK_WAITS_H
#define NEX_LOCK_WAITS_H

#include <libpq-fe.h>
/* A session of ours, by its process on the server. */
extern void lock_waits_add(int pid);
extern void lock_waits_remove(int pid);

/* All of them as an array of the server, "{1,2}"; caller frees. */
extern char *lock_waits_pids(void);

/* Whom it waits for, as text for people. */
extern void lock_waits_note(int pid, const char *holder);

/* The same; NULL: it was not seen waiting.  Caller frees. */
extern char *lock_waits_holder(int pid);

/* Seconds between what ends a wait, and what ends it if that has not. */
#define LOCK_WATCH_GRACE 12

/* The application name of children, by which they are known; caller frees. */
extern char *lock_waits_application(const PGconn *maintenance);

#endif /* NEX_LOCK_WAITS_H */
