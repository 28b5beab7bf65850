/*-------------------------------------------------------------------------
 *
 * maintenance.h
 *	  A connection for work on the server as a whole: its databases, roles
 *	  and tablespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MAINTENANCE_H
#define NEX_MAINTENANCE_H

#include "connection.h"

/*
 * Connect to --dbname, or to postgres, or to template1.  *target receives
 * where that is; free it in any case.  NULL (error reported) if it fails.
 */
extern Connection *connection_open_maintenance(const Settings *settings, ConnectionTarget **target);

#endif /* NEX_MAINTENANCE_H */
