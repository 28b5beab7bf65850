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
 *-------------------------------------------------------------------------
 */
#ifndef NEX_INTERRUPT_H
#define NEX_INTERRUPT_H

#include <stdbool.h>

/* Call once, before any thread is started. */
extern void interrupt_start(void);

/* True once work should stop: a signal came, or stop_request() was called. */
extern bool stop_requested(void);

/* True once a signal came. */
extern bool interrupted(void);

/* Stop all work because of an error; runs the cancellations. */
extern void stop_request(void);

/* Forget a stop_request() (never a signal), before clean-up work that needs connections. */
extern void stop_clear(void);

/*
 * Register what must be done at a stop.  `cancel` runs on another thread and
 * must only do things that are safe there.  Returns a handle.
 */
extern int cancellation_add(void (*cancel)(void *argument), void *argument);
extern void cancellation_remove(int handle);

#endif /* NEX_INTERRUPT_H */
