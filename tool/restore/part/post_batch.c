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
#include "author_turn.h"
#include "bound_objects.h"
#include "entry_calls.h"
#include "forced_keys.h"
#include "in_place_scripts.h"
#include "late_checks.h"
#include "memory.h"
#include "part_lists.h"
#include "planned_steps.h"
#include "rights_meanwhile.h"
#include "table_turns.h"

/* One by one: no pg_restore for each table that is protected.  False (reported) on failure. */
static bool
run_texts(PostBatch *batch)
{
	const ArchiveToc *toc = &batch->plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < batch->count; i++)
	{
		const EntryScript *script = author_turn_script(batch->plan, batch->connection,
													   archive_toc_find(toc, batch->ids[i]));

		good = script != NULL && in_place_run_head(batch->connection, script->settings) &&
			   in_place_run_text(batch->connection, batch->map, script->text, POST_DATA_FAILURE);
	}
	return good;
}

/* Texts with doubled backslashes, of 0.2.0, are for pg_restore's own head. */
static bool
has_texts(const PostBatch *batch)
{
	return batch->texts && batch->plan->scripts != NULL &&
		   !in_place_doubles_backslashes(batch->plan->scripts->head);
}

bool
batch_run(PostBatch *batch)
{
	bool good = true;

	if (batch->count > 0 && has_texts(batch))
		good = run_texts(batch);
	else if (batch->count > 0)
		good = in_place_run_list(batch->plan, batch->connection, batch->map,
								 partial_list_of(batch->plan, batch->ids, batch->count),
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

static bool
plan_key(PostBatch *batch, const TocEntry *entry, const BeforeTurn *before, bool *done)
{
	return (batch->plain || batch_run_and_look(batch)) &&
		   planned_step_run(batch->plan, batch->connection, batch->map, entry, before, done);
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
		return plan_key(batch, entry, before, done);
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
	if (!author_turn_decide(batch->plan, batch->connection, entry, done))
		return false;
	if (*done)
		return batch_run(batch) &&
			   author_turn_run(batch->plan, batch->connection, batch->map, entry);
	if (toc_entry_is(entry, "CHECK CONSTRAINT"))
		return batch_run_and_look(batch) &&
			   late_check_run(batch->connection, batch->map, entry, done);
	if (toc_entry_is(entry, "CONSTRAINT"))
		return table_turns_prepare_key(batch->plan, batch->connection, batch->map, entry, &before);
	if (!toc_entry_is_any(entry, kinds))
		return true;
	if (toc_entry_is(entry, "FK CONSTRAINT"))
		return batch_key(batch, entry, &before, done);
	return (batch->plain || batch_run_and_look(batch)) &&
		   planned_step_run(batch->plan, batch->connection, batch->map, entry, &before, done);
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
in_place_take(RestorePlan *plan, Connection *connection, const RenameMap *map,
			  const TocEntry *const *entries, uint32_t count)
{
	PostBatch batch = {plan, connection, map, NULL, 0, true, true};
	bool good = author_turn_script(plan, connection, entries[0]) != NULL;
	uint32_t i;

	batch.ids = xcalloc((size_t) count + 1, sizeof(int));
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
	free(batch.ids);
	return good;
}
