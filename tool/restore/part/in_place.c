/*-------------------------------------------------------------------------
 *
 * in_place.c
 *	  A part of a backup into a database that exists, in one transaction.
 *
 * pg_restore writes the scripts; here they are run, because pg_restore's own
 * --single-transaction cannot hold our rows between them.  Whatever fails
 * (an object, a row, an interrupt, a lost connection), the server takes all
 * of it back.
 *
 *-------------------------------------------------------------------------
 */

#include <stdlib.h>
#include <string.h>

#include "author_turn.h"
#include "authors.h"
#include "bare_literals.h"
#include "bound_objects.h"
#include "commit.h"
#include "copy_parents.h"
#include "extension_rows.h"
#include "given_code.h"
#include "in_place.h"
#include "in_place_objects.h"
#include "in_place_post.h"
#include "in_place_scripts.h"
#include "interrupt.h"
#include "late_checks.h"
#include "live_code.h"
#include "live_names.h"
#include "live_types.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "owner_tables.h"
#include "owner_turn.h"
#include "part_lists.h"
#include "part_rows.h"
#include "part_scripts.h"
#include "part_settings.h"
#include "part_transaction.h"
#include "planned_steps.h"
#include "progress.h"
#include "protections.h"
#include "published_rows.h"
#include "quote.h"
#include "rename.h"
#include "restore_settings.h"
#include "restored_objects.h"
#include "rights_meanwhile.h"
#include "role_changes.h"
#include "row_columns.h"
#include "schema_sections.h"
#include "sequences_set.h"
#include "server_failure.h"
#include "settings.h"
#include "table_turns.h"
#include "wrapper_functions.h"

static bool
run_list(const RestorePlan *plan, Connection *connection, const RenameMap *map, PartialList which)
{
	return in_place_run_list(plan, connection, map, partial_list(plan, which),
							 which >= LIST_POST_DATA ? "could not restore the post-data section"
													 : PRE_DATA_FAILURE);
}

/*
 * The new schema's grants are those of the old one: foreign keys are checked
 * as the owner of a table, and grants are made as those who granted.
 */
static bool
grant_schema(const RestorePlan *plan, Connection *connection, const Renamed *renamed)
{
	const char *params[3] = {renamed->entry->schema, renamed->schema, renamed->entry->owner};
	PGresult *result;
	bool good = true;
	int i;

	if (plan->settings->owners->no_owner || plan->settings->owners->no_privileges)
		return true;
	result = connection_query(connection,
							  "SELECT pg_catalog.format('GRANT %s ON SCHEMA %I TO %s', "
							  "a.privilege_type, $2::pg_catalog.text,"
							  "  CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident("
							  "   pg_catalog.pg_get_userbyid(a.grantee)) END)"
							  " FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a"
							  " WHERE n.nspname = $1::pg_catalog.name"
							  " UNION ALL SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO "
							  "%I', $2::pg_catalog.text, rolname)"
							  " FROM pg_catalog.pg_roles WHERE rolname = $3::pg_catalog.name",
							  3, params);
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result); i++)
		good = connection_command(connection, PQgetvalue(result, i, 0));
	PQclear(result);
	return good;
}

/* The schema of --as, if it is not there. */
static bool
create_schema(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const Renamed *renamed = map->items;
	PGresult *result;
	Buffer sql;
	bool good;

	/* A schema of the backup that is restored with the table comes with its script. */
	if (map->count == 0 || strcmp(renamed->schema, renamed->entry->schema) == 0)
		return true;
	result = connection_query(connection,
							  "SELECT FROM pg_catalog.pg_namespace"
							  " WHERE nspname = $1::pg_catalog.name",
							  1, (const char *const *) &renamed->schema);
	good = result != NULL;
	if (good && PQntuples(result) == 0)
	{
		buffer_init(&sql);
		buffer_append_string(&sql, "CREATE SCHEMA ");
		quote_identifier(&sql, renamed->schema);
		good = connection_command(connection, sql.data) && grant_schema(plan, connection, renamed);
		buffer_free(&sql);
		lines_add(&plan->selection->brought, xasprintf("SCHEMA %s (new)", renamed->schema));
	}
	PQclear(result);
	return good;
}

