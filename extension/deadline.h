/*-------------------------------------------------------------------------
 *
 * deadline.h
 *	  The time that a transaction may go on after it has changed the catalog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEADLINE_H
#define NEX_DEADLINE_H

/*
 * Of a session that is not a superuser's, from now on, and shorter with the lock of the queue;
 * the first one to come counts, until what it locked is given back by ROLLBACK TO.
 */
extern void deadline_set(void);

#endif /* NEX_DEADLINE_H */
