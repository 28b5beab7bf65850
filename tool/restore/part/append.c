/*-------------------------------------------------------------------------
 *
 * append.c
 *	  --append: rows into tables that exist, in one transaction.
 *
 * Without conflicts rows go straight into their table by COPY.  COPY cannot
 * skip a row, so with --on-conflict=skip they go into a temporary table
 * first, and from there by INSERT … ON CONFLICT DO NOTHING, which also says
 * how many were new; those that were there are counted by their keys
 * (rows_there.c).  The same is done, and taken back, to count the
 * conflicts of an append that they stopped.
 *
 * Where a table runs code of its owner, the owner adds them (row_rights.c).
 * That code may change other tables, so their rights are decided again when it
 * is their turn.
 *
 *-------------------------------------------------------------------------
 */
#include "append.h"

#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "event_triggers.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "owner_rows.h"
#include "part_settings.h"
#include "part_transaction.h"
#include "progress.h"
#include "quote.h"
#include "row_columns.h"
#include "row_copy.h"
#include "rows_there.h"
#include "sequences_set.h"
#include "settings.h"
#include "unpopulated_views.h"

#define STAGE ROW_STAGE

/* Everything that one pass over the tables needs. */
typedef struct Append
{
	const RestorePlan *plan;
	Connection *connection;
	AppendTables tables;
	MemberReader reader;
} Append;

/* Straight into the table. */
static RowCopyStatus
add_rows(Append *append, const AppendTable *table)
{
	const RestorePlan *plan = append->plan;
	const ManifestTable *source = &plan->manifest->tables[table->source];
	char *command = row_copy_command(source, table->target);
	RowCopy copy = {append->connection, &append->reader, table->target, true, NULL, NULL, false};
	RowCopyStatus status;
	uint64_t added;
	uint64_t present;

	if (table->rights.as_owner)
		status = owner_rows_add(&copy, &table->rights, table->source, false, &added, &present);
	else
		status = row_copy_run(&copy, table->source, command);
	if (status == ROW_COPY_GOOD)
		plan->result->appended[table->source].rows = source->rows;
	if (status == ROW_COPY_CONFLICT)
		report_error(EXIT_FAILED, copy.said,
					 "Nothing was changed.  With --on-conflict=skip only the rows are added that "
					 "are not there yet.",
					 "rows of the backup are in table %s already", table->target);
	free(copy.said);
	free(command);
	return status;
}

/* What became of the rows of a table with --on-conflict=skip. */
static void
set_result(Append *append, const AppendTable *table, uint64_t added, uint64_t present)
{
	AppendResult *appended = &append->plan->result->appended[table->source];
	uint64_t rows = append->plan->manifest->tables[table->source].rows;

	appended->rows = added;
	appended->conflicts = rows_there_before(rows, added, present);
	appended->kept_out = rows - added - appended->conflicts;
	appended->untold = present == ROWS_THERE_UNTOLD;
}

/* How many of the staged rows have their key in the table now?  row_rights.c let the session ask.
 */
static bool
count_present(const RowCopy *copy, const ManifestTable *source, uint64_t *present)
{
	char *query;
	PGresult *result;
	bool good = rows_there_query(copy, source, NULL, &query);

	*present = ROWS_THERE_UNTOLD;
	if (!good || query == NULL)
		return good;
	result = connection_query(copy->connection, query, 0, NULL);
	good = result != NULL;
	if (good)
		*present = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	free(query);
	return good;
}

/* From the temporary table into the real one, what is not there yet. */
static bool
insert_new_rows(Append *append, const AppendTable *table, const RowCopy *copy, const char *columns)
{
	const ManifestTable *source = &append->plan->manifest->tables[table->source];
	char *list =
		columns[0] != '\0' ? xasprintf(" (%s) OVERRIDING SYSTEM VALUE", columns) : xstrdup("");
	char *sql = xasprintf("INSERT INTO %s%s SELECT %s FROM " STAGE " ON CONFLICT DO NOTHING",
						  table->target, list, columns);
	PGresult *result = PQexec(append->connection->pg, sql);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
	uint64_t present = 0;

	if (good)
	{
		uint64_t added = strtoull(PQcmdTuples(result), NULL, 10);

		good = added == source->rows || count_present(copy, source, &present);
		if (good)
			set_result(append, table, added, present);
	}
	else if (!stop_requested())
	{
		char *what = xasprintf("could not add rows to table %s", table->target);

		char *hint = row_copy_hint(copy, PQresultErrorField(result, PG_DIAG_SQLSTATE));

		connection_report_hint(append->connection, result, what, hint);
		free(hint);
		free(what);
	}
	PQclear(result);
	free(sql);
	free(list);
	return good;
}

