/*-------------------------------------------------------------------------
 *
 * run_log.h
 *	  The log file of a run, below --log-directory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RUN_LOG_H
#define NEX_RUN_LOG_H

#include <stdbool.h>
#include <time.h>

typedef struct Settings Settings;

/*
 * Open the log of a run, and remove the logs that are too old or too many.
 * Whatever goes wrong is a warning: a backup without a log is better than
 * none.
 */
extern void run_log_open(const Settings *settings, const char *kind);

/* Write how the run ended. */
extern void run_log_close(const char *kind, bool good);

/* "backup_nightly_20261123.log", "verify_20261123.log"; caller frees. */
extern char *run_log_name(const char *kind, const char *type, time_t when);

/* Remove logs of runs (and nothing else) in a directory, which is closed; gives how many. */
extern int run_log_expire(int directory, int keep_days, int keep_files, time_t now);

#endif /* NEX_RUN_LOG_H */
