/*-------------------------------------------------------------------------
 *
 * restore_report.h
 *	  Which options of restore go together, and what a restore did.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_REPORT_H
#define NEX_RESTORE_REPORT_H

#include "restore_result.h"

typedef struct Settings Settings;

/* Refuse combinations that mean nothing (reported, exit 2). */
extern bool restore_options_check(const Settings *settings);

/* Print what was restored, and of a part what was left out. */
extern void restore_report(bool json, const RestoreResult *result, double seconds);

#endif /* NEX_RESTORE_REPORT_H */
