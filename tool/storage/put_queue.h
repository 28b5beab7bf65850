/*-------------------------------------------------------------------------
 *
 * put_queue.h
 *	  Putting many files at once, where an answer takes its time.
 *
 * A directory answers before a thread could be woken up, so there whoever
 * adds a file puts it.  Where many uploads at once are of use, as the storage
 * says, threads of the queue put them, and what waits for them is bounded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PUT_QUEUE_H
#define NEX_PUT_QUEUE_H

#include "storage.h"

typedef struct PutQueue PutQueue;

/* Called with each answer, from any thread, while the content is still there. */
typedef void (*PutAnswer)(void *item, const char *path, const void *content, uint64_t length,
						  const StoreResult *result);

extern PutQueue *put_queue_create(Storage *storage, PutAnswer answer);

/* Put a file; the options, and what they point to, must stay until it is answered. */
extern void put_queue_add(PutQueue *queue, const char *path, const void *content, uint64_t length,
						  const PutOptions *options, void *item);

/* Return when every answer has come. */
extern void put_queue_wait(PutQueue *queue);

/* Waits, too. */
extern void put_queue_free(PutQueue *queue);

#endif /* NEX_PUT_QUEUE_H */
