/*-------------------------------------------------------------------------
 *
 * own_path.h
 *	  Trying something again with the search_path of the database itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWN_PATH_H
#define NEX_OWN_PATH_H

#include "restore_plan.h"

/* Is it a failure that a search_path can be the cause of? */
extern bool own_path_may_help(const char *state);

/*
 * Within a transaction: let functions that set no search_path have the one that
 * `owner` has in this database.  `as_owner`: what follows is run by the server
 * with the rights of that role.  *unpin is what takes it back before the
 * commit; caller frees.  False, without a report, if this may not be done or
 * fails: then roll back.
 */
extern bool own_path_pin(const RestorePlan *plan, Connection *connection, const char *owner,
						 bool as_owner, char **unpin);

#endif /* NEX_OWN_PATH_H */
