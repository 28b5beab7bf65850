/*-------------------------------------------------------------------------
 *
 * quoted_statements.h
 *	  Statements of a backup in messages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_QUOTED_STATEMENTS_H
#define NEX_QUOTED_STATEMENTS_H

#include <stdbool.h>

#include "restore_plan.h"
#include "subprocess.h"

/* May the statement hold a password, as options of user mappings and subscriptions do? */
extern bool statement_may_be_secret(const char *statement);

/*
 * The error of pg_restore_error(), or NULL, as the detail of a message: with
 * the object that it is about, marked as the server's words are (withheld.h),
 * and without a statement that may be secret.  Caller frees.
 */
extern char *pg_restore_detail(const RestorePlan *plan, const SubprocessResult *result,
							   const char *error);

#endif /* NEX_QUOTED_STATEMENTS_H */
