/*-------------------------------------------------------------------------
 *
 * row_copy.c
 *	  All rows of one table over one connection.
 *
 * The parallel loader (loader.c) cannot be used where everything must be one
 * transaction: that belongs to one connection.
 *
 *-------------------------------------------------------------------------
 */
#include "row_copy.h"

#include <stdlib.h>
#include <string.h>

#include "connection_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "quote.h"
#include "server_failure.h"
#include "sql_name.h"

#define SEND_BYTES (256 * 1024)

#define SQLSTATE_UNIQUE_VIOLATION "23505"
#define SQLSTATE_EXCLUSION_VIOLATION "23P01"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"
#define SQLSTATE_UNDEFINED_TABLE "42P01"
#define SQLSTATE_UNDEFINED_FUNCTION "42883"
#define SQLSTATE_UNDEFINED_OBJECT "42704"
#define SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE "55000"

const char *
row_copy_columns(const ManifestTable *table, size_t *length)
{
	static const char prefix[] = "COPY ";
	static const char suffix[] = " FROM stdin;";
	char *schema = NULL;
	char *name = NULL;
	const char *rest;
	size_t whole;

	*length = 0;
	if (strncmp(table->copy, prefix, strlen(prefix)) != 0)
		return "";
	rest = sql_name_read_qualified(table->copy + strlen(prefix), &schema, &name);
	whole = rest != NULL ? strlen(rest) : 0;
	free(schema);
	free(name);
	if (whole < strlen(suffix) + 1)
		return "";
	*length = whole - strlen(suffix) - 1;
	return rest + 1;
}

char *
row_copy_column_array(const ManifestTable *table)
{
	size_t length;
	const char *text = row_copy_columns(table, &length);
	const char *end = text + length;
	Buffer array;

	buffer_init(&array);
	buffer_append_char(&array, '{');
	while (text < end && *text != ')')
	{
		char *column;

		text = sql_name_read(text + strspn(text, "(, "), &column);
		if (text == NULL)
			break;
		quote_array_item(&array, column);
		free(column);
	}
	buffer_append_char(&array, '}');
	return buffer_detach(&array);
}

char *
row_copy_command(const ManifestTable *table, const char *target)
{
	size_t length;
	const char *columns = row_copy_columns(table, &length);

	return xasprintf("COPY %s %.*s FROM stdin;", target, (int) length, columns);
}

/* Code of the table cannot do what it does in a session of the application. */
char *
row_copy_hint(const RowCopy *copy, const char *state)
{
	static const char *const unknown_names[] = {
		SQLSTATE_UNDEFINED_TABLE, SQLSTATE_UNDEFINED_FUNCTION, SQLSTATE_UNDEFINED_OBJECT, NULL};
	int i;

	if (state == NULL)
		return NULL;
	if (copy->owner != NULL && strcmp(state, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0)
		return xasprintf(
			"Rows are added with the rights of the table's owner, \"%s\".  " ROWS_AS_SESSION_HINT,
			copy->owner);
	if (strcmp(state, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE) == 0)
		return xstrdup(
			"If a unique key of the table is deferrable, rows cannot be skipped.  Restore "
			"the table under another name (--as), and copy the rows that are missing.");
	for (i = 0; unknown_names[i] != NULL; i++)
	{
		if (strcmp(state, unknown_names[i]) == 0)
			return xstrdup(
				"Triggers and other code of a table run with an empty search_path, as in "
				"logical replication.  Set search_path for the function (ALTER "
				"FUNCTION NAME SET search_path = ...), or use --disable-triggers.");
	}
	return NULL;
}

RowCopyStatus
row_copy_judge(RowCopy *copy, const PGresult *result)
{
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	char *what;
	char *hint;

	if (stop_requested())
		return ROW_COPY_FAILED;
	if (copy->expect_conflict && state != NULL &&
		(strcmp(state, SQLSTATE_UNIQUE_VIOLATION) == 0 ||
		 strcmp(state, SQLSTATE_EXCLUSION_VIOLATION) == 0))
	{
		free(copy->said);
		copy->said = server_failure_said(copy->connection, result);
		return ROW_COPY_CONFLICT;
	}
	what = xasprintf("could not load table %s", copy->shown);
	hint = row_copy_hint(copy, state);
	connection_report_hint(copy->connection, result, what, hint);
	free(hint);
	free(what);
	return ROW_COPY_FAILED;
}

/* Send rows in pieces; false if the connection does not take them or work must stop. */
static bool
send_rows(RowCopy *copy, const char *rows, size_t length)
{
	while (length > 0)
	{
		size_t piece = length < SEND_BYTES ? length : SEND_BYTES;

		if (stop_requested() || PQputCopyData(copy->connection->pg, rows, (int) piece) != 1)
			return false;
		atomic_fetch_add(&progress.raw_bytes, piece);
		atomic_fetch_add(&progress.weight_done, piece);
		rows += piece;
		length -= piece;
	}
	return true;
}

/* Send all members; *sent is the number of rows.  False if that stopped, for whatever reason. */
static bool
send_members(RowCopy *copy, int32_t table, uint64_t *sent)
{
	const Manifest *manifest = copy->reader->manifest;
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		const Member *member = &manifest->members[i];
		const char *rows;
		size_t length;

		if (member->table != table)
			continue;
		if (stop_requested() || !member_reader_read(copy->reader, member) ||
			!member_reader_rows(copy->reader, member, &rows, &length) ||
			!send_rows(copy, rows, length))
			return false;
		atomic_fetch_add(&progress.weight_done, member->raw - length);
		*sent += member->rows;
	}
	return true;
}

