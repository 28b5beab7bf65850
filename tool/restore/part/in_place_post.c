/*-------------------------------------------------------------------------
 *
 * in_place_post.c
 *	  Partitions, and indexes, constraints and all that comes after the rows,
 *	  into a database that exists.
 *
 * Most of it runs no code of others, or was refused (live_code.c), but is run
 * by name with the rights of the session: a literal is read.  What plans
 * queries over tables is looked at first (planned_steps.c).  In between, the
 * server calls functions of an index or a materialized view as the owner of the
 * table, in our session.  So each index that does more than compare columns is
 * built alone, and what it calls may change no definition.  Grants on tables
 * come when all of that is there (rights_meanwhile.c); row security, policies,
 * rules and triggers have come with the rows (protections.c).  Materialized
 * views come last: nothing comes after them that would run as anybody but an
 * owner.  Those of a superuser or of the session are looked at after what
 * others have run (live_views.c).
 *
 * With --rows-as=session the archive's own order is kept.
 *
 *-------------------------------------------------------------------------
 */

#include <stdlib.h>
#include <string.h>

#include "bound_objects.h"
#include "definitions.h"
#include "in_place_post.h"
#include "in_place_scripts.h"
#include "look_plans.h"
#include "live_names.h"
#include "live_views.h"
#include "memory.h"
#include "part_lists.h"
#include "post_batch.h"
#include "protections.h"
#include "quote.h"
#include "rights_meanwhile.h"
#include "settings.h"
#include "turn_settings.h"

/* In the order of the archive. */
static bool
run_in_order(PostBatch *batch)
{
	const Selection *selection = batch->plan->selection;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool done;

		if (partial_is_in_list(batch->plan, entry, LIST_LATE_RIGHTS))
			rights_note(batch->plan, entry);
		if (!partial_is_in_list(batch->plan, entry, LIST_POST_DATA) ||
			protections_made(batch->plan, entry))
			continue;
		good = batch_judge(batch, entry, LIST_POST_DATA) && batch_plan(batch, entry, &done);
		if (good && !done)
			good = batch_take(batch, entry);
		rights_note(batch->plan, entry);
		bound_objects_note(batch->plan, entry);
	}
	return good && batch_run_and_look(batch);
}

/* The definition of the materialized view that is to be filled, or NULL. */
static const TocEntry *
view_of(const ArchiveToc *toc, const TocEntry *refresh)
{
	int d;

	for (d = 0; d < refresh->ndepends_on; d++)
	{
		const TocEntry *view = archive_toc_find(toc, refresh->depends_on[d]);

		if (view != NULL && toc_entry_is(view, "MATERIALIZED VIEW") &&
			strcmp(view->tag, refresh->tag) == 0 && strcmp(view->schema, refresh->schema) == 0)
			return view;
	}
	return NULL;
}

/* With the work_mem of the session: their queries can be of any size. */
static bool
fill_views(PostBatch *batch)
{
	return look_plans_pause(batch->connection) && batch_run(batch) &&
		   look_plans_go_on(batch->connection);
}

/*
 * What the query of a materialized view calls was found when it was made; what
 * it reads can be changed by what others run in our transaction, as when theirs
 * are filled.
 */
static bool
batch_add_view(PostBatch *batch, const TocEntry *refresh)
{
	const TocEntry *view = view_of(&batch->plan->selection->toc, refresh);
	const Renamed *renamed = rename_find(batch->map, refresh->schema, refresh->tag);
	bool trusted;
	bool good;
	Buffer target;

	buffer_init(&target);
	quote_qualified(&target, renamed != NULL ? renamed->schema : refresh->schema,
					renamed != NULL ? renamed->name : refresh->tag);
	good = live_view_is_trusted(batch->connection, target.data, &trusted);
	if (good && trusted && !batch->plain)
		good = fill_views(batch);
	if (good && view != NULL)
		good = live_names_check_bound(batch->plan, batch->connection, view, target.data);
	if (good && trusted)
		good = live_view_check(batch->plan, batch->connection, view != NULL ? view : refresh,
							   target.data);
	if (good)
		batch->ids[batch->count++] = refresh->id;
	batch->plain = batch->plain && trusted;
	buffer_free(&target);
	return good;
}

/*
 * What is computed now may do anything with the tables that were made, of which
 * triggers and policies have come last.
 */
static bool
look_before_views(PostBatch *batch)
{
	const Selection *selection = batch->plan->selection;
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		if (partial_is_in_list(batch->plan, &selection->toc.entries[i], LIST_REFRESH))
			return bound_objects_settle_rows(batch->plan, batch->connection, batch->map);
	}
	return true;
}

/*
 * What comes after that: partitions of live tables, which may want indexes,
 * grants, and materialized views.
 */
static bool
run_last(PostBatch *batch)
{
	const Selection *selection = batch->plan->selection;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool done;

		if (!partial_is_in_list(batch->plan, entry, LIST_LATE))
			continue;
		good = batch_plan(batch, entry, &done);
		if (!good || done)
			continue;
		if (toc_entry_is(entry, "TABLE ATTACH"))
			good = batch_run_watched(batch, entry, STEP_ATTACH);
		else
			batch_add(batch, entry);
		bound_objects_note(batch->plan, entry);
	}
	good = good && batch_run_and_look(batch) && look_before_views(batch) &&
		   protections_check(batch->plan, batch->connection, batch->map) &&
		   rights_give(batch->plan, batch->connection, batch->map);
	for (i = 0; good && i < selection->toc.count; i++)
	{
		if (partial_is_in_list(batch->plan, &selection->toc.entries[i], LIST_REFRESH))
			good = batch_add_view(batch, &selection->toc.entries[i]);
	}
	return good && fill_views(batch);
}

bool
in_place_attach(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const Selection *selection = plan->selection;
	PostBatch batch = batch_of(plan, connection, map);
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool done = false;

		if (!partial_is_in_list(plan, entry, LIST_ATTACH))
			continue;
		if (plan->settings->turns->rows_as != ROWS_AS_SESSION)
			good = batch_judge(&batch, entry, LIST_ATTACH) && batch_plan(&batch, entry, &done);
		if (good && !done)
			batch_add(&batch, entry);
	}
	good = good && batch_run(&batch);
	batch_free(&batch);
	return good;
}

/* In the archive's own order, but for grants. */
static bool
run_as_session(PostBatch *batch)
{
	static const PartialList lists[] = {LIST_POST_DATA, LIST_LATE};
	const Selection *selection = batch->plan->selection;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < sizeof(lists) / sizeof(lists[0]); i++)
		good = in_place_run_list(batch->plan, batch->connection, batch->map,
								 partial_list(batch->plan, lists[i]), POST_DATA_FAILURE);
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (partial_is_in_list(batch->plan, entry, LIST_POST_DATA) ||
			partial_is_in_list(batch->plan, entry, LIST_LATE_RIGHTS))
			rights_note(batch->plan, entry);
	}
	return good && rights_give(batch->plan, batch->connection, batch->map) &&
		   in_place_run_list(batch->plan, batch->connection, batch->map,
							 partial_list(batch->plan, LIST_REFRESH), POST_DATA_FAILURE);
}

bool
in_place_post_data(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	PostBatch batch = batch_of(plan, connection, map);
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		good = run_as_session(&batch);
	else
		/* Policies, rules and triggers have come with the rows. */
		good = bound_objects_settle_rows(plan, connection, map) && run_in_order(&batch) &&
			   run_last(&batch);
	batch_free(&batch);
	return good;
}
