/*-------------------------------------------------------------------------
 *
 * swap.c
 *	  Putting the restored database in the place of the live one.
 *
 * Both renames happen in one transaction, so there is no instant without a
 * database of that name.  ALTER DATABASE RENAME takes a lock that keeps new
 * sessions out, then waits up to five seconds for the old ones to go; in that
 * time a second connection ends them.  So nobody can slip in between.  An
 * empty database that is filled in place is closed in the same way
 * (taken_database.c).
 *
 *-------------------------------------------------------------------------
 */
#include "restore_settings.h"
#include "target_database.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "database_state.h"
#include "deadline.h"
#include "drop_database.h"
#include "interrupted.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "quote.h"
#include "restore_mark.h"
#include "run_alone.h"
#include "settings.h"
#include "stays_behind.h"
#include "swap.h"

#define MAX_NAME_BYTES 63

/* The comment of the database that is kept: doctor knows it by its beginning. */
static const char replaced_by[] = "nex_backup: replaced by restore of ";
static const char its_own[] = "; comment before: ";

/* "<database>_old_<yyyymmddhhmmss>", or "…_2" and so on, shortened at a character border to fit. */
static char *
old_name(const char *database, int number)
{
	char suffix[48];
	size_t length = strlen(database);
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(suffix, 32, "_old_%Y%m%d%H%M%S", &tm);
	if (number > 1)
		snprintf(suffix + strlen(suffix), 16, "_%d", number);
	if (length > MAX_NAME_BYTES - strlen(suffix))
		length = MAX_NAME_BYTES - strlen(suffix);
	while (length > 0 && ((unsigned char) database[length] & 0xc0) == 0x80)
		length--;
	return xasprintf("%.*s%s", (int) length, database, suffix);
}

/* What DROP DATABASE would stumble over, or take away from others without a word. */
static bool
can_be_dropped(const char *shown, const char *subscriptions, const char *slots)
{
	if (strcmp(subscriptions, "0") != 0)
		return report_error(
			EXIT_FAILED, NULL,
			"Leave out --discard-old, which keeps it under another name, or drop the "
			"subscriptions first.",
			"database \"%s\" has subscriptions (%s), so that it cannot be dropped", shown,
			subscriptions);
	if (strcmp(slots, "0") != 0)
		return report_error(
			EXIT_FAILED, NULL,
			"Leave out --discard-old, which keeps it under another name, or drop the "
			"slots first (pg_drop_replication_slot).",
			"database \"%s\" has replication slots (%s), which would be dropped "
			"with it",
			shown, slots);
	return true;
}

