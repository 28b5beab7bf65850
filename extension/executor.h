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

/*
 * Start one for the queue in a database; false if there is no free slot.  The
 * handle is NULL if a reserved one does it.
 */
extern bool executor_launch(Oid database, BackgroundWorkerHandle **handle);

/* Have the first reserved one deliver alarms; false if it is not free. */
extern bool executor_launch_alarms(Oid database);

/* Connect, and do what there is to claim: all, or alarms only. */
extern void executor_work(Oid database, bool alarms);

#endif /* NEX_EXECUTOR_H */
