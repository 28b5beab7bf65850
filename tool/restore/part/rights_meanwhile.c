/*-------------------------------------------------------------------------
 *
 * rights_meanwhile.c
 *	  Who may use what has been restored while code of others still runs.
 *
 * A part goes into a live database object by object, and roles that own some
 * of them have their turns in between (author_turn.c), in which their code may
 * run.  What it can reach must not be more than what it can reach afterwards:
 *
 * - A new function can be called by PUBLIC, a type used, and default privileges
 *   of the live database add to that.  So what is not a table gets exactly the
 *   privileges of the backup before anybody has a turn.  That is also what
 *   turns need: USAGE of schemas and types, EXECUTE of functions.
 * - A table is its owner's alone until everything else is done; pg_restore
 *   grants at the end, too.  Only materialized views are filled after that,
 *   because their queries may need the grants.  That alone does not keep others
 *   away, who can have functions with the owner's rights: protections.c.
 *
 * With --no-privileges nothing of that comes from the backup, but what PUBLIC
 * could not use there, it cannot use here (public_rights.c).  What default
 * privileges give on a table is taken away, and given back at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "rights_meanwhile.h"

#include <stdlib.h>
#include <string.h>

#include "author_turn.h"
#include "default_grants.h"
#include "entry_scripts.h"
#include "in_place_scripts.h"
#include "member_grants.h"
#include "memory.h"
#include "owner_settings.h"
#include "part_lists.h"
#include "part_scripts.h"
#include "public_rights.h"
#include "settings.h"

#define FAILURE "could not restore privileges"

struct MeanwhileRights
{
	uint32_t *places; /* of entries, in the order of the archive */
	uint32_t count;
	Lines back; /* statements that give default privileges back */
};

static MeanwhileRights *
rights_of(const RestorePlan *plan)
{
	if (plan->progress->rights == NULL)
	{
		plan->progress->rights = xcalloc(1, sizeof(*plan->progress->rights));
		plan->progress->rights->places = xcalloc((size_t) plan->selection->toc.count + 1,
												 sizeof(*plan->progress->rights->places));
	}
	return plan->progress->rights;
}

void
rights_free(MeanwhileRights *rights)
{
	if (rights == NULL)
		return;
	lines_free(&rights->back);
	free(rights->places);
	free(rights);
}

void
rights_note(const RestorePlan *plan, const TocEntry *entry)
{
	MeanwhileRights *rights = rights_of(plan);

	rights->places[rights->count++] = entry->place;
}

/* Grants on what extensions have brought that were not there. */
static bool
grant_members(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	char *list;

	return member_grants_choose(plan, connection, &list) &&
		   (list == NULL || in_place_run_list(plan, connection, map, list, FAILURE));
}

bool
rights_settle(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	MeanwhileRights *rights = rights_of(plan);
	const ArchiveToc *toc = &plan->selection->toc;
	bool none = plan->settings->owners->no_privileges;
	int *ids;
	uint32_t count = 0;
	bool members = false;
	bool good = true;
	uint32_t i;

	if (rights->count == 0)
		return true;
	ids = xcalloc((size_t) rights->count, sizeof(int));
	for (i = 0; good && i < rights->count; i++)
	{
		const TocEntry *entry = &toc->entries[rights->places[i]];

		if (toc_entry_is(entry, "ACL") && none)
			good = public_rights_take(plan, connection, map, entry);
		else if (toc_entry_is(entry, "ACL"))
			ids[count++] = entry->id;
		else if (!none)
			good = default_grants_reset(connection, map, entry);
		else if (toc_entry_is_relation(entry))
			good = default_grants_take(connection, map, entry, &rights->back);
		members = members || toc_entry_is(entry, "EXTENSION");
	}
	rights->count = 0;
	good = good && part_scripts_run(plan, connection, map, ids, count, FAILURE) &&
		   (!members || (none ? public_rights_take_members(plan, connection, map)
							  : grant_members(plan, connection, map)));
	free(ids);
	return good;
}

bool
rights_give(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	MeanwhileRights *rights = rights_of(plan);
	bool good = rights_settle(plan, connection, map);
	uint32_t i;

	for (i = 0; good && i < rights->back.count; i++)
		good = connection_command(connection, rights->back.lines[i]);
	if (!good || plan->settings->owners->no_privileges)
		return good;
	member_grants_report(plan);
	return in_place_run_list(plan, connection, map, partial_list(plan, LIST_GRANTS), FAILURE);
}
