/*-------------------------------------------------------------------------
 *
 * object_runner.h
 *	  Restoring entries of the schema archive one by one, past errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_RUNNER_H
#define NEX_OBJECT_RUNNER_H

#include "archive_toc.h"
#include "restore_plan.h"

/* All chosen entries before the rows, in pg_restore's order. */
extern bool object_runner_pre_data(const RestorePlan *plan);

/* These entries; `parallel`: with all connections, where dependencies allow. */
extern bool object_runner_entries(const RestorePlan *plan, const int *ids, uint32_t count,
								  bool parallel);

/* A connection as for pg_restore; NULL (reported) on failure. */
extern Connection *object_runner_connect(const RestorePlan *plan);

/*
 * Run a statement with the database's own search_path, in a transaction of its
 * own; false, without a report, if that fails or may not be.  `as_owner` as
 * in own_path_pin().
 */
extern bool object_runner_with_path(const RestorePlan *plan, Connection *connection,
									const char *owner, bool as_owner, const char *statement);

/*
 * Run a statement; if it fails, try it with the database's own search_path,
 * and note what fails in the end.  False (reported) if nothing more can be run.
 */
extern bool object_runner_statement(const RestorePlan *plan, Connection *connection,
									const TocEntry *entry, const char *label, const char *owner,
									const char *statement);

#endif /* NEX_OBJECT_RUNNER_H */
