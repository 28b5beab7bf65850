/*-------------------------------------------------------------------------
 *
 * live_rights.h
 *	  May the owner of what is restored still use what is there like this?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_RIGHTS_H
#define NEX_LIVE_RIGHTS_H

#include "restore_plan.h"

/*
 * See that whoever owns what the part makes has the rights that the server
 * asks for when such an object is created, where it uses what is there
 * already.  `superusers` has the names of those who are not asked about.
 * False (reported) if not.
 */
extern bool live_rights_check(const RestorePlan *plan, Connection *connection,
							  const PGresult *superusers);

#endif /* NEX_LIVE_RIGHTS_H */
