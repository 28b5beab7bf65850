/*-------------------------------------------------------------------------
 *
 * table_copy.c
 *	  One connection's COPY into one table after the other.
 *
 * Rows are sent in COPY's binary format if there is a writer for each of the table's columns
 * (restore/rows/): the server reads it in half the time.  A row that has something rare, a date
 * before Christ, ends that COPY and begins one that sends text, for the rest of the table: what one
 * row has, more will have.
 *
 *-------------------------------------------------------------------------
 */
#include "table_copy.h"

#include <stdlib.h>
#include <string.h>

#include "connection_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "quote.h"
#include "restore_settings.h"
#include "server_failure.h"

#define SEND_BYTES (256 * 1024)

void
table_copy_init(TableCopy *copy, Connection *connection, const Manifest *manifest,
				CopyFormat format)
{
	memset(copy, 0, sizeof(*copy));
	copy->connection = connection;
	copy->manifest = manifest;
	copy->format = format;
	copy->table = -1;
}

/* The first words are the cause. */
static bool
keep_failure(TableCopy *copy, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (copy->said != NULL)
		return false;
	copy->said = server_failure_said(copy->connection, result);
	copy->state[0] = '\0';
	if (state != NULL)
		strncat(copy->state, state, 5);
	return false;
}

static bool
report_failure(TableCopy *copy, const PGresult *result, int32_t position)
{
	const ManifestTable *table = &copy->manifest->tables[position];
	Buffer name;
	bool fatal;
	char *what;

	if (stop_requested())
		return false;
	fatal = server_failure_is_fatal(copy->connection, PQresultErrorField(result, PG_DIAG_SQLSTATE));
	if (copy->quiet && !fatal)
		return keep_failure(copy, result);
	buffer_init(&name);
	quote_qualified(&name, table->schema, table->name);
	what = xasprintf("could not load table %s", name.data);
	buffer_free(&name);
	connection_report_hint(
		copy->connection, result, what,
		fatal || PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) != NULL ? NULL : SKIP_HINT);
	free(what);
	return false;
}

static bool
open_copy(TableCopy *copy, int32_t table, bool binary)
{
	static const char suffix[] = ";";
	const char *command = copy->manifest->tables[table].copy;
	char *with_format = xasprintf("%.*s%s", (int) (strlen(command) - strlen(suffix)), command,
								  binary ? " (FORMAT binary)" : "");
	PGresult *result = PQexec(copy->connection->pg, with_format);
	bool good = PQresultStatus(result) == PGRES_COPY_IN;

	free(with_format);
	if (!good)
		report_failure(copy, result, table);
	PQclear(result);
	if (!good)
		return false;
	copy->table = table;
	copy->binary = binary;
	copy->rows = 0;
	buffer_reset(&copy->out);
	if (binary)
		binary_rows_begin(&copy->out);
	return true;
}

bool
table_copy_begin(TableCopy *copy, int32_t table)
{
	/* What is to be sent again must not be there in part; tables that are not serial are emptied.
	 */
	bool whole = copy->quiet && copy->manifest->tables[table].serial;
	bool binary = copy->format == COPY_FORMAT_BINARY && !whole &&
				  column_writers_find(copy->connection, &copy->manifest->tables[table],
									  &copy->enums, &copy->converter);

	return open_copy(copy, table, binary);
}

