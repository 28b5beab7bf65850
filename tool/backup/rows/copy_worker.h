/*-------------------------------------------------------------------------
 *
 * copy_worker.h
 *	  A worker of the backup: one connection on the snapshot that claims
 *	  chunks and streams their rows into pieces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_WORKER_H
#define NEX_COPY_WORKER_H

/* Thread function; argument is a CopyWork.  Returns NULL; errors are reported and stop all work. */
extern void *copy_worker(void *argument);

#endif /* NEX_COPY_WORKER_H */
