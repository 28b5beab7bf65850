/*-------------------------------------------------------------------------
 *
 * live_rests.c
 *	  What an entry of the archive rests on, by whatever way.
 *
 * The archive has the dependencies of its entries; but pg_dump writes none for
 * what an exclusion constraint computes.  So the functions that one names count
 * as well, all of that name: which one it is is up to their arguments.
 *
 * A function that is called while a definition is made, or while rows come in,
 * can itself rest on more, if its body is SQL that the server has parsed.  Who
 * calls it trusts its owner, but need not trust a third role: whose functions,
 * domains and types do what that role likes, also an enum or the row type of a
 * table, which can have casts for functions such as to_jsonb() to find.
 *
 *-------------------------------------------------------------------------
 */

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "definition_names.h"
#include "entry_calls.h"
#include "inline_parts.h"
#include "live_refusal.h"
#include "live_rests.h"
#include "memory.h"
#include "owner_settings.h"
#include "part_settings.h"
#include "settings.h"
#include "toc_walk.h"

static bool
is_exclusion(const TocEntry *entry)
{
	return toc_entry_is(entry, "CONSTRAINT") && entry->definition != NULL &&
		   strstr(entry->definition, " EXCLUDE ") != NULL;
}

/* Is the entry a function (or aggregate, operator, type) of this name? */
static bool
has_name(const TocEntry *entry, const UsedName *name)
{
	size_t length = strlen(name->name);

	return name->schema != NULL && entry->catalog != 0 &&
		   strcmp(entry->schema, name->schema) == 0 &&
		   strncmp(entry->tag, name->name, length) == 0 &&
		   (entry->tag[length] == '\0' || entry->tag[length] == '(');
}

/* Walk on to what the definition names; true if that is `used`. */
static bool
add_named(TocWalk *walk, const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used)
{
	UsedNames names;
	bool found = false;
	uint32_t n;
	uint32_t i;

	definition_names_read(entry, &names);
	for (n = 0; n < names.count; n++)
	{
		for (i = 0; !found && i < toc->count; i++)
		{
			if (!has_name(&toc->entries[i], &names.items[n]))
				continue;
			found = toc->entries[i].id == used->id;
			toc_walk_add(walk, &toc->entries[i]);
		}
	}
	definition_names_free(&names);
	return found;
}

bool
live_code_rests_on(const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used)
{
	const TocEntry *at;
	bool found = false;
	TocWalk walk;
	int d;

	toc_walk_begin(&walk, toc);
	toc_walk_add(&walk, entry);
	while (!found && (at = toc_walk_next(&walk)) != NULL)
	{
		for (d = 0; !found && d < at->ndepends_on; d++)
		{
			found = at->depends_on[d] == used->id;
			toc_walk_add(&walk, archive_toc_find(toc, at->depends_on[d]));
		}
		found = found || (is_exclusion(at) && add_named(&walk, toc, at, used));
	}
	toc_walk_end(&walk);
	return found;
}

/* By the dependencies of the archive: what an exclusion constraint names itself does not count. */
bool *
live_code_resting(const Selection *selection, const TocEntry *used)
{
	const TocEntry *at;
	bool *resting;
	TocWalk walk;
	int i;

	toc_walk_begin(&walk, &selection->toc);
	toc_walk_add(&walk, used);
	while ((at = toc_walk_next(&walk)) != NULL)
	{
		for (i = selection->starts[at->place]; i < selection->starts[at->place + 1]; i++)
			toc_walk_add(&walk, archive_toc_find(&selection->toc, selection->dependents[i]));
	}
	resting = walk.seen;
	walk.seen = NULL;
	toc_walk_end(&walk);
	return resting;
}

bool
live_code_is_of_cast(const Selection *selection, const TocEntry *function)
{
	int i;

	for (i = selection->starts[function->place]; i < selection->starts[function->place + 1]; i++)
	{
		const TocEntry *cast = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (cast != NULL && toc_entry_is(cast, "CAST"))
			return true;
	}
	return false;
}

/* ---- behind functions ---- */

/* What runs code of its owner when it is called, compared by, or cast to. */
static const char *const callable[] = {"FUNCTION",       "PROCEDURE",       "AGGREGATE", "OPERATOR",
									   "OPERATOR CLASS", "OPERATOR FAMILY", "DOMAIN",    NULL};

