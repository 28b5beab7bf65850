/*-------------------------------------------------------------------------
 *
 * append.h
 *	  Rows into tables that exist, in one transaction: --append.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_APPEND_H
#define NEX_APPEND_H

#include "restore_plan.h"

/* Add them.  False (reported) on failure, and nothing has changed. */
extern bool append_run(const RestorePlan *plan, Connection *connection);

#endif /* NEX_APPEND_H */
