/*-------------------------------------------------------------------------
 *
 * lock_watch.h
 *	  Say for whom this program waits, and end what waits too long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOCK_WATCH_H
#define NEX_LOCK_WATCH_H

#include "connection.h"

typedef struct LockWatch LockWatch;

/*
 * Watch the sessions of this program and those of its children on the server
 * of the target.  What waits longer than
 * so many seconds (0: any number) is ended.  lock_watch_end() it; NULL, which
 * that takes as well, if it could not be started.
 */
extern LockWatch *lock_watch_begin(const ConnectionTarget *target, const Connection *maintenance,
								   int timeout);
extern void lock_watch_end(LockWatch *watch);

/* A session as text for people, from four columns that begin at this one; caller frees. */
#define LOCK_HOLDER_COLUMNS(alias)                                                                 \
	alias ".pid, " alias ".application_name, " alias ".usename, " alias ".datname"
extern char *lock_holder_shown(const PGresult *result, int row, int column);

/*
 * Wait, at most until this time (monotonic_seconds(); 0: any time), for those
 * outside two databases who hold a lock on them, as ALTER ROLE ... IN DATABASE
 * takes one.  Nobody in them is disturbed meanwhile.  False (reported) when
 * the time is over.
 */
extern bool lock_watch_wait_for_databases(Connection *helper, const char *one, const char *other,
										  double until);

#endif /* NEX_LOCK_WATCH_H */
