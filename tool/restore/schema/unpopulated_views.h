/*-------------------------------------------------------------------------
 *
 * unpopulated_views.h
 *	  Materialized views that do not show what --append has added.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UNPOPULATED_VIEWS_H
#define NEX_UNPOPULATED_VIEWS_H

#include "connection.h"
#include "restore_plan.h"

/*
 * Note (plan->result->unpopulated) which materialized views over these tables have no
 * rows yet, in an order in which they can be filled.  tables: an array of their
 * oids, as text.  False (reported) on failure.
 */
extern bool unpopulated_views_note(const RestorePlan *plan, Connection *connection,
								   const char *tables);

#endif /* NEX_UNPOPULATED_VIEWS_H */
