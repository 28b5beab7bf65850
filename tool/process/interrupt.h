/*-------------------------------------------------------------------------
 *
 * interrupt.h
 *	  Ctrl-C, SIGTERM and SIGHUP: end everything, server backends and child
 *	  programs included, and exit with 130.
 *
 * A dedicated thread waits for the signals with sigwait(); all other threads
 * have them blocked, so no code ever runs in a signal handler.  It sets the
 * flag, then runs the registered cancellations (a libpq cancel request, a
 * kill of a child's process group).  The same mechanism stops the workers
 * after a first error: stop_request() without a signal.
 *
 * A server that is stopped answers no cancel request, and a program may not
 * end at SIGTERM.  So what still runs some seconds later is cut: sockets are
 * shut down, children killed.  A second SIGINT ends everything at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_INTERRUPT_H
#define NEX_INTERRUPT_H

#include <stdbool.h>

#include "interrupted.h"

/* Call once, before any thread is started. */
extern void interrupt_start(void);

/* True once work should stop: a signal came, or stop_request() was called. */
extern bool stop_requested(void);

/*
 * All that was asked for is done, and stays: a signal that came too late to
 * prevent it is not to make it look undone.
 */
extern void interrupt_too_late(void);

/* Did a signal come in time? */
extern bool interrupt_counts(void);

/* Stop all work because of an error; runs the cancellations. */
extern void stop_request(void);

/* Forget a stop_request() (never a signal), before clean-up work that needs connections. */
extern void stop_clear(void);

/* Seconds after a stop until what still runs is cut; and until what cleans up is. */
#define CUT_AFTER 3
#define CUT_CLEANUP_AFTER 10

/*
 * Register what must be done at a stop: `cancel` at once, `cut` (may be NULL)
 * if it is still registered CUT_AFTER seconds after the stop, or after it was
 * registered.  Both run on other threads; neither may wait for anything.
 * Returns a handle.
 */
extern int cancellation_add(void (*cancel)(void *argument), void (*cut)(void *argument),
							void *argument);
extern void cancellation_remove(int handle);

/* Give it CUT_CLEANUP_AFTER seconds. */
extern void cancellation_spare(int handle);

/*
 * For a cancellation that may wait: run `work` in a separate thread, which
 * nobody waits for long.  Only from `cancel`.  False if none could be started.
 */
extern bool cancellation_work(void (*work)(void *argument), void *argument);

#endif /* NEX_INTERRUPT_H */
