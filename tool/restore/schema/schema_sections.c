/*-------------------------------------------------------------------------
 *
 * schema_sections.c
 *	  Everything of a restore that is not rows.
 *
 * pg_restore works from the archive, not psql from the plain scripts, because
 * the archive knows the dependencies that a parallel build of indexes and
 * constraints needs.
 *
 *-------------------------------------------------------------------------
 */
#include "schema_sections.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_toc.h"
#include "interrupt.h"
#include "lock_waits.h"
#include "log.h"
#include "long_sql.h"
#include "member_reader.h"
#include "memory.h"
#include "newer_pg_restore.h"
#include "object_errors.h"
#include "object_runner.h"
#include "owners_and_grants.h"
#include "pg_restore_options.h"
#include "private_file.h"
#include "progress.h"
#include "quoted_statements.h"
#include "refused_settings.h"
#include "restore_settings.h"
#include "role_settings.h"
#include "server_failure.h"
#include "head_settings.h"
#include "session_pins.h"
#include "settings.h"
#include "sql_name.h"
#include "sql_text.h"
#include "subprocess.h"
#include "target_database.h"
#include "unknown_members.h"
#include "work_settings.h"

/* pg_cron, for instance, lives in the database that cron.database_name names. */
#define EXTENSION_HINT                                                                             \
	"If the extension works in a database of one name only: end the sessions there "               \
	"(pg_terminate_backend) and rename it (ALTER DATABASE NAME RENAME TO NAME_before) at once, "   \
	"then restore without --to and --drop.  " SKIP_HINT

bool
schema_sections_prepare(RestorePlan *plan)
{
	MemberReader reader;
	bool found = false;
	bool good;
	size_t length = 0;
	int version = connection_version(plan->maintenance);
	const char *pg_dump = plan->manifest->pg_dump;
	int dumped_by = pg_dump != NULL ? (int) strtol(pg_dump, NULL, 10) * 10000 : 0;
	char *program_version = NULL;
	const char *problem;
	int error;

	/* A newer pg_dump may have written an archive that an older pg_restore cannot read. */
	plan->pg_restore =
		find_client_program(plan->settings->work->pg_bindir, "pg_restore",
							version > dumped_by ? version : dumped_by, &program_version);
	plan->sets_unknown =
		plan->pg_restore != NULL && pg_restore_sets_unknown(program_version, version);
	free(program_version);
	plan->directory = plan->pg_restore != NULL ? temporary_directory_create() : NULL;
	if (plan->directory == NULL)
		return false;
	plan->archive = xasprintf("%s/archive", plan->directory);
	good = member_reader_open(&reader, plan->repository, plan->manifest) &&
		   member_reader_read_kind(&reader, MEMBER_ARCHIVE, &found);
	if (good && (!found || !archive_decode(&reader.raw, &length)))
		good = report_error(EXIT_INTEGRITY, NULL, NULL, "the backup has no valid schema archive");
	if (good && (problem = archive_toc_check_ids(reader.raw.data, length)) != NULL)
		good = report_error(EXIT_INTEGRITY, NULL, NULL, "the schema archive of the backup %s",
							problem);
	if (good && (error = new_file_write(plan->archive, reader.raw.data, length, false)) != 0)
		good = report_error(EXIT_FAILED, strerror(error), temporary_file_hint(error),
							"could not write file \"%s\"", plan->archive);
	member_reader_close(&reader);
	return good;
}

/* What may help against an error of pg_restore's, if it is about an object. */
static const char *
hint_for(const char *error)
{
	static const char *const others[] = {"terminating connection", "No space left on device",
										 "server closed the connection", "out of memory",
										 "the database system is"};
	size_t i;

	if (error == NULL || strstr(error, "could not execute query: ERROR:") == NULL)
		return NULL;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (strstr(error, others[i]) != NULL)
			return NULL;
	}
	/* Before version 16, and since. */
	if (strstr(error, "must be member of role") != NULL ||
		strstr(error, "must be able to SET ROLE") != NULL)
		return "Connect as a superuser or as a member of that role, or leave owners out "
			   "(--no-owner).  " SKIP_HINT;
	if (strstr(error, "role \"") != NULL)
		return "Roles are not part of a database backup: \"nex_backup globals restore\" brings "
			   "them, if the globals were backed up.  " SKIP_HINT;
	return strstr(error, "CREATE EXTENSION") != NULL ? EXTENSION_HINT : SKIP_HINT;
}