/* Look at the results of a COPY that has ended; compares the number of rows. */
static bool
take_results(TableCopy *copy)
{
	const ManifestTable *table = &copy->manifest->tables[copy->table];
	PGresult *result;
	bool good = true;

	while ((result = PQgetResult(copy->connection->pg)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		if (status != PGRES_COMMAND_OK)
			good = report_failure(copy, result, copy->table);
		else if (good && strtoull(PQcmdTuples(result), NULL, 10) != copy->rows && copy->quiet)
		{
			good = false;
			copy->said = xasprintf("the server took %s rows instead of %llu", PQcmdTuples(result),
								   (unsigned long long) copy->rows);
		}
		else if (good && strtoull(PQcmdTuples(result), NULL, 10) != copy->rows)
			good = report_error(EXIT_INTEGRITY, NULL, NULL,
								"the server took %s rows of table \"%s\" instead of %llu",
								PQcmdTuples(result), table->name, (unsigned long long) copy->rows);
		PQclear(result);
		/* A lost connection would give this result for ever. */
		if (status == PGRES_COPY_IN)
			return false;
	}
	return good;
}

/* Send bytes; false if the connection does not take them or work must stop. */
static bool
put(TableCopy *copy, const char *bytes, size_t length)
{
	while (length > 0)
	{
		size_t piece = length < SEND_BYTES ? length : SEND_BYTES;

		if (stop_requested())
			return false;
		if (PQputCopyData(copy->connection->pg, bytes, (int) piece) != 1)
		{
			/* If the server said why before it went away, that is what to report. */
			take_results(copy);
			return report_failure(copy, NULL, copy->table);
		}
		bytes += piece;
		length -= piece;
	}
	return true;
}

static void
count_progress(size_t text_bytes)
{
	atomic_fetch_add(&progress.raw_bytes, text_bytes);
	atomic_fetch_add(&progress.weight_done, text_bytes);
}

static bool
send_text(TableCopy *copy, const char *rows, size_t length, uint64_t count)
{
	copy->rows += count;
	while (length > 0)
	{
		size_t piece = length < SEND_BYTES ? length : SEND_BYTES;

		if (!put(copy, rows, piece))
			return false;
		count_progress(piece);
		rows += piece;
		length -= piece;
	}
	return true;
}

/* Send rows in binary form, up to the first one that has none; *sent bytes of text, *count rows. */
static bool
send_binary(TableCopy *copy, const char *rows, size_t length, size_t *sent, uint64_t *count)
{
	size_t done;

	*sent = 0;
	*count = 0;
	do
	{
		done = binary_rows_convert(&copy->converter, rows + *sent, length - *sent, SEND_BYTES,
								   &copy->out, count);
		if (!put(copy, copy->out.data, copy->out.length))
			return false;
		buffer_reset(&copy->out);
		count_progress(done);
		*sent += done;
	} while (done > 0);
	copy->rows += *count;
	return true;
}

/* End this COPY and go on with text. */
static bool
change_to_text(TableCopy *copy)
{
	int32_t table = copy->table;

	log_debug("a row of table \"%s.%s\" has no binary form here: the rest is sent as text",
			  copy->manifest->tables[table].schema, copy->manifest->tables[table].name);
	return table_copy_end(copy) && open_copy(copy, table, false);
}

bool
table_copy_send(TableCopy *copy, const char *rows, size_t length, uint64_t count)
{
	size_t sent;
	uint64_t sent_rows;

	if (!copy->binary)
		return send_text(copy, rows, length, count);
	if (!send_binary(copy, rows, length, &sent, &sent_rows))
		return false;
	if (sent == length)
		return true;
	return change_to_text(copy) && send_text(copy, rows + sent, length - sent, count - sent_rows);
}

bool
table_copy_end(TableCopy *copy)
{
	int32_t table = copy->table;

	if (copy->binary && !stop_requested())
	{
		binary_rows_end(&copy->out);
		if (!put(copy, copy->out.data, copy->out.length))
			return false;
		buffer_reset(&copy->out);
	}
	if (PQputCopyEnd(copy->connection->pg, stop_requested() ? "interrupted" : NULL) != 1)
		return report_failure(copy, NULL, table);
	if (!take_results(copy))
		return false;
	copy->table = -1;
	return true;
}

bool
table_copy_give_up(TableCopy *copy)
{
	PGconn *pg = copy->connection->pg;
	PGresult *result;

	PQputCopyEnd(pg, "refused");
	while (PQstatus(pg) == CONNECTION_OK && (result = PQgetResult(pg)) != NULL)
		PQclear(result);
	copy->table = -1;
	buffer_reset(&copy->out);
	return PQstatus(pg) == CONNECTION_OK;
}

void
table_copy_free(TableCopy *copy)
{
	free(copy->said);
	free(copy->converter.writers);
	buffer_free(&copy->converter.value);
	free(copy->enums.types);
	buffer_free(&copy->out);
}
