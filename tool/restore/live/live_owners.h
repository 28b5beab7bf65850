/*-------------------------------------------------------------------------
 *
 * live_owners.h
 *	  Is what a part of a backup uses as it is still what it was?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_OWNERS_H
#define NEX_LIVE_OWNERS_H

#include "restore_plan.h"

#define OTHER_OWNER_HINT                                                                           \
	"If you trust the new owner, use --rows-as=session.  Otherwise change the owner, or restore "  \
	"into a new database (--to=NEWDB) of a server that holds nothing else."

/*
 * See that what is there already and is used by the part has the kind that it
 * had, and the owner, unless that is a superuser or the role of the session
 * now (`superusers` has their names), and is what it was when the part was
 * chosen; with `locks`, none of it can be dropped or renamed until the end of
 * the transaction.  False (reported) if not.
 */
extern bool live_owners_check(const RestorePlan *plan, Connection *connection,
							  const PGresult *superusers, bool locks);

#endif /* NEX_LIVE_OWNERS_H */
