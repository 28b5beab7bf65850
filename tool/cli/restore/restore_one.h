/*-------------------------------------------------------------------------
 *
 * restore_one.h
 *	  nex_backup restore DB: a question, the restore, and what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_ONE_H
#define NEX_RESTORE_ONE_H

#include "restore_report.h"
#include "restore_request.h"

typedef struct Settings Settings;

/* From the backup that is named "DB" or "DB/ID". */
extern bool restore_one(const Settings *settings, const char *backup, bool json);

/* Restore, tell what came of it, and record it.  origin: of what the backup was made; or NULL. */
extern bool restore_and_tell(const RestoreRequest *request, bool json, const RestoreOrigin *origin);

#endif /* NEX_RESTORE_ONE_H */