/* The same with the owner's rights. */
static RowCopyStatus
add_new_rows_as_owner(Append *append, const AppendTable *table)
{
	RowCopy copy = {append->connection, &append->reader, table->target, false, NULL, NULL, false};
	uint64_t added = 0;
	uint64_t present = 0;
	RowCopyStatus status =
		owner_rows_add(&copy, &table->rights, table->source, true, &added, &present);

	if (status == ROW_COPY_GOOD)
		set_result(append, table, added, present);
	return status;
}

/* By way of a temporary table. */
static RowCopyStatus
add_new_rows(Append *append, const AppendTable *table)
{
	const ManifestTable *source = &append->plan->manifest->tables[table->source];
	size_t length;
	const char *columns = row_copy_columns(source, &length);
	char *inner = length > 2 ? xasprintf("%.*s", (int) length - 2, columns + 1) : xstrdup("");
	char *command = row_copy_command(source, STAGE);
	RowCopy copy = {append->connection, &append->reader, table->target, false, NULL, NULL, false};
	RowCopyStatus status = ROW_COPY_FAILED;

	if (connection_commandf(append->connection,
							"CREATE TEMPORARY TABLE nex_backup_rows AS SELECT %s FROM %s"
							" WITH NO DATA",
							inner, table->target))
		status = row_copy_run(&copy, table->source, command);
	if (status == ROW_COPY_GOOD && (!insert_new_rows(append, table, &copy, inner) ||
									!connection_command(append->connection, "DROP TABLE " STAGE)))
		status = ROW_COPY_FAILED;
	free(command);
	free(inner);
	return status;
}

/* Find, lock and order the tables, and settle what fires. */
static bool
start(Append *append, bool skip)
{
	const RestorePlan *plan = append->plan;
	uint32_t i;

	append->tables.counted = skip;
	if (!partial_begin(plan, append->connection) ||
		!append_tables_find(plan, append->connection, &append->tables))
		return false;
	for (i = 0; i < append->tables.count; i++)
	{
		free(plan->result->appended[i].target);
		plan->result->appended[i].target = xstrdup(append->tables.items[i].target);
	}
	if (plan->settings->part->disable_triggers)
		return connection_command(append->connection,
								  "SET LOCAL session_replication_role = replica");
	return append_tables_order(append->connection, &append->tables);
}

static RowCopyStatus
fill(Append *append)
{
	const RestorePlan *plan = append->plan;
	bool skip = append->tables.counted;
	RowCopyStatus status = ROW_COPY_GOOD;
	uint32_t i;

	progress_phase("adding rows", "tables", append->tables.count, plan->manifest->totals.raw_bytes);
	for (i = 0; status == ROW_COPY_GOOD && i < append->tables.count; i++)
	{
		AppendTable *table = &append->tables.items[i];

		if (!append_tables_decide(plan, append->connection, table))
			status = ROW_COPY_FAILED;
		else if ((skip || table->rights.as_owner) &&
				 !event_triggers_check(plan->settings, append->connection))
			status = ROW_COPY_FAILED;
		else if (!skip)
			status = add_rows(append, table);
		else
			status = table->rights.as_owner ? add_new_rows_as_owner(append, table)
											: add_new_rows(append, table);
		if (stop_requested())
			status = ROW_COPY_FAILED;
		atomic_fetch_add(&progress.units_done, 1);
	}
	return status;
}

