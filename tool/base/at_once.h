/*-------------------------------------------------------------------------
 *
 * at_once.h
 *	  Several things at the same time that do not need each other.
 *
 * For what waits for answers, as of a server that is far away: the threads live as
 * long as the work.  Uploads, which come one by one, have a queue (put_queue.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AT_ONCE_H
#define NEX_AT_ONCE_H

#include <stddef.h>

typedef void (*AtOnceWork)(size_t item, void *argument);

/*
 * Do the work of each item, and return when all is done.  With one thread, or where no other one
 * can be started, the items are done one after the other, in their order.
 */
extern void at_once(size_t count, size_t threads, AtOnceWork work, void *argument);

#endif /* NEX_AT_ONCE_H */
