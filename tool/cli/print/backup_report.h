/*-------------------------------------------------------------------------
 *
 * backup_report.h
 *	  Running one backup and telling of it: the clock, the catalog, the
 *	  summary.  Shared by "backup", "backup --all" and "globals backup".
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_REPORT_H
#define NEX_BACKUP_REPORT_H

#include <jansson.h>

#include "interrupted.h"
#include "repository.h"
#include "utc_time.h"

typedef struct Settings Settings;

/* One backup that was tried. */
typedef struct BackupAttempt
{
	BackupKind kind;    /* of a database, or the globals */
	char *database;     /* NULL: not even its name is known, or there is none */
	Manifest *manifest; /* NULL: it failed */
	double seconds;
	char *error; /* first error, or NULL */
	int exit_code;
	bool interrupted;
	char started[UTC_EXACT_SIZE];
} BackupAttempt;

/* Back up a database (NULL: that of the settings), and record it in the catalog. */
extern void backup_attempt_database(const Settings *settings, Repository *repository,
									const char *name, BackupAttempt *attempt);
/* The two halves of that apart. */
extern void backup_attempt_run(const Settings *settings, Repository *repository, BackupKind kind,
							   const char *name, BackupAttempt *attempt);
extern void backup_attempt_record(const Settings *settings, Repository *repository,
								  const BackupAttempt *attempt);

/* The same for the globals. */
extern void backup_attempt_globals(const Settings *settings, Repository *repository,
								   BackupAttempt *attempt);
extern void backup_attempt_free(BackupAttempt *attempt);

/* Remember that it succeeded, should the next two not reach their reader. */
extern void backup_attempt_done(const BackupAttempt *attempt);

/* What a backup that succeeded says of itself in JSON. */
extern json_t *backup_attempt_json(const BackupAttempt *attempt);

/* The same as one line for people. */
extern void backup_attempt_print(const BackupAttempt *attempt);

#endif /* NEX_BACKUP_REPORT_H */
