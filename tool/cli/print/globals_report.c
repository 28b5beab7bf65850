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
globals_restore_json(const GlobalsRestore *restore)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "roles_created", restore->roles_created,
					 "roles_altered", restore->roles_altered, "roles_kept", restore->roles_kept,
					 "roles_unchanged", restore->roles_unchanged, "memberships",
					 restore->memberships, "tablespaces_created", restore->tablespaces_created,
					 "tablespaces_left", restore->tablespaces_left);
}

void
globals_restore_print(const GlobalsRestore *restore, double seconds)
{
	show_text("restored the globals of %s: %s created, %d altered, %d kept, %d unchanged; %s; %s "
			  "created, %d left; in %s\n",
			  restore->backup.id, pretty_number_of((uint64_t) restore->roles_created, "role"),
			  restore->roles_altered, restore->roles_kept, restore->roles_unchanged,
			  pretty_number_of((uint64_t) restore->memberships, "membership"),
			  pretty_number_of((uint64_t) restore->tablespaces_created, "tablespace"),
			  restore->tablespaces_left, pretty_duration(seconds));
}