bool
target_database_can_be_replaced(const RestorePlan *plan)
{
	const char *params[1] = {plan->database};
	char *shown;
	bool good = true;
	PGresult *result = connection_query(
		plan->maintenance,
		SQL("SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription s"
			"   WHERE s.subdbid = d.oid),"
			"  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots s"
			"   WHERE s.database = d.datname AND NOT s.temporary),"
			"  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts p"
			"   WHERE p.database = d.datname),"
			"  r.rolsuper OR (r.rolcreatedb AND pg_catalog.pg_has_role(d.datdba, 'USAGE'))"
			" FROM pg_catalog.pg_database d, pg_catalog.pg_roles r"
			" WHERE d.datname = $1::pg_catalog.name AND r.rolname = current_user"),
		1, params);

	if (result == NULL)
		return false;
	shown = printable_name(plan->database);
	if (PQntuples(result) != 1)
		good =
			report_error(EXIT_FAILED, NULL, NULL, "database \"%s\" does not exist any more", shown);
	if (good && plan->settings->restore->discard_old)
		good = can_be_dropped(shown, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	if (good && strcmp(PQgetvalue(result, 0, 2), "0") != 0)
		good = report_error(EXIT_FAILED, "The server renames no database that has any.",
							"COMMIT PREPARED or ROLLBACK PREPARED ends them; view "
							"pg_prepared_xacts shows them.",
							"database \"%s\" has prepared transactions (%s), so that it cannot be "
							"replaced",
							shown, PQgetvalue(result, 0, 2));
	if (good && PQgetvalue(result, 0, 3)[0] != 't')
		good = report_error(EXIT_FAILED, NULL,
							"Restore as its owner, with CREATEDB, or as a superuser; --to restores "
							"under another name.",
							"this role may not rename database \"%s\", as --drop has to", shown);
	PQclear(result);
	free(shown);
	return good && (plan->settings->restore->discard_old || stays_behind_look(plan));
}

/*
 * The comment that the live database has, without what restores have written there; NULL: none.
 * One in another encoding cannot be read, and is no reason not to restore.
 */
static char *
own_comment(const RestorePlan *plan)
{
	const char *params[1] = {plan->database};
	PGresult *result =
		connection_ask(plan->maintenance,
					   SQL("SELECT pg_catalog.shobj_description(d.oid, 'pg_database')"
						   " FROM pg_catalog.pg_database d WHERE d.datname = $1::pg_catalog.name"),
					   1, params);
	const char *comment = NULL;
	char *own = NULL;
	DatabaseBefore before;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		log_warning("the comment of the present database could not be read, and is not kept: %s",
					connection_message(plan->maintenance));
	else if (PQntuples(result) == 1 && !PQgetisnull(result, 0, 0))
		comment = PQgetvalue(result, 0, 0);
	if (comment != NULL && restore_mark_is(comment))
	{
		restore_mark_read(comment, &before);
		own = before.comment;
		before.comment = NULL;
		database_before_free(&before);
	}
	else if (comment != NULL && strncmp(comment, replaced_by, strlen(replaced_by)) == 0)
	{
		comment = strstr(comment, its_own);
		own = comment != NULL ? xstrdup(comment + strlen(its_own)) : NULL;
	}
	else if (comment != NULL)
		own = xstrdup(comment);
	PQclear(result);
	return restore_mark_own_comment(plan->maintenance, own);
}

/* The transaction that swaps the names. */
static void
swap_commands(const RestorePlan *plan, SqlText *sql)
{
	char *source = owner_name(&plan->backup.owner);
	char *own = own_comment(plan);
	char *note = xasprintf("%s%s/%s%s%s", replaced_by, source, plan->backup.id,
						   own != NULL ? its_own : "", own != NULL ? own : "");

	sql_append(sql, "BEGIN; SET LOCAL lock_timeout = '" DATABASE_LOCK_TIMEOUT "'; ALTER DATABASE ");
	sql_identifier(sql, plan->database);
	sql_append(sql, " RENAME TO ");
	sql_identifier(sql, plan->result->kept_as);
	sql_append(sql, "; ALTER DATABASE ");
	sql_identifier(sql, plan->working);
	sql_append(sql, " RENAME TO ");
	sql_identifier(sql, plan->database);
	/* CREATE DATABASE of roles that are no superusers copies nothing but a template. */
	if (strcmp(plan->database, "template1") == 0)
		sql_append(sql, "; ALTER DATABASE template1 IS_TEMPLATE true");
	sql_append(sql, "; COMMENT ON DATABASE ");
	sql_identifier(sql, plan->result->kept_as);
	sql_append(sql, " IS ");
	sql_literal(sql, note);
	sql_append(sql, "; COMMIT");
	free(note);
	free(own);
	free(source);
}

/* The restore is done; an old database that cannot be dropped is no reason to say that it failed.
 */
static void
discard_old(RestorePlan *plan)
{
	char *shown = printable_name(plan->result->kept_as);
	bool dropped = drop_database(plan->maintenance, plan->result->kept_as);

	/* If the connection was lost, the server may have dropped it, or be about to: so once more. */
	if (!dropped && PQstatus(plan->maintenance->pg) != CONNECTION_OK &&
		target_database_reconnect(plan))
		dropped = drop_database(plan->maintenance, plan->result->kept_as);
	if (dropped)
	{
		free(plan->result->kept_as);
		plan->result->kept_as = NULL;
	}
	else
	{
		bool lost = PQstatus(plan->maintenance->pg) != CONNECTION_OK;
		char *said = xstrdup(connection_message(plan->maintenance));

		said[strcspn(said, "\n")] = '\0';
		log_warning_hint(lost ? "Look whether it is still there, and drop it if it is."
							  : "Drop it when whatever prevents that is gone.",
						 lost ? "it is not known whether the old database \"%s\" was dropped: %s"
							  : "the old database \"%s\" could not be dropped: %s",
						 shown, said);
		free(said);
	}
	free(shown);
}

/* A name for the old database that nobody has. */
static bool
choose_old_name(const RestorePlan *plan)
{
	bool taken = true;
	int number;

	for (number = 1; taken; number++)
	{
		free(plan->result->kept_as);
		plan->result->kept_as = old_name(plan->database, number);
		if (!target_database_exists(plan->maintenance, plan->result->kept_as, &taken))
			return false;
	}
	return true;
}

/*
 * After a failure: did the server do it all the same, before the connection
 * was lost?  Then the database that was filled is not there under that name.
 */
static bool
has_happened(RestorePlan *plan, bool *known)
{
	bool exists = true;
	bool kept = false;

	*known = target_database_reconnect(plan) &&
			 target_database_exists(plan->maintenance, plan->working, &exists) &&
			 target_database_exists(plan->maintenance, plan->result->kept_as, &kept);
	return *known && !exists && kept;
}

static void
append_rename(Buffer *text, const char *from, const char *to)
{
	buffer_append_string(text, "ALTER DATABASE ");
	quote_identifier_shown(text, from);
	buffer_append_string(text, " RENAME TO ");
	quote_identifier_shown(text, to);
	buffer_append_string(text, ";");
}

void
target_database_keep(const RestorePlan *plan, const char *what)
{
	char *working = printable_name(plan->working);
	char *database = printable_name(plan->database);
	char *aside = plan->result->kept_as != NULL ? xstrdup(plan->result->kept_as)
												: old_name(plan->database, 1);
	Buffer commands;

	plan->progress->created = false;
	buffer_init(&commands);
	buffer_append_string(&commands, "When nobody is connected to the two any more, these commands "
									"put it in place of the live one: BEGIN; ");
	append_rename(&commands, plan->database, aside);
	buffer_append_char(&commands, ' ');
	append_rename(&commands, plan->working, plan->database);
	buffer_append_string(&commands, " COMMIT;");
	log_warning_hint(commands.data, "%s is kept as \"%s\"; database \"%s\" is as it was", what,
					 working, database);
	buffer_free(&commands);
	free(aside);
	free(working);
	free(database);
}

/* What could not be swapped is complete, and may have taken hours to load. */
static void
keep_or_discard(RestorePlan *plan, bool known)
{
	if (interrupted())
	{
		target_database_discard(plan);
		return;
	}
	if (known && !choose_old_name(plan))
		log_debug("no name could be chosen for the old database");
	target_database_keep(plan, known ? "the restored database is complete and"
									 : "unless the server still did it, the restored database");
}

bool
target_database_swap(RestorePlan *plan)
{
	LogErrors before = log_errors();
	SqlText sql;
	bool known = true;
	bool good;

	progress_phase("swapping databases", "", 0, 0);
	sql_init(&sql);
	good = choose_old_name(plan);
	if (good)
		swap_commands(plan, &sql);
	good = good && target_database_run_alone(plan, &sql, "could not swap the databases");
	sql_free(&sql);
	if (!good && has_happened(plan, &known))
	{
		log_return_to_errors(&before);
		log_warning("the databases were swapped, although the connection was lost meanwhile");
		good = true;
	}
	if (!good)
		keep_or_discard(plan, known);
	else
		plan->progress->created = false;
	if (good && plan->settings->restore->discard_old)
		discard_old(plan);
	else if (good)
		stays_behind_warn(plan);
	if (!good)
	{
		free(plan->result->kept_as);
		plan->result->kept_as = NULL;
	}
	return good;
}
