/*-------------------------------------------------------------------------
 *
 * restore.h
 *	  Restore one database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_H
#define NEX_RESTORE_H

#include "restore_plan.h"

/*
 * Read the manifest, connect, and see that the target is free (or, with
 * --drop, that it can be replaced).  Changes nothing.  False (reported) if
 * the restore cannot be done; restore_plan_free() in any case.
 */
extern bool restore_plan(RestorePlan *plan, const Settings *settings, Repository *repository,
						 const char *backup);

/*
 * The same for one database of a whole cluster, under its own name.  The manifest, if it was read
 * before, is taken over.
 */
extern bool restore_plan_of_cluster(RestorePlan *plan, const Settings *settings,
									Repository *repository, const BackupName *backup,
									Manifest *manifest);

/*
 * Do it.  On failure the target is as it was before, or the report says what
 * is left and which command removes it.  With plan->incomplete the database is
 * there, but something is missing in it; object_errors_report() says so.
 */
extern bool restore_execute(RestorePlan *plan);

extern void restore_plan_free(RestorePlan *plan);

#endif /* NEX_RESTORE_H */
