/*-------------------------------------------------------------------------
 *
 * post_batch.c
 *	  Entries that come after the rows, made together or one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "post_batch.h"

#include <stdlib.h>
#include <string.h>

#include "archive_toc.h"
#include "author_kinds.h"
#include "author_turn.h"
#include "bound_objects.h"
#include "entry_calls.h"
#include "forced_keys.h"
#include "in_place_scripts.h"
#include "late_checks.h"
#include "memory.h"
#include "part_lists.h"
#include "part_scripts.h"
#include "planned_steps.h"
#include "protections_state.h"
#include "rights_meanwhile.h"
#include "table_turns.h"

PostBatch
batch_of(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	PostBatch batch = {.plan = plan, .connection = connection, .map = map, .plain = true};

	batch.ids = xcalloc((size_t) plan->selection->toc.count + 1, sizeof(int));
	batch.clean = xcalloc((size_t) plan->selection->toc.count + 1, sizeof(*batch.clean));
	return batch;
}

void
batch_free(PostBatch *batch)
{
	author_group_free(&batch->group);
	free(batch->ids);
	free(batch->clean);
}

bool
batch_run(PostBatch *batch)
{
	bool good;

	batch->round += batch->group.count > 0;
	good = author_group_run(&batch->group, batch->connection, batch->map) &&
		   part_scripts_run(batch->plan, batch->connection, batch->map, batch->ids, batch->count,
							POST_DATA_FAILURE);

	batch->count = 0;
	batch->plain = true;
	return good && rights_settle(batch->plan, batch->connection, batch->map);
}

/* Before what calls functions that were made: they must be those of the backup. */
bool
batch_run_and_look(PostBatch *batch)
{
	return batch_run(batch) && bound_objects_settle(batch->plan, batch->connection, batch->map);
}

void
batch_add(PostBatch *batch, const TocEntry *entry)
{
	batch->ids[batch->count++] = entry->id;
	batch->plain = batch->plain &&
				   (toc_entry_is(entry, "FK CONSTRAINT") || toc_entry_is(entry, "TABLE ATTACH"));
}

/*
 * Before anybody else has a turn: what is in the batch was looked at, and
 * their code could change what was seen.
 */
static bool
run_pending(void *batch)
{
	return batch_run(batch);
}

/*
 * One that its author makes: with those that it made before, if these are of
 * the same kind.  What the session makes meanwhile are indexes, too, which can
 * as well come behind theirs.
 */
static bool
add_author(PostBatch *batch, const TocEntry *entry)
{
	const CatalogChange *changes = author_kind_changes(&batch->plan->selection->toc, entry);
	const EntryScript *script;
	Buffer statements;
	bool good;

	if (batch->group.count == 0 && !batch_run(batch))
		return false;
	buffer_init(&statements);
	script = author_turn_statements(batch->plan, batch->connection, batch->map, entry, &statements);
	good = script != NULL &&
		   author_group_add(&batch->group, batch->connection, batch->map, entry, script->settings,
							statements.data, changes, run_pending, batch);
	buffer_free(&statements);
	return good;
}

/* Is what its author makes, and is not made yet, to be made before this entry? */
static bool
ends_group(const PostBatch *batch, const TocEntry *entry)
{
	const TocEntry *first = batch->group.count > 0 ? batch->group.entries[0].entry : NULL;

	return first != NULL && (strcmp(first->kind, entry->kind) != 0 ||
							 (batch->count > 0 && !toc_entry_is(entry, "INDEX")));
}

/* ---- what is planned ---- */

/* Those that go together: if others have code in one of them, the others may have none. */
static bool
judge(PostBatch *batch, const TocEntry *const *entries, uint32_t count)
{
	bool clean;
	uint32_t i;

	if (count == 0 ||
		!planned_steps_clean(batch->plan, batch->connection, batch->map, entries, count, &clean))
		return count == 0;
	for (i = 0; clean && i < count; i++)
		batch->clean[entries[i]->place] = batch->round + 1;
	if (clean || count == 1)
		return true;
	return judge(batch, entries, count / 2) && judge(batch, entries + count / 2, count - count / 2);
}

bool
batch_judge(PostBatch *batch, const TocEntry *entry, PartialList list)
{
	static const char *const kinds[] = {"FK CONSTRAINT", "TABLE ATTACH", "INDEX ATTACH", NULL};
	const ArchiveToc *toc = &batch->plan->selection->toc;
	const Protections *protections = batch->plan->progress->protections;
	const TocEntry **entries;
	uint32_t count = 0;
	uint32_t i;
	bool good;

	if (entry->place < batch->judged || !toc_entry_is_any(entry, kinds))
		return true;
	entries = xcalloc((size_t) (toc->count - entry->place) + 1, sizeof(*entries));
	for (i = entry->place; i < toc->count; i++)
	{
		const TocEntry *other = &toc->entries[i];

		if (!partial_is_in_list(batch->plan, other, list) ||
			(protections != NULL && protections->made[other->place]))
			continue;
		if (strcmp(other->kind, entry->kind) != 0)
			break;
		entries[count++] = other;
	}
	batch->judged = i;
	good = count < 2 || ((batch->plain && batch->group.count == 0) || batch_run_and_look(batch));
	if (good && count >= 2)
		good = judge(batch, entries, count);
	free(entries);
	return good;
}

