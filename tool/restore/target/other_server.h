/*-------------------------------------------------------------------------
 *
 * other_server.h
 *	  Is the live database that a restore changes one of another server?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OTHER_SERVER_H
#define NEX_OTHER_SERVER_H

#include "restore_plan.h"

/* Warn if the backup is of another server than the database that it replaces, or goes into. */
extern void other_server_warn(const RestorePlan *plan);

/* Is it known that the server is that of the backup? */
extern bool other_server_is_same(const RestorePlan *plan);

#endif /* NEX_OTHER_SERVER_H */
