/*-------------------------------------------------------------------------
 *
 * wal_queue.h
 *	  WAL files of a server on their way into the archive: several are read and
 *	  compressed at the same time, but they are stored one after the other.
 *
 * Stored in the order of the server, so that at no moment the archive has a
 * segment without the one before it: whoever recovers from it then takes the
 * segment that is not there yet for one that was lost, and stops.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_QUEUE_H
#define NEX_WAL_QUEUE_H

#include "log.h"
#include "wal_name.h"

typedef struct WalQueue WalQueue;

typedef struct WalQueueRequest
{
	const char *repository; /* its location */
	int level;              /* of zstd */
	int threads;            /* that read and compress */
} WalQueueRequest;

typedef enum WalQueueAnswer
{
	WAL_QUEUE_WORKS, /* it is still on its way */
	WAL_QUEUE_STORED,
	WAL_QUEUE_FAILED
} WalQueueAnswer;

/* NULL (reported) if it cannot be.  Files are read from pg_wal in the current directory. */
extern WalQueue *wal_queue_start(const WalQueueRequest *request);

/* These may be asked for soon.  Of a file that was not asked for, nothing is said. */
extern void wal_queue_expect(WalQueue *queue, const WalName *names, size_t count);

/* How many there are that were not asked for. */
extern size_t wal_queue_expected(WalQueue *queue);

/*
 * Store this one, and wait so many seconds for it.  One that has failed is tried
 * again when it is asked for again; *error, to be freed, says why.
 */
extern WalQueueAnswer wal_queue_ask(WalQueue *queue, const WalName *name, double seconds,
									LogCapture *error);

/*
 * Finish what is being written, and end.  False if that takes more than so many
 * seconds: then nothing of the queue may be touched any more.
 */
extern bool wal_queue_stop(WalQueue *queue, double seconds);

#endif /* NEX_WAL_QUEUE_H */
