/*-------------------------------------------------------------------------
 *
 * run_alone.h
 *	  A transaction that needs nobody to be in a database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RUN_ALONE_H
#define NEX_RUN_ALONE_H

#include "restore_plan.h"

/*
 * Run a transaction that needs nobody to be in the database (or, with --drop,
 * the two), such as one with RENAME, while a second connection ends the
 * sessions there.  `what` is the line of an error report.
 */
extern bool target_database_run_alone(const RestorePlan *plan, const SqlText *sql,
									  const char *what);

#endif /* NEX_RUN_ALONE_H */
