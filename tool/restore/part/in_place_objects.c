/*-------------------------------------------------------------------------
 *
 * in_place_objects.c
 *	  What comes before the rows, into a database that exists.
 *
 * The order is that of the archive, and what the session makes is run together
 * until somebody else has a turn.  Tables of one owner that follow each other
 * are made in one turn (author_group.c).  Their sequences, and comments, stand
 * in between: these can wait until the tables are there, unless the next one
 * needs them.
 *
 *-------------------------------------------------------------------------
 */
#include "in_place_objects.h"

#include <stdlib.h>
#include <string.h>

#include "author_group.h"
#include "author_kinds.h"
#include "author_turn.h"
#include "bound_objects.h"
#include "in_place_scripts.h"
#include "interrupt.h"
#include "live_classes.h"
#include "live_refusal.h"
#include "live_types.h"
#include "memory.h"
#include "owner_tables.h"
#include "part_lists.h"
#include "part_scripts.h"
#include "rights_meanwhile.h"
#include "role_changes.h"
#include "table_turns.h"

/* What is not made yet: the group comes first. */
typedef struct Pending
{
	const RestorePlan *plan;
	Connection *connection;
	const RenameMap *map;
	AuthorGroup group;
	int *ids;
	uint32_t count;
} Pending;

/*
 * Does the owner make the table?  A text with doubled backslashes, of 0.2.0, is
 * for the session to read; but what a wrapper asks, it must ask the owner.
 */
static bool
decide_table(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
			 const char *script, bool *owners)
{
	if (!owner_tables_decide(plan, connection, entry, owners))
		return false;
	if (!*owners || !in_place_doubles_backslashes(script))
		return true;
	*owners = false;
	return !toc_entry_is(entry, "FOREIGN TABLE") ||
		   live_code_refuse(entry, "Its options were written with standard_conforming_strings off, "
								   "and others than its owner cannot be trusted to say them.");
}

/* Expressions of these are computed as far as they are constant when the table is made. */
static bool
computes_at_once(const TocEntry *entry)
{
	return toc_entry_is_table(entry) && entry->definition != NULL &&
		   (strstr(entry->definition, " GENERATED ALWAYS AS (") != NULL ||
			strstr(entry->definition, " PARTITION BY ") != NULL);
}

static bool
run_pending(Pending *pending)
{
	bool good = author_group_run(&pending->group, pending->connection, pending->map) &&
				part_scripts_run(pending->plan, pending->connection, pending->map, pending->ids,
								 pending->count, PRE_DATA_FAILURE);

	pending->count = 0;
	return good && rights_settle(pending->plan, pending->connection, pending->map);
}

/* Before what calls functions that were made: they must be those of the backup. */
static bool
run_and_look(Pending *pending)
{
	return run_pending(pending) &&
		   (pending->plan->fate != TARGET_LIVE ||
			bound_objects_settle(pending->plan, pending->connection, pending->map));
}

/* The same before the session makes what reads values: what do their types compute? */
static bool
look_for(Pending *pending, const TocEntry *entry)
{
	return run_and_look(pending) &&
		   live_types_check_late(pending->plan, pending->connection, entry);
}

static bool
run_before(void *pending)
{
	return run_and_look(pending);
}

/* Extensions may make roles; nothing else of a part does. */
static bool
run_extension(Pending *pending, const TocEntry *entry)
{
	if (!run_pending(pending))
		return false;
	pending->ids[pending->count++] = entry->id;
	return run_pending(pending) && (pending->plan->fate != TARGET_LIVE ||
									role_changes_note(pending->plan, pending->connection));
}

/* What compares by it comes behind it, and must not call what others have put there. */
static bool
run_class(Pending *pending, const TocEntry *entry)
{
	if (!run_pending(pending))
		return false;
	pending->ids[pending->count++] = entry->id;
	return run_pending(pending) &&
		   (pending->plan->fate != TARGET_LIVE ||
			(bound_objects_check(pending->plan, pending->connection, pending->map) &&
			 live_classes_check_made(pending->plan, pending->connection, entry)));
}

/* ---- tables ---- */

/* What makes it, and with which settings of the session; these are NULL if they were run. */
static bool
read_table(const Pending *pending, const TocEntry *entry, Buffer *renamed, const char **settings)
{
	const RestorePlan *plan = pending->plan;
	const EntryScript *text;
	Buffer script;
	char *list;
	bool usable;
	bool good;

	*settings = NULL;
	if (!part_scripts_usable(plan, pending->connection, &usable))
		return false;
	if (usable)
	{
		text = part_script(plan, pending->connection, entry);
		if (text == NULL)
			return false;
		*settings = text->settings;
		rename_script(pending->map, text->text, renamed);
		return true;
	}
	buffer_init(&script);
	list = partial_list_of(plan, &entry->id, 1);
	good = list != NULL && in_place_write_script(plan, list, &script);
	if (good)
		rename_script(pending->map, script.data, renamed);
	buffer_free(&script);
	free(list);
	return good;
}