/* What of a third role such code may not meet. */
static const char *const meets[] = {
	"FUNCTION",          "PROCEDURE",     "AGGREGATE", "OPERATOR", "OPERATOR CLASS",
	"OPERATOR FAMILY",   "DOMAIN",        "TYPE",      "TABLE",    "VIEW",
	"MATERIALIZED VIEW", "FOREIGN TABLE", NULL};

typedef struct Behind
{
	const RestorePlan *plan;
	const PGresult *superusers;
	const TocEntry *entry;    /* that calls */
	const TocEntry *function; /* through which, and */
	const TocEntry *found;    /* what of a third role */
	TocWalk functions;        /* and what they rest on */
} Behind;

static bool
is_trusted(const Behind *behind, const char *owner)
{
	/* With --no-owner whatever calls it belongs to the session. */
	return result_has(behind->superusers, owner) || owner[0] == '\0' ||
		   (!behind->plan->settings->owners->no_owner && strcmp(owner, behind->entry->owner) == 0);
}

/* What a function rests on, all of which is code that it runs. */
static void
look_into(Behind *behind, const TocEntry *function)
{
	const ArchiveToc *toc = &behind->plan->selection->toc;
	TocWalk *walk = &behind->functions;
	const TocEntry *at;
	int d;

	toc_walk_add(walk, function);
	while (behind->found == NULL && (at = toc_walk_next(walk)) != NULL)
	{
		for (d = 0; d < at->ndepends_on; d++)
		{
			const TocEntry *next = archive_toc_find(toc, at->depends_on[d]);

			if (!toc_walk_add(walk, next) || !toc_entry_is_any(next, meets) ||
				is_trusted(behind, next->owner) || strcmp(next->owner, function->owner) == 0)
				continue;
			behind->function = function;
			behind->found = next;
			break;
		}
	}
}

/* The functions that an entry calls, by way of views, too. */
static void
look_behind(Behind *behind, const TocEntry *entry)
{
	static const char *const through[] = {"VIEW", "MATERIALIZED VIEW", NULL};
	const ArchiveToc *toc = &behind->plan->selection->toc;
	const TocEntry *at;
	TocWalk views;
	int d;

	toc_walk_begin(&views, toc);
	toc_walk_add(&views, entry);
	while ((at = toc_walk_next(&views)) != NULL)
	{
		for (d = 0; behind->found == NULL && d < at->ndepends_on; d++)
		{
			const TocEntry *next = archive_toc_find(toc, at->depends_on[d]);

			if (next != NULL && toc_entry_is_any(next, callable))
				look_into(behind, next);
			else if (next != NULL && toc_entry_is_any(next, through))
				toc_walk_add(&views, next);
		}
	}
	toc_walk_end(&views);
}

/* The functions that an exclusion constraint names. */
static void
look_behind_names(Behind *behind, const TocEntry *entry)
{
	const ArchiveToc *toc = &behind->plan->selection->toc;
	UsedNames names;
	uint32_t n;
	uint32_t i;

	definition_names_read(entry, &names);
	for (n = 0; n < names.count; n++)
	{
		for (i = 0; behind->found == NULL && i < toc->count; i++)
		{
			if (has_name(&toc->entries[i], &names.items[n]) &&
				toc_entry_is_any(&toc->entries[i], callable))
				look_into(behind, &toc->entries[i]);
		}
	}
	definition_names_free(&names);
}

/* Does it call functions when it is made, or its rows come? */
static bool
calls(const RestorePlan *plan, const TocEntry *entry)
{
	const char *text = entry->definition;

	if (text == NULL || toc_entry_is(entry, "CHECK CONSTRAINT"))
		return text != NULL;
	if (toc_entry_is_table(entry))
		return strstr(text, " GENERATED ALWAYS AS (") != NULL ||
			   strstr(text, "PARTITION BY ") != NULL ||
			   (!plan->settings->part->schema_only && strstr(text, " CHECK (") != NULL);
	return entry_calls_functions(entry) || toc_entry_is(entry, "STATISTICS") ||
		   toc_entry_is(entry, "MATERIALIZED VIEW") ||
		   (!plan->settings->part->schema_only && toc_entry_is(entry, "DOMAIN"));
}

static bool
refuse(const Behind *behind)
{
	char *function = toc_entry_label(behind->function);
	char *found = toc_entry_label(behind->found);
	char *detail =
		xasprintf("It calls %s, which uses %s of \"%s\".", function, found, behind->found->owner);

	live_code_refuse(behind->entry, detail);
	free(detail);
	free(found);
	free(function);
	return false;
}

