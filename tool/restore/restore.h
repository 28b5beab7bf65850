/*-------------------------------------------------------------------------
 *
 * restore.h
 *	  Restore one database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_H
#define NEX_RESTORE_H

#include "restore_request.h"
#include "restore_result.h"

/*
 * Restore one database, or a part of it.  The manifest, if it was read before,
 * is taken over; otherwise NULL.  False (reported) on failure: the target is as
 * it was before, or the report says what is left and which command removes it.
 * With result->incomplete the database is there, but something is missing in it, and
 * object_errors_report() says so.  Prints nothing, and ends no process; restore_result_free() in
 * any case.
 */
extern bool restore_run(const RestoreRequest *request, Manifest *manifest, RestoreResult *result);

/*
 * Before a backup is made that is to be restored by this request: is there a server, and would it
 * be refused anyway because of what is there now?  Nothing is changed; *replaces: a database that
 * exists would give way.  False (reported) if it would be refused.
 */
extern bool restore_look_ahead(const RestoreRequest *request, bool *replaces);

extern void restore_result_free(RestoreResult *result);

#endif /* NEX_RESTORE_H */