/* By its owner. */
static bool
add_table(Pending *pending, const TocEntry *entry, const char *script, const char *settings)
{
	Buffer first;
	Buffer then;
	bool good;

	buffer_init(&first);
	buffer_init(&then);
	owner_tables_split(script, &first, &then);
	good = author_group_add(&pending->group, pending->connection, pending->map, entry,
							settings != NULL ? settings : first.data, then.data,
							owner_tables_changes(pending->plan, entry), run_before, pending);
	buffer_free(&first);
	buffer_free(&then);
	return good;
}

/* By the session, but for what comes behind the table itself. */
static bool
run_table(Pending *pending, const TocEntry *entry, const char *script, const char *settings)
{
	Connection *connection = pending->connection;
	Buffer first;
	Buffer then;
	bool good;

	buffer_init(&first);
	buffer_init(&then);
	table_turns_split(script, &first, &then);
	good = look_for(pending, entry) &&
		   (settings == NULL || in_place_run_head(connection, settings)) &&
		   in_place_run_script(connection, first.data, PRE_DATA_FAILURE) &&
		   table_turns_run(pending->plan, connection, entry, then.data);
	buffer_free(&first);
	buffer_free(&then);
	return good;
}

/* Can what is to come behind the group wait until the table is made, too? */
static bool
can_wait(const Pending *pending, const TocEntry *entry)
{
	uint32_t i;
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		for (i = 0; i < pending->count; i++)
		{
			if (pending->ids[i] == entry->depends_on[d])
				return false;
		}
	}
	return true;
}

static bool
take_table(Pending *pending, const TocEntry *entry)
{
	const char *settings;
	bool owners = false;
	Buffer script;
	bool good;

	buffer_init(&script);
	good = (pending->group.count > 0 && can_wait(pending, entry)) || run_and_look(pending);
	good = good && read_table(pending, entry, &script, &settings) &&
		   decide_table(pending->plan, pending->connection, entry, script.data, &owners);
	if (good)
		good = owners ? add_table(pending, entry, script.data, settings)
					  : run_table(pending, entry, script.data, settings);
	buffer_free(&script);
	return good && !stop_requested();
}

/* ---- all objects ---- */

/* What an author makes that is no table has a turn of its own: author_group.c. */
static bool
take_author(Pending *pending, const TocEntry *entry)
{
	const CatalogChange *changes = author_kind_changes(&pending->plan->selection->toc, entry);
	const EntryScript *script;
	Buffer statements;
	bool good;

	if (!run_pending(pending))
		return false;
	buffer_init(&statements);
	script = author_turn_statements(pending->plan, pending->connection, pending->map, entry,
									&statements);
	good = script != NULL &&
		   author_group_add(&pending->group, pending->connection, pending->map, entry,
							script->settings, statements.data, changes, run_before, pending) &&
		   author_group_run(&pending->group, pending->connection, pending->map);
	buffer_free(&statements);
	return good;
}

/* By the session. */
static bool
take_entry(Pending *pending, const TocEntry *entry)
{
	static const char *const waiting[] = {"SEQUENCE", "SEQUENCE OWNED BY", "COMMENT", NULL};

	if (toc_entry_is(entry, "EXTENSION"))
		return run_extension(pending, entry);
	if (toc_entry_is(entry, "OPERATOR CLASS"))
		return run_class(pending, entry);
	if ((computes_at_once(entry) || live_types_are_late(pending->plan, entry)) &&
		!look_for(pending, entry))
		return false;
	if (pending->group.count > 0 && !toc_entry_is_any(entry, waiting) && !run_pending(pending))
		return false;
	pending->ids[pending->count++] = entry->id;
	return true;
}

bool
in_place_objects(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const ArchiveToc *toc = &plan->selection->toc;
	Pending pending = {.plan = plan, .connection = connection, .map = map};
	bool good = true;
	uint32_t i;

	pending.ids = xcalloc((size_t) toc->count + 1, sizeof(int));
	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];
		bool author;

		if (partial_is_in_list(plan, entry, LIST_RIGHTS))
			rights_note(plan, entry);
		if (!partial_is_in_list(plan, entry, LIST_OBJECTS))
			continue;
		good = author_turn_decide(plan, connection, entry, &author);
		if (good && author)
			good = take_author(&pending, entry);
		else if (good && table_turns_has(plan, entry))
			good = take_table(&pending, entry);
		else if (good)
			good = take_entry(&pending, entry);
		rights_note(plan, entry);
		bound_objects_note(plan, entry);
	}
	good = good && run_pending(&pending);
	author_group_free(&pending.group);
	free(pending.ids);
	return good;
}