/* What waited is checked now; rows that are there already are the likeliest to be refused. */
static bool
check_deferred(Append *append)
{
	PGresult *result = connection_exec(append->connection, "SET CONSTRAINTS ALL IMMEDIATE");
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
	char *shown = printable_name(table != NULL ? table : "");
	char *what = xasprintf("rows of the backup are in table \"%s\" already", shown);

	if (!good && state != NULL && table != NULL &&
		(strcmp(state, "23505") == 0 || strcmp(state, "23P01") == 0))
		connection_report_hint(append->connection, result, what,
							   "Nothing was changed.  Rows cannot be skipped where a unique key is "
							   "deferrable: restore the table under another name (--as), and copy "
							   "the rows that are missing.");
	else if (!good && state != NULL && strncmp(state, "23", 2) == 0)
		connection_report_hint(append->connection, result,
							   "a constraint that is deferred refuses rows of the backup",
							   "Nothing was changed.");
	else if (!good)
		connection_report(append->connection, result, "could not check the deferred constraints");
	PQclear(result);
	free(what);
	free(shown);
	return good;
}

static bool
note_unpopulated(Append *append)
{
	Buffer tables;
	uint32_t i;
	bool good;

	buffer_init(&tables);
	for (i = 0; i < append->tables.count; i++)
		buffer_printf(&tables, "%c%u", i == 0 ? '{' : ',', append->tables.items[i].oid);
	buffer_append_string(&tables, append->tables.count == 0 ? "{}" : "}");
	good = unpopulated_views_note(append->plan, append->connection, tables.data);
	buffer_free(&tables);
	return good;
}

/*
 * Deferred keys are checked before the sequences move, because these moves
 * are not taken back with the transaction.
 */
static bool
finish(Append *append)
{
	const RestorePlan *plan = append->plan;

	return append_tables_check_waiting(plan, append->connection, &append->tables) &&
		   check_deferred(append) && note_unpopulated(append) &&
		   (plan->settings->part->as != NULL || sequences_advance(plan, append->connection)) &&
		   !stop_requested() && restore_without_errors(plan) &&
		   commit_transaction(append->connection, plan->target, "the restore");
}

/* Say how many conflicts there are, table by table; whatever it does is taken back. */
static void
count_conflicts(Append *append)
{
	const RestorePlan *plan = append->plan;
	bool counted;
	uint32_t i;

	append_tables_free(&append->tables);
	log_info("counting the rows that are there already");
	counted = connection_command(append->connection, "ROLLBACK") && start(append, true) &&
			  fill(append) == ROW_COPY_GOOD;
	for (i = 0; i < plan->manifest->ntables; i++)
	{
		const AppendResult *result = &plan->result->appended[i];

		if (result->conflicts > 0)
			log_warning("table %s: %llu of %llu rows%s", result->target,
						(unsigned long long) result->conflicts,
						(unsigned long long) plan->manifest->tables[i].rows,
						counted ? " are there already" : " are there already, as far as counted");
		if (result->kept_out > 0)
			log_warning(
				"table %s: %llu of %llu rows %swould be kept out by a trigger or another row",
				result->target, (unsigned long long) result->kept_out,
				(unsigned long long) plan->manifest->tables[i].rows,
				result->untold ? "are there already, or " : "");
	}
}

bool
append_run(const RestorePlan *plan, Connection *connection)
{
	bool skip = plan->settings->part->on_conflict == ON_CONFLICT_SKIP;
	RowCopyStatus status = ROW_COPY_FAILED;
	Append append;
	uint32_t i;
	bool good;

	memset(&append, 0, sizeof(append));
	append.plan = plan;
	append.connection = connection;
	if (plan->manifest->ntables == 0)
		return report_error(EXIT_FAILED, NULL, NULL, "none of the chosen objects has rows");
	plan->result->appended = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(AppendResult));
	if (member_reader_open(&append.reader, plan->repository, plan->manifest) &&
		start(&append, skip) && row_columns_check_append(plan, connection, &append.tables) &&
		(!skip || append_keys_check(plan, connection, &append.tables)))
		status = fill(&append);
	good = status == ROW_COPY_GOOD && finish(&append);
	if (status == ROW_COPY_CONFLICT)
		count_conflicts(&append);
	for (i = 0; good && i < plan->manifest->ntables; i++)
		plan->result->rows += plan->result->appended[i].rows;
	append_tables_free(&append.tables);
	member_reader_close(&append.reader);
	return good;
}
