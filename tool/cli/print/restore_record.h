/*-------------------------------------------------------------------------
 *
 * restore_record.h
 *	  Tell the catalog of a restore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_RECORD_H
#define NEX_RESTORE_RECORD_H

#include "globals_request.h"
#include "restore_request.h"
#include "restore_result.h"

/* A restore of a database that was begun, whatever became of it. */
extern void restore_record(const RestoreRequest *request, const RestoreResult *result, bool good,
						   const char *started);

/* A restore of the globals. */
extern void restore_record_globals(const GlobalsRequest *request, const GlobalsResult *result,
								   bool good, const char *started);

#endif /* NEX_RESTORE_RECORD_H */