static bool
is_clean(const PostBatch *batch, const TocEntry *entry)
{
	return batch->clean[entry->place] == batch->round + 1;
}

static bool
plan_step(PostBatch *batch, const TocEntry *entry, const BeforeTurn *before, bool *done)
{
	bool good = planned_step_run(batch->plan, batch->connection, batch->map, entry, before, done);

	batch->round += *done;
	return good;
}

static bool
plan_key(PostBatch *batch, const TocEntry *entry, const BeforeTurn *before, bool *done)
{
	return (batch->plain || batch_run_and_look(batch)) && plan_step(batch, entry, before, done);
}

/* A foreign key; its check must see the rows that row security hides from the owner, too. */
static bool
batch_key(PostBatch *batch, const TocEntry *entry, const BeforeTurn *before, bool *done)
{
	char *open;
	char *back;
	bool good;

	if (!protections_open_forced(batch->plan, batch->connection, batch->map, entry, &open, &back))
		return false;
	if (open == NULL)
		return is_clean(batch, entry) || plan_key(batch, entry, before, done);
	good = batch_run_and_look(batch) && connection_command(batch->connection, open) &&
		   plan_key(batch, entry, before, done);
	if (good && !*done)
	{
		batch_add(batch, entry);
		good = batch_run(batch);
		*done = true;
	}
	good = good && connection_command(batch->connection, back);
	free(open);
	free(back);
	return good;
}

/*
 * One entry for which the server plans queries: what computes code of others
 * is run as their owner, and all else with the batch.
 */
bool
batch_plan(PostBatch *batch, const TocEntry *entry, bool *done)
{
	static const char *const kinds[] = {"FK CONSTRAINT", "TABLE ATTACH", "INDEX ATTACH", NULL};
	BeforeTurn before = {run_pending, batch};

	*done = false;
	if ((ends_group(batch, entry) && !batch_run(batch)) ||
		!author_turn_decide(batch->plan, batch->connection, entry, done))
		return false;
	if (*done)
		return add_author(batch, entry);
	if (toc_entry_is(entry, "CHECK CONSTRAINT"))
		return batch_run_and_look(batch) &&
			   late_check_run(batch->connection, batch->map, entry, done);
	if (toc_entry_is(entry, "CONSTRAINT"))
		return table_turns_prepare_key(batch->plan, batch->connection, batch->map, entry, &before);
	if (!toc_entry_is_any(entry, kinds))
		return true;
	if (toc_entry_is(entry, "FK CONSTRAINT"))
		return batch_key(batch, entry, &before, done);
	if (is_clean(batch, entry))
		return true;
	return (batch->plain || batch_run_and_look(batch)) && plan_step(batch, entry, &before, done);
}

/* One entry whose code may change no definition but by what the entry itself is. */
bool
batch_run_watched(PostBatch *batch, const TocEntry *entry, DefinitionsStep step)
{
	Definitions before;
	char *label;
	char *what;
	bool good;

	if (!batch_run_and_look(batch) || !definitions_read(batch->connection, step, &before))
		return false;
	batch->ids[batch->count++] = entry->id;
	if (!batch_run(batch))
	{
		definitions_free(&before);
		return false;
	}
	label = toc_entry_label(entry);
	what = xasprintf("%s was restored", label);
	good = definitions_same(batch->connection, &before, what);
	free(what);
	free(label);
	return good;
}

/* One entry that the session restores. */
bool
batch_take(PostBatch *batch, const TocEntry *entry)
{
	if (!entry_calls_functions(entry))
	{
		batch_add(batch, entry);
		return true;
	}
	return batch_run_watched(
		batch, entry,
		strstr(entry->definition, " SET STATISTICS ") != NULL ? STEP_INDEX_OPTIONS : STEP_INDEX);
}

bool
in_place_take(const RestorePlan *plan, Connection *connection, const RenameMap *map,
			  const TocEntry *const *entries, uint32_t count)
{
	PostBatch batch = batch_of(plan, connection, map);
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < count; i++)
	{
		bool done;

		good = batch_plan(&batch, entries[i], &done);
		if (good && !done)
			good = batch_take(&batch, entries[i]);
		rights_note(plan, entries[i]);
		bound_objects_note(plan, entries[i]);
	}
	good = good && batch_run_and_look(&batch);
	batch_free(&batch);
	return good;
}