/* Report what went wrong as pg_restore's stderr tells it. */
static bool
report_child(const RestorePlan *plan, const char *section, const SubprocessResult *result)
{
	const char *hint;
	char *error;
	char *detail;

	if (stop_requested())
		return false;
	error = pg_restore_error(result);
	detail = pg_restore_detail(plan, result, error);
	hint = connection_limit_hint(result->errors.data);
	if (result->exit_code < 0)
		report_error(EXIT_FAILED, detail, NULL, "pg_restore was terminated by signal %d",
					 result->signal);
	else
		report_error(EXIT_FAILED, detail, hint != NULL ? hint : hint_for(error),
					 "could not restore the %s section", section);
	free(detail);
	free(error);
	return false;
}

/*
 * Has this role, or the database, a setting by which a materialized view could
 * not read views?  Not every server knows it.
 */
static bool
views_are_shut(Connection *connection)
{
	PGresult *result =
		connection_ask(connection,
					   SQL("SELECT FROM pg_catalog.pg_settings"
						   " WHERE name = 'restrict_nonsystem_relation_kind' AND reset_val <> ''"),
					   0, NULL);
	bool shut = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;

	PQclear(result);
	return shut;
}

/* Where pg_restore is to connect, with the settings that make it fast; caller frees. */
static char *
conninfo_for_pg_restore(const RestorePlan *plan, bool serial)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	char *message = NULL;
	Connection *connection = connection_try(target, &message);
	char *application = lock_waits_application(plan->maintenance->pg);
	char *conninfo;

	/* If there is no connection, pg_restore will say why. */
	session_pin_child(target, connection != NULL ? connection->role : NULL,
					  connection != NULL ? connection->child_options : "");
	if (connection != NULL && views_are_shut(connection))
		target_add_option(target, "-c restrict_nonsystem_relation_kind=");
	connection_close(connection);
	free(message);
	target_add_option(target, "-c synchronous_commit=off");
	head_settings_add_options(plan, target);
	if (serial)
		target_add_option(target, "-c max_parallel_maintenance_workers=0");
	if (plan->settings->restore->maintenance_work_mem != NULL)
	{
		char *option =
			xasprintf("-c maintenance_work_mem=%s", plan->settings->restore->maintenance_work_mem);

		target_add_option(target, option);
		free(option);
	}
	conninfo = target_conninfo_for_child(target, plan->directory);
	target_free(target);
	/* By this name lock_watch.c knows it. */
	if (conninfo != NULL)
	{
		char *named = xasprintf("%s application_name=%s", conninfo, application);

		free(conninfo);
		conninfo = named;
	}
	free(application);
	return conninfo;
}

/* Run pg_restore on the archive; `which` is an option that says what to restore. */
static bool
run_pg_restore(const RestorePlan *plan, const char *which, const char *mode, bool serial,
			   SubprocessResult *result)
{
	char *conninfo = conninfo_for_pg_restore(plan, serial);
	const char *argv[12] = {plan->pg_restore, which,    mode,         "--no-password",
							"--dbname",       conninfo, plan->archive};
	size_t count = 7;
	bool ran;

	if (!plan->sets_unknown)
		argv[count++] = "--exit-on-error";
	pg_restore_add_options(plan, argv, &count);
	ran = conninfo != NULL && subprocess_run_connected(argv, plan->directory, result);
	free(conninfo);
	return ran;
}

/* Run pg_restore, or report why it failed. */
static bool
must_run_pg_restore(const RestorePlan *plan, const char *section, const char *which, int jobs)
{
	char *mode = xasprintf("--jobs=%d", jobs);
	SubprocessResult result;
	bool good = false;

	if (run_pg_restore(plan, which, mode, false, &result))
	{
		good = result.exit_code == 0 ||
			   (plan->sets_unknown && pg_restore_only_set_unknown(&result)) ||
			   report_child(plan, section, &result);
		subprocess_result_free(&result);
	}
	free(mode);
	return good && !stop_requested();
}

