/*-------------------------------------------------------------------------
 *
 * executor.h
 *	  The background worker that runs what is in the queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXECUTOR_H
#define NEX_EXECUTOR_H

#include "postmaster/bgworker.h"

/* Start one for the queue in a database; false if there is no free slot. */
extern bool executor_launch(Oid database, BackgroundWorkerHandle **handle);

#endif /* NEX_EXECUTOR_H */
