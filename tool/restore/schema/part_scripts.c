/*-------------------------------------------------------------------------
 *
 * part_scripts.c
 *	  Entries of a part, run out of one script that has them all.
 *
 * A part of many tables is made in many steps, as owners have their turns in
 * between.  A pg_restore for each step would read the whole archive each time,
 * and take longer than the server for all that it is to do.  So pg_restore
 * writes everything once, what it wrote is cut into entries (entry_scripts.c),
 * and what stands together is sent together.
 *
 * Texts with doubled backslashes, of 0.2.0, are for pg_restore's own head, and
 * come from a pg_restore of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "part_scripts.h"

#include <stdlib.h>
#include <string.h>

#include "in_place_scripts.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "part_lists.h"

static bool
read_scripts(const RestorePlan *plan, Connection *connection)
{
	if (plan->progress->scripts != NULL)
		return true;
	plan->progress->scripts = xcalloc(1, sizeof(*plan->progress->scripts));
	return entry_scripts_read(plan, plan->progress->scripts) &&
		   in_place_run_head(connection, plan->progress->scripts->head);
}

const EntryScript *
part_script(const RestorePlan *plan, Connection *connection, const TocEntry *entry)
{
	const EntryScript *script;

	if (!read_scripts(plan, connection))
		return NULL;
	script = entry_scripts_find(plan->progress->scripts, entry->id);
	if (script == NULL)
		report_error(EXIT_FAILED, NULL, NULL, "could not read the definition of %s \"%s\"",
					 entry->kind, entry->tag);
	return script;
}

bool
part_scripts_usable(const RestorePlan *plan, Connection *connection, bool *usable)
{
	if (!read_scripts(plan, connection))
		return false;
	*usable = !in_place_doubles_backslashes(plan->progress->scripts->head);
	return true;
}

bool
part_scripts_run(const RestorePlan *plan, Connection *connection, const RenameMap *map,
				 const int *ids, uint32_t count, const char *failure)
{
	Buffer texts;
	bool usable;
	bool good;
	uint32_t i;

	if (count == 0)
		return true;
	if (!part_scripts_usable(plan, connection, &usable))
		return false;
	if (!usable)
		return in_place_run_list(plan, connection, map, partial_list_of(plan, ids, count), failure);
	buffer_init(&texts);
	buffer_append_string(&texts, "");
	for (i = 0; i < count; i++)
	{
		const EntryScript *script = entry_scripts_find(plan->progress->scripts, ids[i]);

		/* An entry without statements has none. */
		if (script != NULL)
			buffer_printf(&texts, "%s\n%s\n", script->settings, script->text);
	}
	good = in_place_run_text(connection, map, texts.data, failure);
	buffer_free(&texts);
	return good && !stop_requested();
}
