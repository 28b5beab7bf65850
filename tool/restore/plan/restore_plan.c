/*-------------------------------------------------------------------------
 *
 * restore_plan.c
 *	  What is to be restored, and where, and whether all is well.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_plan.h"

#include "log.h"

bool
restore_without_errors(const RestorePlan *plan)
{
	return plan->progress->errors != NULL || log_errors().count == plan->reported;
}
