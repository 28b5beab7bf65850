/*-------------------------------------------------------------------------
 *
 * partial.c
 *	  Restoring a part of a backup.
 *
 * Into a new database, a part is restored like a whole: the manifest is made
 * smaller, and pg_restore is given lists.  So it is as fast, and a failure
 * drops the database.  A database that exists must be left unchanged by a
 * failure; there everything is one transaction, hence one connection
 * (in_place.c, append.c).
 *
 *-------------------------------------------------------------------------
 */
#include "partial.h"

#include <stdlib.h>
#include <string.h>

#include "append.h"
#include "backups.h"
#include "extension_rows.h"
#include "in_place.h"
#include "interrupt.h"
#include "kept_dependencies.h"
#include "loader.h"
#include "log.h"
#include "manifest_keep.h"
#include "member_grants.h"
#include "memory.h"
#include "object_errors.h"
#include "part_lists.h"
#include "part_settings.h"
#include "part_tables.h"
#include "post_data.h"
#include "progress.h"
#include "quote.h"
#include "restore_settings.h"
#include "restored_objects.h"
#include "row_copy.h"
#include "schema_sections.h"
#include "sequences_set.h"
#include "head_settings.h"
#include "settings.h"
#include "target_database.h"
#include "unknown_members.h"
#include "verify.h"
#include "work_settings.h"

static const bool core_kinds[MEMBER_KINDS] = {
	[MEMBER_HEAD] = true, [MEMBER_ARCHIVE] = true, [MEMBER_SEQUENCES] = true};

bool
partial_is_wanted(const Settings *settings)
{
	return settings->part->table.count > 0 || settings->part->schema.count > 0 ||
		   settings->part->exclude_table.count > 0 || settings->part->as != NULL ||
		   settings->part->append || settings->part->schema_only;
}

static bool
check_objects(const RestorePlan *plan, const Manifest *manifest)
{
	VerifyReport report;
	bool good;

	progress_phase("checking objects", "objects", manifest->nobjects,
				   manifest->totals.stored_bytes);
	good = verify_objects(plan->repository, manifest, VERIFY_DIGESTS, plan->settings->work->jobs,
						  &report) &&
		   report.nbad == 0;
	verify_report_free(&report);
	return good && !stop_requested();
}

/* Check what the choice is made from, before it is believed. */
static bool
check_core(const RestorePlan *plan)
{
	Manifest *core = repository_manifest_inside(plan->repository, &plan->backup);
	bool *none;
	bool good;

	if (core == NULL)
		return false;
	none = xcalloc((size_t) core->ntables + 1, sizeof(bool));
	manifest_keep(core, none, core_kinds);
	good = check_objects(plan, core) &&
		   (plan->settings->part->schema_only ||
			unknown_members_refuse(plan->settings, plan->repository, core));
	free(none);
	manifest_free(core);
	return good;
}

/* Which tables' rows are wanted. */
static bool *
wanted_tables(const RestorePlan *plan)
{
	const Manifest *manifest = plan->manifest;
	Selection *selection = plan->selection;
	EntryState least = plan->settings->part->append ? ENTRY_CHOSEN : ENTRY_NEEDED;
	bool *wanted = xcalloc((size_t) manifest->ntables + 1, sizeof(bool));
	uint32_t i;

	for (i = 0; i < manifest->ntables && !plan->settings->part->schema_only; i++)
	{
		const TocEntry *entry = selection_table(selection, manifest->tables[i].oid);

		wanted[i] = entry != NULL ? selection_state(selection, entry->id) >= least
								  : extension_rows_wanted(selection, plan->settings, i);
	}
	return wanted;
}

/* Say what is not in any part of a backup. */
static void
note_left_out(const RestorePlan *plan)
{
	const ManifestTotals *totals = &plan->manifest->totals;
	Lines *left_out = &plan->selection->left_out;

	if (plan->settings->part->append && !plan->selection->everything)
		return;
	if (totals->large_objects > 0)
		lines_add(left_out, xasprintf("%llu large object%s (only a restore of the whole backup "
									  "brings them)",
									  (unsigned long long) totals->large_objects,
									  totals->large_objects == 1 ? "" : "s"));
	if (plan->fate != TARGET_LIVE)
		lines_add(left_out, xstrdup("settings, grants and comment of the database"));
}

/* Read the archive, choose, and make the manifest that of the choice. */
static bool
choose(RestorePlan *plan, const ExistingObjects *existing)
{
	Selection *selection = xcalloc(1, sizeof(*selection));
	bool *wanted;

	plan->selection = selection;
	selection->existing = plan->settings->part->append ? NULL : existing;
	if (!archive_toc_load(plan->repository, plan->manifest, &selection->toc) ||
		!kept_dependencies_add(plan->repository, plan->manifest, &selection->toc))
		return false;
	extension_rows_begin(selection, plan->manifest);
	if (!selection_make(selection, plan->settings))
		return false;
	if (selection->existing != NULL && !selection->renames && !selection_check_existing(selection))
		return false;
	if (plan->settings->part->append)
		selection_forget_report(selection);
	note_left_out(plan);
	wanted = wanted_tables(plan);
	manifest_keep(plan->manifest, wanted, core_kinds);
	free(wanted);
	return true;
}

