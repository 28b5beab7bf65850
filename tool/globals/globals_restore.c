/*-------------------------------------------------------------------------
 *
 * globals_restore.c
 *	  Restoring roles and tablespaces, in the order in which pg_dumpall
 *	  wrote them.
 *
 * What may be done to roles and tablespaces that are there already is decided
 * before in globals_check.c.
 *
 *-------------------------------------------------------------------------
 */
#include "globals_restore.h"

#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "backups.h"
#include "commit.h"
#include "globals_check.h"
#include "globals_plan.h"
#include "interrupt.h"
#include "known_sql.h"
#include "lock_watch.h"
#include "log.h"
#include "maintenance.h"
#include "member_reader.h"
#include "long_sql.h"
#include "memory.h"
#include "progress.h"
#include "quote.h"
#include "resolve.h"
#include "server_failure.h"
#include "settings.h"
#include "sql_text.h"
#include "unknown_members.h"
#include "verify.h"
#include "withheld.h"

#define LOCK_NOT_AVAILABLE "55P03"

/* The hashes of passwords do not belong in the server's log; only a superuser may say so. */
static const char quiet_log[] = "SET log_statement = 'none'; SET log_min_error_statement = 'panic';"
								" SET log_min_duration_statement = -1";

/* Read the manifest, hash the objects, and cut the text into statements. */
static bool
read_backup(GlobalsRestore *restore, const GlobalsRequest *request)
{
	MemberReader reader;
	VerifyReport report;
	bool found = false;
	bool good;

	repository_warn_header(restore->repository);
	if (request->of_cluster != NULL)
		restore->result->backup = *request->of_cluster;
	else if (!repository_resolve(restore->repository, request->backup, &restore->result->backup))
		return false;
	restore->result->manifest =
		repository_manifest_inside(restore->repository, &restore->result->backup);
	if (restore->result->manifest == NULL)
		return false;
	good = verify_objects(restore->repository, restore->result->manifest, VERIFY_CONTENT, 1,
						  &report) &&
		   report.nbad == 0;
	verify_report_free(&report);
	if (!good ||
		!unknown_members_refuse(restore->settings, restore->repository, restore->result->manifest))
		return false;
	good = member_reader_open(&reader, restore->repository, restore->result->manifest) &&
		   member_reader_read_kind(&reader, MEMBER_GLOBALS, &found);
	if (good && !found)
		good = report_error(EXIT_INTEGRITY, NULL,
							"\"nex_backup globals list\" shows the other backups of them.",
							"the backup holds no globals");
	if (good)
		globals_statements_parse(reader.raw.data, &restore->statements);
	if (reader.raw.data != NULL)
		explicit_bzero(reader.raw.data, reader.raw.length);
	member_reader_close(&reader);
	restore->actions = xcalloc((size_t) restore->statements.count + 1, sizeof(GlobalsAction));
	return good;
}

/* What a statement is about, for people: never its text, which may hold a password. */
static char *
describe(const GlobalsStatement *statement)
{
	char *name = statement->name != NULL ? printable_name(statement->name) : NULL;
	char *text;

	switch (statement->kind)
	{
		case GLOBALS_CREATE_ROLE:
		case GLOBALS_ROLE_ATTRIBUTES:
		case GLOBALS_ROLE_SETTING:
			text = xasprintf("could not restore role \"%s\"", name != NULL ? name : "ALL");
			break;
		case GLOBALS_CREATE_TABLESPACE:
			text = xasprintf("could not restore tablespace \"%s\"", name);
			break;
		default:
		{
			char *start = known_sql_shown(statement->text, 200);
			char *shown = withhold_values(start, (int) strlen(start));

			text = xasprintf("could not run \"%s\"", shown);
			free(shown);
			free(start);
			break;
		}
	}
	free(name);
	return text;
}

/*
 * Before 16 any role could stand as the grantor of a membership.  A later
 * server takes only one that has the ADMIN option, and its own pg_dumpall
 * leaves the grantors of an older server out.
 */
static bool
grantor_is_history(const GlobalsRestore *restore, const GlobalsStatement *statement)
{
	return statement->kind == GLOBALS_MEMBERSHIP &&
		   restore->result->manifest->server.version_num < 160000 &&
		   connection_version(restore->connection) >= 160000;
}

/* The statement as it fits this server, with the directory of --tablespace-mapping; caller frees.
 */
static char *
mapped_text(const GlobalsRestore *restore, const GlobalsStatement *statement)
{
	const char *location = globals_mapped_location(restore->settings, statement->location);
	size_t length = strlen(statement->text);
	Buffer old;
	Buffer text;

	if (grantor_is_history(restore, statement))
		return globals_without_grantor(statement->text);
	if (location == statement->location)
		return xstrdup(statement->text);
	buffer_init(&old);
	buffer_init(&text);
	buffer_append_string(&old, "LOCATION ");
	quote_literal(&old, statement->location);
	buffer_append_char(&old, ';');

	/* At the end: the name may read like this, too. */
	if (length < old.length || strcmp(statement->text + length - old.length, old.data) != 0)
		buffer_append_string(&text, statement->text);
	else
	{
		buffer_append(&text, statement->text, length - old.length);
		buffer_append_string(&text, "LOCATION ");
		quote_literal(&text, location);
		buffer_append_char(&text, ';');
	}
	buffer_free(&old);
	return buffer_detach(&text);
}

