/*-------------------------------------------------------------------------
 *
 * restore_plan.c
 *	  What is to be restored, and where, and how far it has come.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_plan.h"

#include "log.h"

bool
restore_without_errors(const RestorePlan *plan)
{
	return plan->errors != NULL || log_errors().count == plan->reported;
}
