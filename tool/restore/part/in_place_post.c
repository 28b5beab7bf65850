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
#include "partial.h"

#include <stdlib.h>
#include <string.h>

#include "author_turn.h"
#include "bound_objects.h"
#include "definitions.h"
#include "late_checks.h"
#include "live_names.h"
#include "live_views.h"
#include "memory.h"
#include "planned_steps.h"
#include "protections.h"
#include "quote.h"
#include "rights_meanwhile.h"
#include "row_rights.h"
#include "table_turns.h"

#define FAILURE "could not restore the post-data section"

/* What runs together. */
typedef struct Batch
{
	RestorePlan *plan;
	Connection *connection;
	const RenameMap *map;
	int *ids;
	uint32_t count;
	bool plain; /* nothing in it makes a table compute more than it did, or runs as others */
	bool texts; /* of few entries: take their scripts out of the one that has all */
} Batch;

/* One by one: no pg_restore for each table that is protected.  False (reported) on failure. */
static bool
run_texts(Batch *batch)
{
	const ArchiveToc *toc = &batch->plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < batch->count; i++)
	{
		const EntryScript *script = author_turn_script(batch->plan, batch->connection,
													   archive_toc_find(toc, batch->ids[i]));

		good = script != NULL && in_place_run_head(batch->connection, script->settings) &&
			   in_place_run_text(batch->connection, batch->map, script->text, FAILURE);
	}
	return good;
}

/* Texts with doubled backslashes, of 0.2.0, are for pg_restore's own head. */
static bool
has_texts(const Batch *batch)
{
	return batch->texts && batch->plan->scripts != NULL &&
		   !in_place_doubles_backslashes(batch->plan->scripts->head);
}

static bool
batch_run(Batch *batch)
{
	bool good = true;

	if (batch->count > 0 && has_texts(batch))
		good = run_texts(batch);
	else if (batch->count > 0)
		good = in_place_run_list(batch->plan, batch->connection, batch->map,
								 partial_list_of(batch->plan, batch->ids, batch->count), FAILURE);
	batch->count = 0;
	batch->plain = true;
	return good && rights_settle(batch->plan, batch->connection, batch->map);
}

/* Before what calls functions that were made: they must be those of the backup. */
static bool
batch_run_and_look(Batch *batch)
{
	return batch_run(batch) && bound_objects_settle(batch->plan, batch->connection, batch->map);
}

static void
batch_add(Batch *batch, const TocEntry *entry)
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
plan_key(Batch *batch, const TocEntry *entry, const BeforeTurn *before, bool *done)
{
	return (batch->plain || batch_run_and_look(batch)) &&
		   planned_step_run(batch->plan, batch->connection, batch->map, entry, before, done);
}

/* A foreign key; its check must see the rows that row security hides from the owner, too. */
static bool
batch_key(Batch *batch, const TocEntry *entry, const BeforeTurn *before, bool *done)
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
static bool
batch_plan(Batch *batch, const TocEntry *entry, bool *done)
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
static bool
batch_run_watched(Batch *batch, const TocEntry *entry, DefinitionsStep step)
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

/* Is the text in the definition, not in one of its names or literals? */
static bool
says(const char *definition, const char *text)
{
	char quote = '\0';

	for (; *definition != '\0'; definition++)
	{
		if (quote != '\0')
			quote = *definition == quote ? '\0' : quote;
		else if (strncmp(definition, text, strlen(text)) == 0)
			return true;
		else if (*definition == '"' || *definition == '\'')
			quote = *definition;
	}
	return false;
}

/* The depth of parentheses that a definition reaches, and whether it says WHERE. */
static int
read_depth(const char *text, bool *where)
{
	char quote = '\0';
	int depth = 0;
	int deepest = 0;

	for (*where = false; *text != '\0'; text++)
	{
		if (quote != '\0')
			quote = *text == quote ? '\0' : quote;
		else if (*text == '"' || *text == '\'')
			quote = *text;
		else if (*text == '(' && ++depth > deepest)
			deepest = depth;
		else if (*text == ')')
			depth--;
		else if (strncmp(text, " WHERE ", 7) == 0)
			*where = true;
	}
	return deepest;
}

