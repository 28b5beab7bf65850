/*-------------------------------------------------------------------------
 *
 * globals_report.c
 *	  What a restore of the globals says of itself.
 *
 *-------------------------------------------------------------------------
 */
#include "globals_report.h"

#include <stdio.h>

#include "output.h"

json_t *
globals_restore_json(const GlobalsResult *result)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "roles_created", result->roles_created,
					 "roles_altered", result->roles_altered, "roles_kept", result->roles_kept,
					 "roles_unchanged", result->roles_unchanged, "memberships", result->memberships,
					 "tablespaces_created", result->tablespaces_created, "tablespaces_left",
					 result->tablespaces_left);
}

void
globals_restore_print(const GlobalsResult *result, double seconds)
{
	show_text("restored the globals of %s: %s created, %d altered, %d kept, %d unchanged; %s; %s "
			  "created, %d left; in %s\n",
			  result->backup.id, pretty_number_of((uint64_t) result->roles_created, "role"),
			  result->roles_altered, result->roles_kept, result->roles_unchanged,
			  pretty_number_of((uint64_t) result->memberships, "membership"),
			  pretty_number_of((uint64_t) result->tablespaces_created, "tablespace"),
			  result->tablespaces_left, pretty_duration(seconds));
}
