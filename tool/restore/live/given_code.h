/*-------------------------------------------------------------------------
 *
 * given_code.h
 *	  Functions that run what they are given, on objects of superusers and of
 *	  the session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GIVEN_CODE_H
#define NEX_GIVEN_CODE_H

#include "restore_plan.h"
#include "session_rights.h"

/*
 * Before a part is restored, and again when its extensions are there and
 * nothing is computed yet: false (reported) if a definition of it would call one.
 */
extern bool given_code_check(const RestorePlan *plan, Connection *connection);

/*
 * Rows are to be added to the live table `shown`, quoted, with the rights of the session, if not
 * with its owner's.  False (reported) if they would make the table call one.
 */
extern bool given_code_check_rows(Connection *connection, const char *shown,
								  const RowRights *rights);

#endif /* NEX_GIVEN_CODE_H */
