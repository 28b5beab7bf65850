/*-------------------------------------------------------------------------
 *
 * in_place.h
 *	  A part of a backup into a database that exists, in one transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_IN_PLACE_H
#define NEX_IN_PLACE_H

#include "restore_plan.h"

/* Restore it.  False (reported) on failure, and nothing has changed. */
extern bool in_place_run(RestorePlan *plan, Connection *connection);

#endif /* NEX_IN_PLACE_H */