bool
schema_sections_run(const RestorePlan *plan, const char *section)
{
	const char *list = strcmp(section, "pre-data") == 0 ? plan->pre_list : plan->post_list;
	char *which =
		list != NULL ? xasprintf("--use-list=%s", list) : xasprintf("--section=%s", section);
	bool good;

	if (plan->progress->errors != NULL && strcmp(section, "pre-data") == 0)
	{
		free(which);
		return object_runner_pre_data(plan);
	}
	progress_phase("restoring schema", "", 0, 0);
	good = must_run_pg_restore(plan, section, which, 1);
	free(which);
	return good;
}

bool
schema_sections_run_list(const RestorePlan *plan, const char *list, bool parallel)
{
	char *which = xasprintf("--use-list=%s", list);
	bool good;

	progress_phase("building indexes and constraints", "", 0, 0);
	good = must_run_pg_restore(plan, "post-data", which, parallel ? plan->settings->work->jobs : 1);
	free(which);
	return good;
}

bool
schema_sections_try_list(const RestorePlan *plan, const char *list, bool serial)
{
	char *which = xasprintf("--use-list=%s", list);
	SubprocessResult result;
	bool good = false;

	if (run_pg_restore(plan, which, "--single-transaction", serial, &result))
	{
		good = result.exit_code == 0;
		if (!good && !stop_requested())
			log_debug("pg_restore: %s", result.errors.data);
		subprocess_result_free(&result);
	}
	free(which);
	return good;
}

static bool
run_member(const RestorePlan *plan, Connection *connection, MemberKind kind, const char *sql)
{
	if (plan->progress->errors != NULL)
		return object_errors_run(plan, connection,
								 kind == MEMBER_SEQUENCES ? "values of sequences"
														  : "settings and grants of the database",
								 sql);
	return long_sql_run(connection, sql);
}

/*
 * Keep of the settings of the database those that decide what a query makes of
 * dates, numbers and words.  A materialized view is filled with what it would
 * be in a session of this database; the others wait until all is done, for
 * they might be in the way.
 */
static void
keep_settings_of_queries(Buffer *sql)
{
	static const char *const names[] = {"TimeZone",
										"DateStyle",
										"IntervalStyle",
										"default_text_search_config",
										"lc_time",
										"lc_numeric",
										"lc_monetary",
										"extra_float_digits",
										"bytea_output",
										"xmlbinary",
										"xmloption",
										"timezone_abbreviations",
										NULL};
	static const char start[] = "ALTER DATABASE ";
	const char *from = sql->data;
	char *to = sql->data;

	while (*from != '\0')
	{
		const char *end = sql_statement_end(from);
		const char *at = sql_skip_blank(from);
		char *database = NULL;
		char *name = NULL;
		size_t i = 0;

		if (strncmp(at, start, strlen(start)) == 0)
			at = sql_name_read(at + strlen(start), &database);
		if (database != NULL && at != NULL && strncmp(at, " SET ", 5) == 0 &&
			sql_name_read(at + 5, &name) != NULL)
		{
			while (names[i] != NULL && strcasecmp(names[i], name) != 0)
				i++;
			if (names[i] != NULL)
			{
				memmove(to, from, (size_t) (end - from));
				to += end - from;
			}
		}
		free(database);
		free(name);
		from = end;
	}
	*to = '\0';
	sql->length = (size_t) (to - sql->data);
}

/* Is there a comment of the database among these statements? */
static bool
has_comment(const char *sql)
{
	static const char start[] = "COMMENT ON DATABASE ";

	for (; *sql != '\0'; sql = sql_statement_end(sql))
	{
		if (strncmp(sql_skip_blank(sql), start, strlen(start)) == 0)
			return true;
	}
	return false;
}

/*
 * If the connection is lost at them, nobody knows whether they were carried out.  They leave the
 * same when they are run twice, so they are run again.
 */
