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

#include "archive_toc.h"
#include "restore_plan.h"
#include "session_rights.h"

/*
 * Before a part is restored: false (reported) if a definition of it would compute
 * something that is there and calls one.
 */
extern bool given_code_check(const RestorePlan *plan, Connection *connection);

/*
 * Rows are to be added to the live table `shown`, quoted, with the rights of the session, if not
 * with its owner's.  With `defaults`, the table may have columns that the rows have not.
 * False (reported) if they would make the table call one.
 */
extern bool given_code_check_rows(Connection *connection, const char *shown, bool defaults,
								  const RowRights *rights);

/*
 * Would the entry, when it is restored, call one by a value of a type (without
 * `whole`, a domain alone checks nothing); by the bounds of a partition of a
 * table; when its constraint `name` of `whole`, quoted, is validated; or when it
 * is filled, `target`, quoted?  False (reported) if it would.  All of these are
 * there by then.
 */
extern bool given_code_check_type(Connection *connection, const TocEntry *entry, const char *schema,
								  const char *name, bool whole);
extern bool given_code_check_key(Connection *connection, const TocEntry *entry, const char *schema,
								 const char *name);
extern bool given_code_check_view(Connection *connection, const TocEntry *entry,
								  const char *target);
extern bool given_code_check_constraint(Connection *connection, const TocEntry *entry,
										const char *whole, const char *name);

/* Before ANALYZE: would statistics that were made call one?  False (reported) if they would. */
extern bool given_code_check_statistics(const RestorePlan *plan, Connection *connection);

#endif /* NEX_GIVEN_CODE_H */
