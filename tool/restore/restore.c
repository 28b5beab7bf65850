/*-------------------------------------------------------------------------
 *
 * restore.c
 *	  A restore from the first look to the swap.
 *
 * Nothing is created before every object was hashed and every statement about
 * the database and its sequences has a known form; nothing live is touched
 * before everything is loaded and counted.  With --drop the backup is loaded
 * beside the live database; the swap at the end is one transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "restore.h"

#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "backups.h"
#include "choose.h"
#include "database_state.h"
#include "entry_scripts.h"
#include "interrupt.h"
#include "left_database.h"
#include "loader.h"
#include "lock_watch.h"
#include "log.h"
#include "maintenance.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "missing_roles.h"
#include "object_errors.h"
#include "other_server.h"
#include "owner_settings.h"
#include "part_settings.h"
#include "partial.h"
#include "post_data.h"
#include "progress.h"
#include "reachable.h"
#include "quote.h"
#include "resolve.h"
#include "restore_settings.h"
#include "restored_objects.h"
#include "protections.h"
#include "rights_meanwhile.h"
#include "schema_sections.h"
#include "head_settings.h"
#include "settings.h"
#include "swap.h"
#include "taken_database.h"
#include "target_database.h"
#include "temporary_directory.h"
#include "unknown_members.h"
#include "utc_time.h"
#include "verification.h"
#include "verify.h"
#include "work_settings.h"

#define MAX_NAME_BYTES 63

/* "<database>_restore_<id>", or "…_2" and so on, shortened at a character border to fit. */
static char *
working_name(const char *database, const char *id, int number)
{
	char *suffix =
		number > 1 ? xasprintf("_restore_%s_%d", id, number) : xasprintf("_restore_%s", id);
	size_t length = strlen(database);
	char *name;

	if (length > MAX_NAME_BYTES - strlen(suffix))
		length = MAX_NAME_BYTES - strlen(suffix);
	while (length > 0 && ((unsigned char) database[length] & 0xc0) == 0x80)
		length--;
	name = xasprintf("%.*s%s", (int) length, database, suffix);
	free(suffix);
	return name;
}

/* Size and sessions of the live database, for whoever must agree. */
static bool
look_at_live(const RestorePlan *plan, RestorePreview *preview)
{
	const char *params[1] = {plan->database};
	PGresult *result =
		connection_query(plan->maintenance,
						 "SELECT pg_catalog.pg_database_size(d.oid),"
						 " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a"
						 "  WHERE a.datid = d.oid AND a.backend_type = 'client backend')"
						 " FROM pg_catalog.pg_database d WHERE d.datname = $1::pg_catalog.name",
						 1, params);

	if (result == NULL)
		return false;
	if (PQntuples(result) == 1)
	{
		preview->live_bytes = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
		preview->live_sessions = (int) strtol(PQgetvalue(result, 0, 1), NULL, 10);
	}
	PQclear(result);
	return true;
}

static bool
refuse_running(const char *name)
{
	char *shown = printable_name(name);

	report_error(EXIT_LOCKED, NULL,
				 "Wait until it has ended.  If it was killed, its sessions may need some time; "
				 "view pg_stat_activity shows them.",
				 "another restore is filling database \"%s\"", shown);
	free(shown);
	return false;
}

static bool
refuse_not_empty(const char *database)
{
	char *shown = printable_name(database);

	report_error(EXIT_FAILED, NULL,
				 "Give another name with --to, or replace it with --drop (the old one is kept).",
				 "database \"%s\" exists and is not empty", shown);
	free(shown);
	return false;
}

static bool
refuse_absent(const char *database)
{
	return report_error(EXIT_FAILED, NULL, "Give the name of a database with --to.",
						"database \"%s\" does not exist", database);
}

static bool
look_for_left(const RestorePlan *plan, const char *name, LeftBy *left)
{
	LeftWhere where = {plan->maintenance, plan->target, plan->repository, &plan->backup};

	return left_database_look(&where, name, left);
}

/* By a restore that has ended: it is removed, and made again. */
static bool
was_made(LeftBy left)
{
	return left == LEFT_MADE || left == LEFT_UNMARKED;
}