/* Expressions of its indexes are its owner's code.  False if the session is lost. */
static bool
analyze_table(Connection *connection, const char *target)
{
	char *sql = xasprintf("ANALYZE %s", target);
	bool late;
	PGresult *result = owner_code_run(connection, (SqlConstant){sql}, &late);
	bool there = result != NULL;

	if (late)
		log_warning("could not analyze table %s: code of its owner took longer than %d s", target,
					connection->turn_timeout);
	else if (PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		char *said = server_failure_said(connection, result);

		log_warning("could not analyze table %s: %s", target, said);
		free(said);
	}
	free(sql);
	PQclear(result);
	return there;
}

/* Planner statistics are worth having, but no reason to fail any more. */
static void
analyze(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	bool there = true;
	uint32_t i;

	progress_phase("analyzing", "tables", plan->manifest->ntables, 0);
	for (i = 0; there && i < plan->manifest->ntables && !stop_requested(); i++)
	{
		char *target = part_rows_target(plan, map, &plan->manifest->tables[i]);

		there = analyze_table(connection, target);
		atomic_fetch_add(&progress.units_done, 1);
		free(target);
	}
}

/* Of what comes with the rows or after them; all types are there. */
static bool
check_late_values(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < toc->count; i++)
		good = partial_is_in_list(plan, &toc->entries[i], LIST_OBJECTS) ||
			   live_types_check_late(plan, connection, &toc->entries[i]);
	return good;
}

static bool
fill(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	bool good;

	progress_phase("restoring schema", "", 0, 0);
	good =
		create_schema(plan, connection, map) && in_place_objects(plan, connection, map) &&
		copy_parents_leave(plan, connection, map) &&
		owner_tables_check_keys(plan, connection, map) &&
		(plan->fate == TARGET_LIVE || rights_give(plan, connection, map)) &&
		extension_rows_settle(plan, connection) &&
		(plan->fate != TARGET_LIVE ||
		 (check_late_values(plan, connection) && bound_objects_settle_rows(plan, connection, map) &&
		  in_place_attach(plan, connection, map) && published_rows_check(plan, connection, map) &&
		  protections_begin(plan, connection, map))) &&
		part_rows_load(plan, connection, map) &&
		(plan->settings->part->schema_only || sequences_set(plan, connection, map));
	if (!good)
		return false;
	progress_phase("building indexes and constraints", "", 0, 0);
	if (plan->fate == TARGET_LIVE)
		return in_place_post_data(plan, connection, map);
	return run_list(plan, connection, map, LIST_POST_DATA) &&
		   run_list(plan, connection, map, LIST_LATE);
}

bool
in_place_run(RestorePlan *plan, Connection *connection)
{
	RenameMap map;
	bool good;

	good = rename_plan(plan->selection, plan->settings, &map) && schema_sections_prepare(plan);
	if (good && plan->settings->restore->maintenance_work_mem != NULL)
		good = connection_commandf(connection, "SET maintenance_work_mem = '%s'",
								   plan->settings->restore->maintenance_work_mem);
	good = good && partial_begin(plan, connection) &&
		   (plan->fate != TARGET_LIVE ||
			(role_changes_note(plan, connection) && author_turns_check(plan, connection) &&
			 table_turns_check(plan) && bare_literals_check(plan) &&
			 wrapper_functions_check(plan, connection) && live_code_check(plan, connection) &&
			 late_checks_check(plan, connection) && authors_check(plan, connection) &&
			 given_code_check(plan, connection) && planned_steps_check(plan, connection, &map))) &&
		   fill(plan, connection, &map) &&
		   (plan->fate != TARGET_LIVE || (bound_objects_check(plan, connection, &map) &&
										  given_code_check_statistics(plan, connection) &&
										  role_changes_check(plan, connection))) &&
		   restored_objects_unpopulated(plan, connection) && !stop_requested() &&
		   restore_without_errors(plan) &&
		   commit_transaction(connection, plan->target, "the restore");
	if (good && PQstatus(connection->pg) != CONNECTION_OK)
		log_warning_hint("Run ANALYZE for them.", "the restored tables were not analyzed");
	else if (good && !plan->settings->restore->no_analyze)
		analyze(plan, connection, &map);
	rename_free(&map);
	return good;
}
