/*-------------------------------------------------------------------------
 *
 * post_data.c
 *	  Indexes, constraints, triggers and all else that follows the rows.
 *
 * One parallel pg_restore of the whole section would do, but may deadlock: it
 * keeps two entries apart that lock the same table, and does not know that
 * attaching an index or creating a trigger locks other partitions, too.  So
 * what is slow (indexes, foreign keys, materialized views) runs in parallel,
 * and what is quick and takes locks on many tables runs by itself, in passes.
 *
 * Event triggers come last, after the materialized views.  One that logs or
 * forbids commands is meant for those of users; pg_dump's own order lets it
 * see each REFRESH of the restore.
 *
 *-------------------------------------------------------------------------
 */
#include "post_data.h"

#include <stdlib.h>
#include <string.h>

#include "archive_listing.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_runner.h"
#include "schema_sections.h"

typedef enum Pass
{
	PASS_INDEXES,
	PASS_ATTACH,
	PASS_FOREIGN_KEYS,
	PASS_OTHERS,
	PASS_REFRESH,
	PASS_EVENT_TRIGGERS,
	PASSES,
	PASS_DONE /* early */
} Pass;

static const bool is_parallel[PASSES] = {
	[PASS_INDEXES] = true, [PASS_FOREIGN_KEYS] = true, [PASS_REFRESH] = true};

static Pass
pass_of_kind(const ArchiveEntry *entry)
{
	if (archive_entry_is(entry, "INDEX") || archive_entry_is(entry, "CONSTRAINT"))
		return PASS_INDEXES;
	if (archive_entry_is(entry, "INDEX ATTACH"))
		return PASS_ATTACH;
	if (archive_entry_is(entry, "FK CONSTRAINT"))
		return PASS_FOREIGN_KEYS;
	if (archive_entry_is(entry, "MATERIALIZED VIEW DATA"))
		return PASS_REFRESH;
	if (archive_entry_is(entry, "EVENT TRIGGER"))
		return PASS_EVENT_TRIGGERS;
	return PASS_OTHERS;
}

/* Give each entry of the section a pass, by its place: not before what it depends on. */
static unsigned char *
assign_passes(const RestorePlan *plan, const ArchiveListing *all, const ArchiveListing *section)
{
	unsigned char *passes = xcalloc((size_t) section->count + 1, sizeof(unsigned char));
	uint32_t i;

	/* What is not in this section is done. */
	memset(passes, PASS_DONE, (size_t) section->count + 1);
	for (i = 0; i < section->count; i++)
	{
		const ArchiveEntry *entry = archive_listing_find(all, section->entries[i].id);
		unsigned char pass;
		uint32_t e;
		int d;

		if (entry == NULL)
			continue;
		pass = (unsigned char) pass_of_kind(entry);
		for (d = 0; d < entry->ndepends_on; d++)
		{
			const ArchiveEntry *other = archive_listing_find(section, entry->depends_on[d]);

			if (other != NULL && passes[other->place] < PASSES && passes[other->place] > pass)
				pass = passes[other->place];
		}
		for (e = 0; e < plan->progress->nearly && plan->progress->early[e] != entry->id; e++)
			;
		passes[i] = e < plan->progress->nearly ? PASS_DONE : pass;
	}
	return passes;
}

static bool
run_pass(const RestorePlan *plan, const ArchiveListing *section, const unsigned char *passes,
		 Pass pass)
{
	int *ids = xcalloc((size_t) section->count + 1, sizeof(int));
	uint32_t count = 0;
	int error = 0;
	char *list;
	uint32_t i;
	bool good;

	for (i = 0; i < section->count; i++)
	{
		if (passes[i] == pass)
			ids[count++] = section->entries[i].id;
	}
	if (plan->progress->errors != NULL)
	{
		good = count == 0 || object_runner_entries(plan, ids, count, is_parallel[pass]);
		free(ids);
		return good;
	}

	/* No entry has a negative id, so neither has an early index's list. */
	list = count > 0 ? archive_list_write(plan, ids, count, -1 - (int) pass, &error) : NULL;
	free(ids);
	if (count == 0)
		return true;
	if (list == NULL)
		return archive_list_failed(plan, error);
	log_debug("post-data, pass %d: %u entries", (int) pass + 1, count);
	good = schema_sections_run_list(plan, list, is_parallel[pass]);
	free(list);
	return good;
}

bool
post_data_run(const RestorePlan *plan)
{
	ArchiveListing all;
	ArchiveListing section;
	unsigned char *passes;
	char *which;
	bool good;
	int pass;

	memset(&all, 0, sizeof(all));
	memset(&section, 0, sizeof(section));
	which = plan->post_list != NULL ? xasprintf("--use-list=%s", plan->post_list)
									: xstrdup("--section=post-data");
	good = archive_listing_read(plan, "--verbose", NULL, &all) &&
		   archive_listing_read(plan, which, &all, &section);
	free(which);
	passes = good ? assign_passes(plan, &all, &section) : NULL;
	for (pass = 0; good && pass < PASSES; pass++)
		good = run_pass(plan, &section, passes, (Pass) pass) && !stop_requested();
	free(passes);
	archive_listing_free(&all);
	archive_listing_free(&section);
	return good;
}