/* A name to load under that is free, or taken by what an earlier restore has left. */
static bool
choose_working_name(RestorePlan *plan)
{
	bool taken = true;
	int number;

	for (number = 1; taken; number++)
	{
		LeftBy left = LEFT_BY_OTHERS;

		free(plan->working);
		plan->working = working_name(plan->database, plan->backup.id, number);
		if (!target_database_exists(plan->maintenance, plan->working, &taken) ||
			(taken && !look_for_left(plan, plan->working, &left)))
			return false;
		if (left == LEFT_RUNNING)
			return refuse_running(plan->working);
		if (was_made(left))
		{
			plan->leftover = true;
			return true;
		}
	}
	return true;
}

/* Connect to another database than the one that is to be filled or replaced. */
static bool
connect_elsewhere(RestorePlan *plan)
{
	static const char *const others[] = {"postgres", "template1"};
	ConnectionTarget *elsewhere = NULL;
	Connection *connection = NULL;
	char *shown;
	size_t i;

	for (i = 0; connection == NULL && i < sizeof(others) / sizeof(others[0]); i++)
	{
		char *message = NULL;

		if (strcmp(plan->database, others[i]) == 0)
			continue;
		target_free(elsewhere);
		elsewhere = target_with_database(plan->target, others[i]);
		connection = connection_try(elsewhere, &message);
		free(message);
	}
	if (connection != NULL)
	{
		connection_close(plan->maintenance);
		target_free(plan->target);
		plan->target = elsewhere;
		plan->maintenance = connection;
		return true;
	}
	target_free(elsewhere);
	shown = printable_name(plan->database);
	report_error(EXIT_FAILED, NULL, "Connect to another one with -d.",
				 "cannot restore into database \"%s\" while connected to it", shown);
	free(shown);
	return false;
}

/*
 * An empty database is filled.  In one of a cluster that is restored as a
 * whole, such as initdb leaves behind, that needs the properties of the
 * backup; otherwise it gives way to a new one.  It can neither be replaced nor
 * closed to others while we are connected to it.
 */
static bool
plan_empty(RestorePlan *plan)
{
	const char *connected = PQdb(plan->maintenance->pg);
	bool alike = true;

	if (!target_database_look_at_role(plan) || !target_database_check_owner(plan) ||
		(plan->request->of_cluster != NULL && !target_database_is_alike(plan, &alike)))
		return false;
	plan->fate = alike ? TARGET_FILLED : TARGET_REPLACED;
	if (alike)
		plan->working = xstrdup(plan->database);
	else if (!target_database_can_be_replaced(plan) || !choose_working_name(plan))
		return false;
	if ((alike && !plan->superuser) || strcmp(plan->database, connected) != 0)
		return true;
	return connect_elsewhere(plan);
}

/* What an earlier restore has left under the very name: begin again, or say what to do. */
static bool
plan_left(RestorePlan *plan, LeftBy left)
{
	bool connected = strcmp(plan->database, PQdb(plan->maintenance->pg)) == 0;
	char *shown;

	if (left == LEFT_RUNNING)
		return refuse_running(plan->database);
	if (was_made(left) && !plan->partial)
	{
		plan->leftover = true;
		plan->working = xstrdup(plan->database);
	}
	else if (left == LEFT_TAKEN && plan->request->of_cluster != NULL)
	{
		plan->fate = TARGET_REPLACED;
		if (!target_database_can_be_replaced(plan) || !choose_working_name(plan))
			return false;
	}
	else
	{
		shown = printable_name(plan->database);
		report_error(EXIT_FAILED, "An earlier restore into it was killed.",
					 was_made(left)
						 ? "Restore the whole backup again, which replaces it; or drop it first."
						 : "--drop puts a new database in its place; or empty it, and \"nex_backup "
						   "doctor\" shows the commands that give it back.",
					 left == LEFT_UNMARKED ? "database \"%s\" accepts no connections"
										   : "database \"%s\" holds a part of the backup",
					 shown);
		free(shown);
		return false;
	}
	return !connected || connect_elsewhere(plan);
}

/* --drop: load beside it. */
static bool
plan_replacement(RestorePlan *plan)
{
	char *shown;

	plan->fate = TARGET_REPLACED;
	if (strcmp(plan->database, PQdb(plan->maintenance->pg)) != 0)
	{
		other_server_warn(plan);
		return target_database_can_be_replaced(plan) && choose_working_name(plan);
	}
	shown = printable_name(plan->database);
	report_error(EXIT_USAGE, NULL, "Connect to another one with -d, for instance -d template1.",
				 "cannot replace database \"%s\" while connected to it", shown);
	free(shown);
	return false;
}

