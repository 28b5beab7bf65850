/*-------------------------------------------------------------------------
 *
 * run_protocol.h
 *	  What an executor of runs, in the server or as an agent, and the program
 *	  that it starts say to each other.
 *
 * The executor starts "nex_backup COMMAND ... --progress=json" in a separate
 * process group, with RUN_NAME_VARIABLE and a control pipe.  It sends SIGTERM
 * to the group when the run is to end, and SIGKILL when that takes too long.
 * The program
 *
 * - says on standard error what the executor must know: events, a line for
 *   each, which are JSON and begin with RUN_EVENT.  All other lines are for
 *   people;
 * - ends when its end of the control pipe is closed, as the executor is gone;
 * - ends with one of the exit codes.  That, or the signal that ended it, is the
 *   result, which needs no event: it is known also of a program that could not
 *   say anything any more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RUN_PROTOCOL_H
#define NEX_RUN_PROTOCOL_H

/* The name of the run, which is also what the server knows the program's sessions by. */
#define RUN_NAME_VARIABLE "PGAPPNAME"
#define RUN_NAME_PREFIX "nex_backup:run:" /* and the number of the run */

/* The descriptor of the control pipe, and the variable that says so. */
#define RUN_CONTROL_DESCRIPTOR 3
#define RUN_CONTROL_VARIABLE "NEX_CONTROL_FD"

/* Events: this, the name, and a quotation mark; "message" is the first member of an error. */
#define RUN_EVENT "{\"event\":\""
#define RUN_EVENT_PROGRESS "progress" /* how far it is, once a second */
#define RUN_EVENT_ERROR "error"       /* the first error of each piece of work */
#define RUN_ERROR_MESSAGE "\",\"message\":\""

/* The exit codes of the program; they never change. */
typedef enum ExitCode
{
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,     /* wrong usage or configuration */
	EXIT_INTEGRITY = 3, /* digest, missing object, failed drill */
	EXIT_LOCKED = 4,    /* locked or already running */
	EXIT_INTERRUPTED = 130
} ExitCode;

#endif /* NEX_RUN_PROTOCOL_H */