/* Triggers that can keep rows out of a table or its partitions, or NULL; caller frees. */
static char *
find_triggers(const RowCopy *copy)
{
	static const char query[] =
		"SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(g.tgname), ', ')"
		" FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'"
		" AND g.tgtype & 7 = 7 AND (g.tgrelid = pg_catalog.to_regclass($1::pg_catalog.text)"
		"  OR g.tgrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree("
		"   pg_catalog.to_regclass($1::pg_catalog.text)) p))";
	PGresult *result = connection_query(copy->connection, query, 1, &copy->shown);
	char *triggers = NULL;

	if (result != NULL && !PQgetisnull(result, 0, 0))
		triggers = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return triggers;
}

bool
row_copy_check(const RowCopy *copy, uint64_t taken, uint64_t rows)
{
	char *triggers = taken < rows ? find_triggers(copy) : NULL;
	char *detail;

	if (taken == rows)
		return true;
	if (triggers == NULL)
		return report_error(EXIT_INTEGRITY, NULL, NULL,
							"the server took %llu rows of table %s instead of %llu",
							(unsigned long long) taken, copy->shown, (unsigned long long) rows);
	detail = xasprintf("Triggers that run before rows are inserted: %s.", triggers);
	report_error(EXIT_FAILED, detail,
				 "With --disable-triggers they do not run; a superuser may do that.  With "
				 "--on-conflict=skip the other rows are added.",
				 "triggers of table %s kept out %llu of %llu rows", copy->shown,
				 (unsigned long long) (rows - taken), (unsigned long long) rows);
	free(detail);
	free(triggers);
	return false;
}

/* Take the results of the COPY; what the server says goes before what the sending met. */
static RowCopyStatus
finish(RowCopy *copy, bool sent_all, uint64_t rows)
{
	RowCopyStatus status = sent_all ? ROW_COPY_GOOD : ROW_COPY_FAILED;
	uint64_t number = rows;
	PGresult *result;

	if (PQputCopyEnd(copy->connection->pg, sent_all ? NULL : "the sending was stopped") != 1)
		return row_copy_judge(copy, NULL);
	while ((result = PQgetResult(copy->connection->pg)) != NULL)
	{
		ExecStatusType taken = PQresultStatus(result);

		/* After damage or an interrupt the server only echoes that sending was stopped. */
		if (taken != PGRES_COMMAND_OK && log_exit_code() == EXIT_DONE)
			status = row_copy_judge(copy, result);
		else if (taken == PGRES_COMMAND_OK)
			number = strtoull(PQcmdTuples(result), NULL, 10);
		PQclear(result);
		if (taken == PGRES_COPY_IN)
			break;
	}
	if (status == ROW_COPY_GOOD && !row_copy_check(copy, number, rows))
		status = ROW_COPY_FAILED;
	return status;
}

RowCopyStatus
row_copy_run(RowCopy *copy, int32_t table, const char *command)
{
	PGresult *result = PQexec(copy->connection->pg, command);
	RowCopyStatus status = ROW_COPY_GOOD;
	uint64_t rows = 0;
	bool sent_all;

	if (PQresultStatus(result) != PGRES_COPY_IN)
		status = row_copy_judge(copy, result);
	PQclear(result);
	if (status != ROW_COPY_GOOD)
		return status;
	sent_all = send_members(copy, table, &rows);
	return finish(copy, sent_all, rows);
}
