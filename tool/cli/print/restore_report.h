/*-------------------------------------------------------------------------
 *
 * restore_report.h
 *	  Which options of restore go together, and what a restore did.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_REPORT_H
#define NEX_RESTORE_REPORT_H

#include <jansson.h>

#include "restore_result.h"
#include "utc_time.h"

typedef struct Settings Settings;

/* Of what a backup was made that is thrown away. */
typedef struct RestoreOrigin
{
	Repository *repository;
	BackupName backup;            /* the name of the database, and the id of the base backup */
	char *text;                   /* in place of the name of the backup */
	json_t *json;                 /* more about it */
	char started[UTC_EXACT_SIZE]; /* when that began, … */
	double begun;                 /* … by monotonic_seconds() */
} RestoreOrigin;

/* Refuse combinations that mean nothing (reported, exit 2). */
extern bool restore_options_check(const Settings *settings);

/* Is a database wanted as it was at a moment, from a base backup and WAL? */
extern bool restore_moment_is_wanted(const Settings *settings);

/* Print what was restored, and of a part what was left out.  origin may be NULL. */
extern void restore_report(bool json, const RestoreResult *result, double seconds,
						   const RestoreOrigin *origin);

#endif /* NEX_RESTORE_REPORT_H */