/* The database exists: replace it, fill it if it is empty, or refuse. */
static bool
plan_existing(RestorePlan *plan)
{
	LeftBy left;
	bool empty;
	bool good;

	if (!look_for_left(plan, plan->database, &left))
		return false;

	/* What is there is kept with --drop, and by a part. */
	if (left == LEFT_RUNNING ||
		(was_made(left) && (plan->partial || !plan->settings->restore->drop)))
		return plan_left(plan, left);
	if ((plan->partial || !plan->settings->restore->drop) &&
		!target_database_accepts(plan->maintenance, plan->database))
		return false;
	if (plan->partial)
	{
		plan->fate = TARGET_LIVE;
		plan->working = xstrdup(plan->database);
		other_server_warn(plan);
		return true;
	}
	if (plan->settings->restore->drop)
		return plan_replacement(plan);
	good = target_database_is_empty(plan->target, plan->database, &empty);
	if (good && !empty && left == LEFT_TAKEN)
		return plan_left(plan, left);
	return good && (empty || refuse_not_empty(plan->database)) && plan_empty(plan);
}

/* Connect again, as the role; all further connections are made like this one. */
static void
take_role(RestorePlan *plan, const char *role)
{
	connection_close(plan->maintenance);
	target_set_role(plan->target, role);
	plan->maintenance = connection_open(plan->target);
}

/* The backup is chosen: read it, connect, and look at the target. */
static bool
plan_target(RestorePlan *plan)
{
	const RestoreRequest *request = plan->request;
	const Settings *settings = plan->settings;
	bool exists;

	if (plan->manifest == NULL)
		plan->manifest = repository_manifest_inside(plan->repository, &plan->backup);
	if (plan->manifest == NULL)
		return false;
	repository_warn_verification(plan->repository, &plan->backup);
	plan->database =
		xstrdup(request->database != NULL ? request->database : plan->manifest->database.name);
	if (plan->database[0] == '\0' || strlen(plan->database) > MAX_NAME_BYTES)
		return report_error(EXIT_USAGE, NULL, NULL, "the name of a database has 1 to %d bytes",
							MAX_NAME_BYTES);
	plan->maintenance = connection_open_maintenance(settings, &plan->target);
	if (plan->maintenance == NULL)
		return false;
	if (settings->owners->role != NULL)
		take_role(plan, settings->owners->role);
	if (plan->maintenance == NULL ||
		!target_database_exists(plan->maintenance, plan->database, &exists))
		return false;
	if (exists)
		return plan_existing(plan);
	if (settings->part->append)
		return refuse_absent(plan->database);
	plan->working = xstrdup(plan->database);
	return true;
}

/* Which backup: DB/ID, the latest of DB, or the latest that is not after a time. */
static bool
choose_backup(RestorePlan *plan)
{
	const RestoreRequest *request = plan->request;
	char asked[UTC_TIME_SIZE];
	char found[UTC_TIME_SIZE];
	char *name;
	double at;

	if (request->of_cluster != NULL)
	{
		plan->backup = *request->of_cluster;
		return true;
	}
	repository_warn_header(plan->repository);
	if (request->at == NULL)
		return repository_resolve(plan->repository, request->backup, &plan->backup);
	if (!utc_time_parse(request->at, &at) ||
		!repository_resolve_at(plan->repository, request->backup, at, &plan->backup))
		return false;
	utc_time_text(at, asked);
	utc_time_text(backup_snapshot_time(plan->repository, &plan->backup), found);
	name = owner_name(&plan->backup.owner);
	log_info("the latest backup at or before %s is %s/%s, the state of %s", asked, name,
			 plan->backup.id, found);
	free(name);
	return true;
}

/* Hash every object before anything is created. */
static bool
check_objects(const RestorePlan *plan)
{
	VerifyReport report;
	bool good;

	progress_phase("checking objects", "objects", plan->manifest->nobjects,
				   plan->manifest->totals.stored_bytes);
	good = verify_objects(plan->repository, plan->manifest, VERIFY_DIGESTS,
						  plan->settings->work->jobs, &report);
	good = good && report.nbad == 0;
	verify_report_free(&report);
	return good && !stop_requested();
}

