/*-------------------------------------------------------------------------
 *
 * said_who.h
 *	  Whether what a session does is a superuser's, as it says itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SAID_WHO_H
#define NEX_SAID_WHO_H

#include "storage/proc.h"

extern Size said_who_shared_size(void);
extern void said_who_shared_start(void);

/* In a transaction, before anything that may take a lock that is a superuser's. */
extern void said_who_of_statement(void);

/* When that has ended, whatever its end was. */
extern void said_who_of_session(void);

/* True also if that is not known. */
extern bool said_who_may_be_superuser(const PGPROC *proc);

/* The signal that makes it cut the connection to its client, if it is none; 0: there is none. */
extern int said_who_cut_signal(const PGPROC *proc);

#endif /* NEX_SAID_WHO_H */