/* Of a backup of earlier versions: the server would end the session without a word of it. */
static bool
report_too_long(const GlobalsStatement *statement, char *said)
{
	char *what = describe(statement);

	report_error(EXIT_FAILED, NULL,
				 "Write the globals to a file with \"nex_backup globals export\", remove that "
				 "statement, and run the rest with psql; or take a later backup.",
				 "%s: %s", what, said);
	free(what);
	free(said);
	return false;
}

/*
 * Settings, comments, labels, privileges on parameters and tablespaces: what a
 * server may refuse for what it alone lacks, and any role can choose for itself
 * so that no server takes it.  That is no reason to go without the roles.
 */
static bool
may_be_missing(const GlobalsStatement *statement)
{
	static const char *const others[] = {"COMMENT ON ", "SECURITY LABEL ", "GRANT ",
										 "ALTER TABLESPACE "};
	size_t i;

	if (statement->kind != GLOBALS_ROLE_OTHER && statement->kind != GLOBALS_TABLESPACE_OTHER)
		return statement->kind == GLOBALS_ROLE_SETTING;
	/* Without a REVOKE there would be more rights; what has no known form is run, or nothing is. */
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (strncmp(sql_skip_blank(statement->text), others[i], strlen(others[i])) == 0)
			return true;
	}
	return false;
}

/* Report one that was refused, and go on without it. */
static bool
go_without(GlobalsRestore *restore, const GlobalsStatement *statement, const PGresult *result)
{
	char *start = known_sql_shown(statement->text, 200);
	char *shown = withhold_values(start, (int) strlen(start));
	char *what = xasprintf("the globals are restored without a statement that the server does not "
						   "take: %s",
						   shown);

	connection_report_hint(
		restore->connection, result, what,
		"Remove the cause, and run the statement by hand, if it is wanted here.");
	free(what);
	free(shown);
	free(start);
	return true;
}

/* Run one that may be missing; in the transaction that is open, if one is. */
static bool
try_statement(GlobalsRestore *restore, const GlobalsStatement *statement, const char *text)
{
	PGconn *pg = restore->connection->pg;
	bool within = PQtransactionStatus(pg) == PQTRANS_INTRANS;
	const char *state;
	PGresult *result;
	bool good = !within || connection_command(restore->connection, SQL("SAVEPOINT statement"));

	if (!good)
		return false;
	result = PQexec(pg, text);
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		good = server_failure_is_fatal(restore->connection, state)
				   ? connection_report(restore->connection, result, "could not restore the globals")
				   : go_without(restore, statement, result);
	if (good && within)
		good =
			connection_command(restore->connection, PQresultStatus(result) == PGRES_COMMAND_OK
														? SQL("RELEASE SAVEPOINT statement")
														: SQL("ROLLBACK TO SAVEPOINT statement"));
	/* A role with very many settings is no reason to wait for each of them. */
	if (good && state != NULL && strcmp(state, LOCK_NOT_AVAILABLE) == 0)
	{
		restore->impatient = true;
		good = connection_command(restore->connection, SQL("SET lock_timeout = '1s'"));
	}
	PQclear(result);
	return good;
}

/* Run one without which nothing is restored. */
static bool
must_run(GlobalsRestore *restore, const GlobalsStatement *statement, const char *text)
{
	PGresult *result = PQexec(restore->connection->pg, text);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
	{
		char *what = describe(statement);

		connection_report(restore->connection, result, what);
		free(what);
	}
	PQclear(result);
	return good;
}

static bool
run_statement(GlobalsRestore *restore, const GlobalsStatement *statement)
{
	PGconn *pg = restore->connection->pg;
	char *text;
	char *said;
	bool good;

	if (long_sql_refused(statement->text, &said))
		return report_too_long(statement, said);
	text = mapped_text(restore, statement);

	/* A tablespace inside the data directory has an empty location. */
	if (statement->kind == GLOBALS_CREATE_TABLESPACE && statement->location != NULL &&
		statement->location[0] != '/')
		PQclear(PQexec(pg, "SET allow_in_place_tablespaces = on"));
	good = may_be_missing(statement) ? try_statement(restore, statement, text)
									 : must_run(restore, statement, text);
	explicit_bzero(text, strlen(text));
	free(text);
	return good && !stop_requested();
}

static bool
is_of_tablespace(const GlobalsStatement *statement)
{
	return statement->kind == GLOBALS_CREATE_TABLESPACE ||
		   statement->kind == GLOBALS_TABLESPACE_OTHER;
}

/* Run those statements that shall be run now, about roles or about tablespaces. */
static bool
run_some(GlobalsRestore *restore, GlobalsAction action, bool tablespaces, bool optional)
{
	int i;

	for (i = 0; i < restore->statements.count; i++)
	{
		const GlobalsStatement *statement = &restore->statements.items[i];

		if (restore->actions[i] == action && statement->kind != GLOBALS_SESSION &&
			is_of_tablespace(statement) == tablespaces && may_be_missing(statement) == optional &&
			!run_statement(restore, statement))
			return false;
	}
	return true;
}