/* Values of the sequences that were restored. */
static bool
set_sequences(const RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection = head_settings_connect(plan, target);
	bool good = connection != NULL && sequences_set(plan, connection, NULL);

	connection_close(connection);
	target_free(target);
	return good;
}

/*
 * What the extensions have brought: their tables are known now, and grants on
 * their objects are pre-data once more, with a list of its own.
 */
static bool
settle_members(RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection = head_settings_connect(plan, target);
	char *list = NULL;
	bool good = connection != NULL && extension_rows_settle(plan, connection) &&
				member_grants_choose(plan, connection, &list);

	member_grants_report(plan);
	if (list != NULL)
	{
		free(plan->pre_list);
		plan->pre_list = list;
		good = good && schema_sections_run(plan, "pre-data");
	}
	connection_close(connection);
	target_free(target);
	return good;
}

static bool
note_unpopulated(const RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection = head_settings_connect(plan, target);
	bool good = connection != NULL && restored_objects_unpopulated(plan, connection);

	connection_close(connection);
	target_free(target);
	return good;
}

static bool
run_in_new_database(RestorePlan *plan)
{
	bool good = schema_sections_prepare(plan);

	if (good)
		plan->pre_list = partial_list(plan, LIST_PRE_DATA);
	if (good)
		plan->post_list = partial_list(plan, LIST_POST_DATA);
	good = good && plan->pre_list != NULL && plan->post_list != NULL &&
		   target_database_create(plan) && schema_sections_run(plan, "pre-data") &&
		   settle_members(plan);
	if (good && plan->manifest->ntables > 0)
		good = loader_run(plan);
	if (good &&
		plan->result->rows + (plan->progress->errors != NULL ? plan->progress->errors->rows : 0) !=
			plan->manifest->totals.rows)
		good = report_error(EXIT_INTEGRITY, NULL, NULL, "loaded %llu rows instead of %llu",
							(unsigned long long) plan->result->rows,
							(unsigned long long) plan->manifest->totals.rows);
	return good && (plan->settings->part->schema_only || set_sequences(plan)) &&
		   post_data_run(plan) && note_unpopulated(plan) &&
		   (plan->settings->restore->no_analyze || schema_sections_analyze(plan)) &&
		   target_database_finish(plan) && target_database_open(plan);
}

/* With --as, and where rows went in through a root that is not there, names change on the way. */
static bool
must_be_one_transaction(const RestorePlan *plan)
{
	uint32_t i;

	for (i = 0; i < plan->manifest->ntables; i++)
	{
		const ManifestTable *table = &plan->manifest->tables[i];
		char *target;
		bool same;
		char *schema;
		char *name;
		Buffer qualified;

		if (!table->serial)
			continue;
		partial_row_table(plan, table, &schema, &name);
		buffer_init(&qualified);
		quote_qualified(&qualified, schema, name);
		target = row_copy_command(table, qualified.data);
		same = strcmp(target, table->copy) == 0;
		buffer_free(&qualified);
		free(target);
		free(schema);
		free(name);
		if (!same)
			return true;
	}
	return plan->settings->part->as != NULL;
}

static bool
run_in_one_transaction(RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection = head_settings_connect(plan, target);
	ExistingObjects *existing = NULL;
	bool good = connection != NULL;

	if (good && !plan->settings->part->append)
	{
		existing = existing_objects_read(connection);
		good = existing != NULL;
	}
	good = good && choose(plan, existing) && check_objects(plan, plan->manifest);
	if (good)
		good = plan->settings->part->append ? append_run(plan, connection)
											: in_place_run(plan, connection);
	if (plan->selection != NULL)
		plan->selection->existing = NULL;
	existing_objects_free(existing);
	connection_close(connection);
	target_free(target);
	return good;
}

/* In a new database, whose loss is no loss, but over one connection. */
static bool
run_alone(RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection;
	bool good = target_database_create(plan);

	connection = good ? head_settings_connect(plan, target) : NULL;
	good = connection != NULL && in_place_run(plan, connection);
	connection_close(connection);
	target_free(target);
	return good && target_database_finish(plan) && target_database_open(plan);
}

/* Within one transaction nothing can be skipped. */
static bool
check_skip(const RestorePlan *plan, bool one_transaction)
{
	return plan->progress->errors == NULL || !one_transaction ||
		   report_error(EXIT_USAGE, NULL, "Restore the part into a new database, with --to.",
						"--on-object-error=skip cannot be used where all is one transaction");
}

bool
partial_run(RestorePlan *plan)
{
	if (!check_skip(plan, plan->fate == TARGET_LIVE))
		return false;
	if (!check_core(plan) || !head_settings_read(plan))
		return false;
	if (plan->fate == TARGET_LIVE)
		return run_in_one_transaction(plan);
	if (!choose(plan, NULL) || !check_objects(plan, plan->manifest))
		return false;
	if (must_be_one_transaction(plan))
		return check_skip(plan, true) && run_alone(plan);
	return run_in_new_database(plan);
}