/* Every member was counted as it was loaded; this is the sum. */
static bool
check_rows(const RestorePlan *plan)
{
	uint64_t missing = plan->progress->errors != NULL ? plan->progress->errors->rows : 0;

	if (plan->result->rows + missing == plan->manifest->totals.rows)
		return true;
	return report_error(EXIT_INTEGRITY, NULL, NULL, "loaded %llu rows instead of %llu",
						(unsigned long long) plan->result->rows,
						(unsigned long long) plan->manifest->totals.rows);
}

static bool
fill_database(RestorePlan *plan)
{
	return head_settings_read(plan) && schema_sections_prepare(plan) &&
		   target_database_create(plan) && schema_sections_run(plan, "pre-data") &&
		   loader_run(plan) && check_rows(plan) &&
		   schema_sections_run_members(plan, MEMBER_SEQUENCES) &&
		   schema_sections_set_for_queries(plan) && post_data_run(plan) &&
		   restored_objects_check(plan) &&
		   (plan->settings->restore->no_analyze || schema_sections_analyze(plan)) &&
		   target_database_finish(plan) && schema_sections_run_members(plan, MEMBER_DATABASE) &&
		   target_database_open(plan);
}

static bool
run_plan(RestorePlan *plan)
{
	bool good;

	if (!object_errors_begin(plan))
		return false;

	/* It removes, or gives back, what an interrupted restore leaves. */
	connection_spare(plan->maintenance);
	if (plan->partial)
		target_send_patiently(plan->target);
	if (connection_version(plan->maintenance) / 10000 < plan->manifest->server.version_num / 10000)
		log_warning("this server (version %d) is older than the one of the backup (version %s)",
					connection_version(plan->maintenance) / 10000, plan->manifest->server.version);
	if (plan->partial)
		good = partial_run(plan) && (plan->fate == TARGET_LIVE || !stop_requested());
	else
		good = check_objects(plan) &&
			   unknown_members_refuse(plan->settings, plan->repository, plan->manifest) &&
			   missing_roles_check(plan) && fill_database(plan) && !stop_requested();
	good = good && object_errors_finish(plan);
	if (good && plan->result->incomplete && plan->fate == TARGET_REPLACED &&
		plan->request->of_cluster == NULL)
	{
		target_database_keep(plan, "the incomplete database");
		return true;
	}
	if (good && plan->fate != TARGET_LIVE)
		reachable_check(plan);
	if (good && plan->progress->unreachable && plan->fate == TARGET_REPLACED)
	{
		target_database_keep(plan, "the restored database");
		return false;
	}
	if (good && plan->fate == TARGET_REPLACED)
		return target_database_swap(plan);
	if (!good && plan->fate != TARGET_LIVE)
	{
		stop_request();
		stop_clear();
		target_database_discard(plan);
	}
	return good;
}

/* Whoever asked for the restore has the last word before anything is changed. */
static bool
agreed(const RestorePlan *plan)
{
	const RestoreRequest *request = plan->request;
	RestorePreview preview = {.database = plan->database,
							  .replaces = plan->fate == TARGET_REPLACED,
							  .backup = &plan->backup,
							  .snapshot_at = plan->manifest->snapshot_at};

	return request->agree == NULL || ((!preview.replaces || look_at_live(plan, &preview)) &&
									  request->agree(&preview, request->argument));
}

/* The name under which the database is now: an incomplete one replaces nothing that holds data. */
static const char *
restored_as(const RestorePlan *plan)
{
	return plan->result->incomplete && plan->fate == TARGET_REPLACED &&
				   plan->request->of_cluster == NULL
			   ? plan->working
			   : plan->database;
}

/* What the plan knows, and those who asked want to know, too. */
static void
fill_in_result(const RestorePlan *plan)
{
	RestoreResult *result = plan->result;
	Selection *selection = plan->selection;

	result->backup = plan->backup;
	result->restored_as = plan->database != NULL ? xstrdup(restored_as(plan)) : NULL;
	result->database = plan->database;
	result->manifest = plan->manifest;
	result->errors = plan->progress->errors;
	result->partial = selection != NULL;
	if (selection == NULL)
		return;
	result->brought = selection->brought;
	result->used = selection->used;
	result->left_out = selection->left_out;
	memset(&selection->brought, 0, sizeof(Lines));
	memset(&selection->used, 0, sizeof(Lines));
	memset(&selection->left_out, 0, sizeof(Lines));
}