static bool
run_surely(RestorePlan *plan, ConnectionTarget *target, Connection **connection, const char *sql)
{
	if (plan->progress->errors == NULL && long_sql_try(*connection, sql))
		return true;
	if (PQstatus((*connection)->pg) != CONNECTION_OK)
	{
		connection_close(*connection);
		*connection = head_settings_connect(plan, target);
		if (*connection != NULL)
			log_warning("the connection to the server was lost, and made again");
	}
	return *connection != NULL && run_member(plan, *connection, MEMBER_DATABASE, sql);
}

/* Settings and privileges of the database, and what opens it; false (reported) on failure. */
static bool
last_message(RestorePlan *plan, const Buffer *members, Buffer *sql)
{
	bool made = plan->fate != TARGET_FILLED;

	buffer_reset(sql);
	buffer_append_string(sql, "");
	if (made)
		target_database_give_to_public(plan, sql_in(sql));
	buffer_append(sql, members->data, members->length);
	return !made || target_database_last_step(plan, has_comment(members->data), sql_in(sql));
}

/* That is one message, and so one transaction; without what the server refuses
 * (refused_settings.h).
 */
static bool
run_last(RestorePlan *plan, ConnectionTarget *target, Connection **connection, Buffer *members)
{
	RefusedSettings refused = {NULL, 0};
	bool good;
	Buffer sql;

	buffer_init(&sql);
	good = last_message(plan, members, &sql);
	if (good && plan->progress->errors == NULL && !long_sql_try(*connection, sql.data) &&
		PQstatus((*connection)->pg) == CONNECTION_OK)
	{
		/* The server has taken all of it back. */
		plan->progress->mark_gone = false;
		good = refused_settings_find(*connection, members, &refused) &&
			   last_message(plan, members, &sql);
	}
	if (good)
		good = run_surely(plan, target, connection, sql.data);
	plan->progress->opened = plan->fate != TARGET_FILLED && good;
	if (good)
		refused_settings_report(plan, &refused);
	refused_settings_free(&refused);
	buffer_free(&sql);
	return good;
}

/* Settings that a query needs; what is refused is reported when all of them are set. */
static bool
run_settings_of_queries(const RestorePlan *plan, Connection *connection, Buffer *sql)
{
	RefusedSettings refused = {NULL, 0};
	bool good = long_sql_try(connection, sql->data) ||
				(refused_settings_find(connection, sql, &refused) &&
				 run_member(plan, connection, MEMBER_DATABASE, sql->data));

	refused_settings_free(&refused);
	return good;
}

static bool
run_members(RestorePlan *plan, MemberKind kind, bool of_queries)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection;
	MemberReader reader;
	bool found = false;
	bool good;
	Buffer sql;
	Buffer of_roles;

	buffer_init(&sql);
	buffer_init(&of_roles);
	memset(&reader, 0, sizeof(reader));
	good = member_reader_open(&reader, plan->repository, plan->manifest) &&
		   member_reader_read_kind(&reader, kind, &found);
	if (good && found)
		good = known_member_sql(plan->settings, plan->manifest, kind, reader.raw.data,
								plan->working, &sql);
	if (good && of_queries && sql.length > 0)
		keep_settings_of_queries(&sql);
	if (good && sql.length > 0)
	{
		owners_and_grants_filter(plan->settings, &sql);
		if (kind == MEMBER_DATABASE)
			role_settings_take(&sql, &of_roles);
		connection = head_settings_connect(plan, target);
		if (connection != NULL && of_queries)
			good = run_settings_of_queries(plan, connection, &sql);
		else if (connection == NULL || kind != MEMBER_DATABASE)
			good = connection != NULL && run_member(plan, connection, kind, sql.data);
		else
			good = role_settings_run(plan, connection, &of_roles) &&
				   run_last(plan, target, &connection, &sql);
		connection_close(connection);
	}
	buffer_free(&sql);
	buffer_free(&of_roles);
	member_reader_close(&reader);
	target_free(target);
	return good;
}

bool
schema_sections_run_members(RestorePlan *plan, MemberKind kind)
{
	return run_members(plan, kind, false);
}

bool
schema_sections_set_for_queries(RestorePlan *plan)
{
	return run_members(plan, MEMBER_DATABASE, true);
}
