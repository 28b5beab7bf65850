/*-------------------------------------------------------------------------
 *
 * log.h
 *	  Messages, errors and the exit code.
 *
 * Every message goes through here: to stderr or --log-file, as text or as
 * one JSON object a line, and around the progress bar if one is drawn.  All
 * functions may be called from any thread.
 *
 * Errors follow PostgreSQL's message style: primary line in lower case
 * without full stop, detail and hint as sentences.  A function that fails
 * reports its error where it happens and returns false; nobody above reports
 * the same again.  The exit code of the program is that of the FIRST error:
 * what follows is usually a consequence of it.
 *
 * Parts of a message may be marked by withhold() (withheld.h): they are for
 * whoever runs the program, and for log files, but not for anybody else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOG_H
#define NEX_LOG_H

#include <stdbool.h>

#include "run_protocol.h"

typedef enum LogLevel
{
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
} LogLevel;

typedef enum LogFormat
{
	LOG_FORMAT_HUMAN,
	LOG_FORMAT_JSON
} LogFormat;

/*
 * Open the log; file NULL means stderr.  One that cannot be opened is a
 * warning, and stderr it is: no backup, and no restore, may fail for its log.
 * What root creates is given to who has the directory `of` (private_file.h).
 */
extern void log_open_for(const char *file, const char *of, LogFormat format, LogLevel threshold);

/* The same of no directory; false if it could not be opened. */
extern bool log_open(const char *file, LogFormat format, LogLevel threshold);

/*
 * Write everything to this descriptor as well, which is taken over: the log
 * of this run.  Where it cannot be written (a full disk), that is one warning.
 */
extern void log_add_run_file(int descriptor, const char *path);

/* A line for the log of this run alone. */
extern void log_run_file(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last messages, at most 30, oldest first, one a line or more, to be told; caller frees. */
extern char *log_recent(void);

extern void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void log_warning_hint(const char *hint, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Report an error.  detail and hint may be NULL.  Always returns false, so
 * that `return report_error(…)` reads well.  After an interrupt, errors are
 * only logged at debug level: they are its echo.
 */
extern bool report_error(ExitCode code, const char *detail, const char *hint, const char *format,
						 ...) __attribute__((format(printf, 4, 5)));

/* The exit code so far: EXIT_DONE, or that of the first error. */
extern ExitCode log_exit_code(void);

/*
 * Primary line of the first error, or NULL, for standard output.  Valid until
 * the program ends, as are those below.
 */
extern const char *log_first_error(void);

/* Its detail, or NULL. */
extern const char *log_first_detail(void);

/* Its hint, or NULL. */
extern const char *log_first_hint(void);

/* Primary line and detail without what is withheld: for the catalog and for notifications. */
extern const char *log_told_error(void);
extern const char *log_told_detail(void);

/*
 * Forget the first error and its exit code, before the next one of several
 * pieces of work that do not depend on each other.
 */
extern void log_forget_errors(void);

/* What the functions above return now. */
typedef struct LogErrors
{
	ExitCode code;
	const char *texts[5];
	unsigned count; /* of errors that were reported until then */
} LogErrors;

/* To come back to, when what was reported since turns out not to have happened. */
extern LogErrors log_errors(void);
extern void log_return_to_errors(const LogErrors *errors);

/* The first error that a thread reported; to be freed. */
typedef struct LogCapture
{
	ExitCode code; /* EXIT_DONE: none */
	char *error;
	char *detail; /* or NULL */
	char *hint;   /* or NULL */
} LogCapture;

/*
 * From now on, errors of the calling thread are not those of the program: the
 * first one is kept here, and nothing is written.  For work that is done for
 * another program, which gets the error instead.  NULL: no longer.
 */
extern void log_capture(LogCapture *capture);
extern void log_capture_free(LogCapture *capture);

/*
 * Called under the log's lock before and after each message to a terminal,
 * so that a progress bar can clear and redraw itself.
 */
extern void log_set_terminal_hooks(void (*before)(void), void (*after)(void));

/* Run something under the log's lock (drawing a progress bar). */
extern void log_lock(void);
extern void log_unlock(void);

#endif /* NEX_LOG_H */
