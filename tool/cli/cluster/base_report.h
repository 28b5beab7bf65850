/*-------------------------------------------------------------------------
 *
 * base_report.h
 *	  What is shown of base backups.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_REPORT_H
#define NEX_BASE_REPORT_H

#include <jansson.h>

#include "repository.h"

/* One line for people, and for programs, of one that was made just now. */
extern void base_report_made(const Manifest *manifest, double seconds, bool json);

/* Everything about one. */
extern void base_report_info(Repository *repository, const BackupName *name,
							 const Manifest *manifest, bool json);

/* What JSON has of each of them; caller frees. */
extern json_t *base_report_json(const Manifest *manifest);

#endif /* NEX_BASE_REPORT_H */
