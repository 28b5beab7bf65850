/*-------------------------------------------------------------------------
 *
 * leader.h
 *	  The background worker that watches the clock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEADER_H
#define NEX_LEADER_H

/* While shared_preload_libraries is processed. */
extern void leader_register(void);

#endif /* NEX_LEADER_H */
