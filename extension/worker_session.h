/*-------------------------------------------------------------------------
 *
 * worker_session.h
 *	  What the background workers have in common: signals, a connection, and
 *	  calls of SQL functions in separate transactions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WORKER_SESSION_H
#define NEX_WORKER_SESSION_H

#include <signal.h>
#include <stdbool.h>

/* Set by SIGTERM. */
extern volatile sig_atomic_t worker_stop_requested;

/* Errors of sql_call() go into the log also when the caller wants their message. */
extern bool worker_logs_errors;

/* Was pg_cancel_backend() called on this worker while no SQL was running?  True once. */
extern bool worker_take_cancel(void);

/* Handle signals, without a connection yet. */
extern void worker_handle_signals(void);

/* Handle signals and connect: to a database by name, or by Oid if the name is NULL. */
extern void worker_session_start(const char *database, Oid database_oid);

/* Reload the configuration, if that was asked for. */
extern void worker_reload(void);

typedef enum SqlOutcome
{
	SQL_DONE,
	SQL_FAILED,      /* and the error is in the log */
	SQL_NO_EXTENSION /* which was dropped, or not created yet */
} SqlOutcome;

/*
 * Run a query with parameters of type text in a separate transaction.  The
 * values of the first row come as text, in the current memory context; *row is
 * NULL if there is none.  `error`, if given, gets the message instead of the log.
 */
extern SqlOutcome sql_call(const char *query, int nparameters, const char *const *parameters,
						   char ***row, char **error);

#endif /* NEX_WORKER_SESSION_H */
