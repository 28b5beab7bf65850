/*-------------------------------------------------------------------------
 *
 * pg_restore_options.c
 *	  Options that each pg_restore gets.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_restore_options.h"

#include "owner_settings.h"
#include "restore_settings.h"
#include "settings.h"

void
pg_restore_add_options(const RestorePlan *plan, const char **argv, size_t *count)
{
	if (plan->settings->owners->no_owner)
		argv[(*count)++] = "--no-owner";
	if (plan->settings->owners->no_privileges)
		argv[(*count)++] = "--no-privileges";
	if (plan->settings->restore->no_tablespaces)
		argv[(*count)++] = "--no-tablespaces";
	argv[*count] = NULL;
}