static void
free_plan(const RestorePlan *plan)
{
	if (plan->selection != NULL)
		selection_free(plan->selection);
	free(plan->selection);
	if (plan->progress->scripts != NULL)
		entry_scripts_free(plan->progress->scripts);
	free(plan->progress->scripts);
	rights_free(plan->progress->rights);
	free(plan->progress->role_changes);
	free(plan->progress->late_values);
	protections_free(plan->progress->protections);
	free(plan->pre_list);
	free(plan->post_list);
	connection_close(plan->maintenance);
	target_free(plan->target);
	temporary_directory_remove(plan->directory);
	free(plan->working);
	free(plan->progress->mark);
	free(plan->archive);
	free(plan->progress->early);
	free(plan->pg_restore);
	free(plan->head_settings);
	taken_database_free(plan->progress->taken);
}

/* A whole database, for one that exists and stays: is it empty, or left by an earlier restore? */
static bool
look_ahead_at(const RestorePlan *plan)
{
	bool empty = true;
	LeftBy left;

	return look_for_left(plan, plan->database, &left) &&
		   (left != LEFT_BY_OTHERS ||
			(target_database_accepts(plan->maintenance, plan->database) &&
			 target_database_is_empty(plan->target, plan->database, &empty) &&
			 (empty || refuse_not_empty(plan->database))));
}

bool
restore_look_ahead(const RestoreRequest *request, bool *replaces)
{
	RestorePlan plan = {.request = request,
						.settings = request->settings,
						.repository = request->repository,
						.backup.owner = owner_of(NULL, request->database),
						.database = (char *) request->database,
						.partial = partial_is_wanted(request->settings)};
	bool exists = false;
	bool good;

	plan.maintenance = connection_open_maintenance(plan.settings, &plan.target);
	good = plan.maintenance != NULL &&
		   target_database_exists(plan.maintenance, plan.database, &exists);
	*replaces = exists && !plan.partial && plan.settings->restore->drop;
	if (good && !exists && plan.settings->part->append)
		good = refuse_absent(plan.database);
	else if (good && exists && !plan.partial && !*replaces)
		good = look_ahead_at(&plan);
	connection_close(plan.maintenance);
	target_free(plan.target);
	return good;
}

bool
restore_run(const RestoreRequest *request, Manifest *manifest, RestoreResult *result)
{
	RestoreProgress progress = {0};
	RestorePlan plan = {.request = request,
						.progress = &progress,
						.result = result,
						.settings = request->settings,
						.repository = request->repository,
						.manifest = manifest,
						.reported = log_errors().count};
	bool good;

	memset(result, 0, sizeof(*result));
	plan.partial = request->of_cluster == NULL && partial_is_wanted(request->settings);
	good = (manifest == NULL || manifest_require_open(request->repository, manifest)) &&
		   choose_backup(&plan) && plan_target(&plan) && agreed(&plan);
	result->begun = good;
	if (good)
	{
		LockWatch *watch = lock_watch_begin(plan.target, plan.maintenance,
											plan.settings->backup->lock_wait_timeout);

		good = run_plan(&plan);
		lock_watch_end(watch);
	}
	fill_in_result(&plan);
	free_plan(&plan);
	return good;
}

/* Lines that may not be there. */
static void
free_lines(Lines *lines)
{
	if (lines != NULL)
		lines_free(lines);
	free(lines);
}

void
restore_result_free(RestoreResult *result)
{
	uint32_t i;

	for (i = 0; result->appended != NULL && i < result->manifest->ntables; i++)
		free(result->appended[i].target);
	free(result->appended);
	manifest_free(result->manifest);
	free(result->database);
	free(result->restored_as);
	free(result->kept_as);
	free_lines(result->stays);
	free_lines(result->unpopulated);
	lines_free(&result->brought);
	lines_free(&result->used);
	lines_free(&result->left_out);
	object_errors_free(result->errors);
}
