/*-------------------------------------------------------------------------
 *
 * look_plans.h
 *	  How the server plans what a restore asks of catalogs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOOK_PLANS_H
#define NEX_LOOK_PLANS_H

#include "connection.h"

/*
 * From now on the session prepares what connection_ask() and connection_query()
 * ask a second time, its plans do not depend on the values, and it has little
 * work_mem.  False (reported) on failure.
 */
extern bool look_plans_begin(Connection *connection);

/* Between these two it has as much as ever.  Without such plans nothing happens. */
extern bool look_plans_pause(Connection *connection);
extern bool look_plans_go_on(Connection *connection);

#endif /* NEX_LOOK_PLANS_H */
