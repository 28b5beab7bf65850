/*-------------------------------------------------------------------------
 *
 * exit_status.h
 *	  With which status the program ends.
 *
 * It is that of the exit code (run_protocol.h), unless a server asks for WAL
 * to recover: to that, 1 means that there is no more, so that it ends its
 * recovery and is promoted, and so does anything up to 125.  All that fails
 * then is to be more, in whatever way the program ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXIT_STATUS_H
#define NEX_EXIT_STATUS_H

/* From now on, a failure is one that stops a recovery. */
extern void exit_status_for_recovery(void);

/* It was proved that there is no more: say so. */
extern void exit_status_no_more(void);

/* The status of an exit code. */
extern int exit_status(int code);

#endif /* NEX_EXIT_STATUS_H */