/* What may be missing comes last, as it may change how long locks are waited for. */
static bool
run_statements(GlobalsRestore *restore, GlobalsAction action, bool tablespaces)
{
	bool good = run_some(restore, action, tablespaces, false) &&
				run_some(restore, action, tablespaces, true);

	/* Not otherwise: after a COMMIT without an answer there is no session any more. */
	if (good && restore->impatient)
	{
		restore->impatient = false;
		good = connection_set_lock_timeout(restore->connection, restore->target);
	}
	return good;
}

static bool
run_in_transaction(GlobalsRestore *restore, GlobalsAction action)
{
	if (!connection_command(restore->connection, "BEGIN"))
		return false;
	if (run_statements(restore, action, false))
		return commit_transaction(restore->connection, restore->target,
								  "the restore of the globals");
	PQclear(PQexec(restore->connection->pg, "ROLLBACK"));
	return false;
}

/* The SET commands at the head of the script: its encoding above all. */
static bool
prepare_session(GlobalsRestore *restore)
{
	PGresult *result;
	int i;

	for (i = 0; i < restore->statements.count; i++)
	{
		if (restore->statements.items[i].kind == GLOBALS_SESSION &&
			!connection_command(restore->connection, restore->statements.items[i].text))
			return false;
	}
	result = connection_query(restore->connection,
							  "SELECT session_user, r.rolsuper FROM pg_catalog.pg_roles r"
							  " WHERE r.rolname = session_user",
							  0, NULL);
	if (result == NULL)
		return false;
	free(restore->session_role);
	restore->session_role = xstrdup(PQgetvalue(result, 0, 0));
	restore->superuser = PQgetvalue(result, 0, 1)[0] == 't';
	PQclear(result);
	if (restore->superuser)
		PQclear(PQexec(restore->connection->pg, quiet_log));
	else
		log_warning_hint(
			"Connect as a superuser, with -U.",
			"role \"%s\" is not a superuser, and may not be allowed to restore all globals",
			restore->session_role);
	return true;
}

/* Anybody can lock roles, with a setting for itself. */
static bool
connect_to(GlobalsRestore *restore)
{
	restore->connection = connection_open_maintenance(restore->settings, &restore->target);
	return restore->connection != NULL && prepare_session(restore);
}

static LockWatch *
watch(const GlobalsRestore *restore)
{
	return lock_watch_begin(restore->target, restore->connection,
							restore->settings->backup->lock_wait_timeout);
}

GlobalsRestore *
globals_restore_plan(const GlobalsRequest *request, GlobalsResult *result)
{
	GlobalsRestore *restore = xcalloc(1, sizeof(GlobalsRestore));
	bool good;

	memset(result, 0, sizeof(*result));
	restore->result = result;
	restore->settings = request->settings;
	restore->repository = request->repository;
	progress_phase("checking the globals", "", 0, 0);
	good = read_backup(restore, request) && connect_to(restore);
	if (good)
	{
		LockWatch *watching = watch(restore);

		good = globals_check_roles(restore) && globals_check_tablespaces(restore);
		lock_watch_end(watching);
	}
	if (good)
		return restore;
	globals_restore_free(restore);
	return NULL;
}

bool
globals_restore_execute(GlobalsRestore *restore)
{
	LockWatch *watching = watch(restore);
	bool roles;
	bool tablespaces;

	progress_phase("restoring roles and tablespaces", "", 0, 0);
	roles = run_in_transaction(restore, GLOBALS_RUN);
	tablespaces = roles && run_statements(restore, GLOBALS_RUN, true);
	lock_watch_end(watching);
	if (!roles || tablespaces)
		return roles;
	log_warning_hint("When the cause is fixed, restore the globals again: what already exists is "
					 "left as it is.",
					 "the roles were restored, the tablespaces not all");
	return false;
}

void
globals_restore_disconnect(GlobalsRestore *restore)
{
	connection_close(restore->connection);
	target_free(restore->target);
	restore->connection = NULL;
	restore->target = NULL;
}

bool
globals_restore_finish(GlobalsRestore *restore)
{
	LockWatch *watching;
	bool good;

	/* It may have been lost when the roles were committed. */
	if (restore->connection != NULL && PQstatus(restore->connection->pg) != CONNECTION_OK)
		globals_restore_disconnect(restore);
	if (restore->connection == NULL && !connect_to(restore))
		return false;
	watching = watch(restore);
	good = run_in_transaction(restore, GLOBALS_LATE);
	lock_watch_end(watching);
	return good;
}

void
globals_restore_free(GlobalsRestore *restore)
{
	if (restore == NULL)
		return;
	globals_statements_free(&restore->statements);
	connection_close(restore->connection);
	target_free(restore->target);
	free(restore->actions);
	free(restore->session_role);
	free(restore);
}

void
globals_result_free(GlobalsResult *result)
{
	manifest_free(result->manifest);
	memset(result, 0, sizeof(*result));
}
