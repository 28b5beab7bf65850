/*-------------------------------------------------------------------------
 *
 * live_code.h
 *	  Definitions of a backup that would run code of the live database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIVE_CODE_H
#define NEX_LIVE_CODE_H

#include "restore_plan.h"

/*
 * See that no definition of the part runs code of a role that is no
 * superuser, while it is restored into a database that exists; the types that
 * it uses cannot be renamed until the end of the transaction.  False
 * (reported) if one would.
 */
extern bool live_code_check(const RestorePlan *plan, Connection *connection);

#endif /* NEX_LIVE_CODE_H */
