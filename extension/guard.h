/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  The worker that looks after those who wait for locks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GUARD_H
#define NEX_GUARD_H

/* While shared_preload_libraries is processed. */
extern void guard_register(void);

#endif /* NEX_GUARD_H */
