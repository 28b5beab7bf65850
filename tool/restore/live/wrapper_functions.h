/*-------------------------------------------------------------------------
 *
 * wrapper_functions.h
 *	  Functions of foreign data wrappers that others have a say in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WRAPPER_FUNCTIONS_H
#define NEX_WRAPPER_FUNCTIONS_H

#include "restore_plan.h"

/*
 * Before the session makes foreign tables, servers or user mappings in a live
 * database: false (reported) if the options of one would be checked by code of
 * a role that is neither a superuser nor that of the session.
 */
extern bool wrapper_functions_check(const RestorePlan *plan, Connection *connection);

#endif /* NEX_WRAPPER_FUNCTIONS_H */