/* A range type has functions for GiST. */
bool
in_place_calls_functions(const TocEntry *entry)
{
	const char *text = entry->definition != NULL ? entry->definition : "";
	bool where;

	if (toc_entry_is(entry, "CONSTRAINT"))
		return strstr(text, " EXCLUDE ") != NULL || read_depth(text, &where) > 1;
	if (!toc_entry_is(entry, "INDEX"))
		return false;
	return (!says(text, " USING btree (") && !says(text, " USING hash (")) ||
		   read_depth(text, &where) > 1 || where;
}

/* One entry that the session restores. */
static bool
batch_take(Batch *batch, const TocEntry *entry)
{
	if (!in_place_calls_functions(entry))
	{
		batch_add(batch, entry);
		return true;
	}
	return batch_run_watched(
		batch, entry,
		strstr(entry->definition, " SET STATISTICS ") != NULL ? STEP_INDEX_OPTIONS : STEP_INDEX);
}

/* In the order of the archive. */
static bool
run_in_order(Batch *batch)
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
		good = batch_plan(batch, entry, &done);
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

/*
 * What the query of a materialized view calls was found when it was made; what
 * it reads can be changed by what others run in our transaction, as when theirs
 * are filled.
 */
static bool
batch_add_view(Batch *batch, const TocEntry *refresh)
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
		good = batch_run(batch);
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
 * What comes after that: partitions of live tables, which may want indexes,
 * grants, and materialized views.
 */
static bool
run_last(Batch *batch)
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
	good = good && batch_run_and_look(batch) &&
		   protections_check(batch->plan, batch->connection, batch->map) &&
		   rights_give(batch->plan, batch->connection, batch->map);
	for (i = 0; good && i < selection->toc.count; i++)
	{
		if (partial_is_in_list(batch->plan, &selection->toc.entries[i], LIST_REFRESH))
			good = batch_add_view(batch, &selection->toc.entries[i]);
	}
	return good && batch_run(batch);
}

bool
in_place_take(RestorePlan *plan, Connection *connection, const RenameMap *map,
			  const TocEntry *const *entries, uint32_t count)
{
	Batch batch = {plan, connection, map, NULL, 0, true, true};
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

bool
in_place_attach(RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const Selection *selection = plan->selection;
	Batch batch = {plan, connection, map, NULL, 0, true, false};
	bool good = true;
	uint32_t i;

	batch.ids = xcalloc((size_t) selection->toc.count + 1, sizeof(int));
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool done = false;

		if (!partial_is_in_list(plan, entry, LIST_ATTACH))
			continue;
		if (plan->settings->rows_as != ROWS_AS_SESSION)
			good = batch_plan(&batch, entry, &done);
		if (good && !done)
			batch_add(&batch, entry);
	}
	good = good && batch_run(&batch);
	free(batch.ids);
	return good;
}

/* In the archive's own order, but for grants. */
static bool
run_as_session(Batch *batch)
{
	static const PartialList lists[] = {LIST_POST_DATA, LIST_LATE};
	const Selection *selection = batch->plan->selection;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < sizeof(lists) / sizeof(lists[0]); i++)
		good = in_place_run_list(batch->plan, batch->connection, batch->map,
								 partial_list(batch->plan, lists[i]), FAILURE);
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (partial_is_in_list(batch->plan, entry, LIST_POST_DATA) ||
			partial_is_in_list(batch->plan, entry, LIST_LATE_RIGHTS))
			rights_note(batch->plan, entry);
	}
	return good && rights_give(batch->plan, batch->connection, batch->map) &&
		   in_place_run_list(batch->plan, batch->connection, batch->map,
							 partial_list(batch->plan, LIST_REFRESH), FAILURE);
}

bool
in_place_post_data(RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	Batch batch = {plan, connection, map, NULL, 0, true, false};
	bool good;

	if (plan->settings->rows_as == ROWS_AS_SESSION)
		return run_as_session(&batch);
	batch.ids = xcalloc((size_t) plan->selection->toc.count + 1, sizeof(int));
	good = run_in_order(&batch) && run_last(&batch);
	free(batch.ids);
	return good;
}