bool
live_rests_check(const RestorePlan *plan, const PGresult *superusers)
{
	const Selection *selection = plan->selection;
	Behind behind = {.plan = plan, .superusers = superusers};
	uint32_t i;

	for (i = 0; behind.found == NULL && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (!selection_includes(selection, entry) || !calls(plan, entry))
			continue;
		behind.entry = entry;
		toc_walk_begin(&behind.functions, &selection->toc);
		look_behind(&behind, entry);
		if (is_exclusion(entry))
			look_behind_names(&behind, entry);
		toc_walk_end(&behind.functions);
	}
	return behind.found == NULL || refuse(&behind);
}

/* ---- what a table computes ---- */

/*
 * A definition and its names are read once for each table, as whoever wrote it
 * can make it long, and have as many functions as there are names in it.
 */

/* Of a table, by its dependencies. */
typedef struct Table
{
	bool read;
	bool unreadable; /* it may compute anything */
	bool *may;       /* compute this one; NULL: nothing */
} Table;

struct ComputedNeeds
{
	const Selection *selection;
	Table *tables; /* by place */
};

/* Does the table compute calls, or values of types of users, when it is made? */
static bool
computes_names(const TocEntry *table)
{
	UsedNames names;
	bool found = false;
	uint32_t i;

	definition_names_read(table, &names);
	for (i = 0; i < names.count; i++)
		found = found || (names.items[i].computed && names.items[i].schema != NULL &&
						  names.items[i].use != NAME_ROW_TYPE);
	definition_names_free(&names);
	return found;
}

/* Can the parser not have chosen this for a value, by its type?  A function without arguments. */
static bool
is_only_named(const TocEntry *need)
{
	size_t length = strlen(need->tag);

	return toc_entry_is(need, "FUNCTION") && length > 2 &&
		   strcmp(need->tag + length - 2, "()") == 0;
}

/*
 * May the text of what the table computes reach this, on which the table
 * depends?  No text names the function of a cast, or the operator of a CASE,
 * that the parser has chosen, and the archive has no entry for a cast that
 * belongs to an extension.  So wherever values of types of users, or calls,
 * are computed, only what can be reached by nothing but its name is judged by
 * its name.
 */
static bool
may_compute(const Selection *selection, const char *text, bool names, const TocEntry *need)
{
	static const char *const called[] = {"FUNCTION", "AGGREGATE", "OPERATOR", NULL};
	static const char *const named[] = {"TYPE", "DOMAIN", "EXTENSION", NULL};

	if (toc_entry_is_any(need, called) && inline_part_names(text, need))
		return true;
	if (toc_entry_is_any(need, called) && live_code_is_of_cast(selection, need))
		return true;
	if (toc_entry_is_any(need, called) && is_only_named(need))
		return false;
	return !(toc_entry_is_any(need, called) || toc_entry_is_any(need, named)) || names;
}

ComputedNeeds *
computed_needs_new(const Selection *selection)
{
	ComputedNeeds *needs = xcalloc(1, sizeof(*needs));

	needs->selection = selection;
	needs->tables = xcalloc((size_t) selection->toc.count + 1, sizeof(*needs->tables));
	return needs;
}

void
computed_needs_free(ComputedNeeds *needs)
{
	uint32_t i;

	for (i = 0; i < needs->selection->toc.count; i++)
		free(needs->tables[i].may);
	free(needs->tables);
	free(needs);
}

static void
read_table(const Selection *selection, const TocEntry *table, Table *read)
{
	bool names;
	char *text;
	int d;

	read->read = true;
	read->unreadable = inline_computed_read(table, &text) == INLINE_UNREADABLE;
	if (text == NULL)
		return;
	names = computes_names(table);
	read->may = xcalloc((size_t) table->ndepends_on + 1, sizeof(bool));
	for (d = 0; d < table->ndepends_on; d++)
	{
		const TocEntry *need = archive_toc_find(&selection->toc, table->depends_on[d]);

		read->may[d] = need != NULL && may_compute(selection, text, names, need);
	}
	free(text);
}

bool
computed_needs_are_among(ComputedNeeds *needs, const TocEntry *table, const bool *marked)
{
	Table *read = &needs->tables[table->place];
	int d;

	if (!read->read)
		read_table(needs->selection, table, read);
	for (d = 0; read->may != NULL && d < table->ndepends_on; d++)
	{
		const TocEntry *need = archive_toc_find(&needs->selection->toc, table->depends_on[d]);

		if (read->may[d] && marked[need->place])
			return true;
	}
	return read->unreadable;
}
