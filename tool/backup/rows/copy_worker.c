/*-------------------------------------------------------------------------
 *
 * copy_worker.c
 *	  Streaming COPY TO STDOUT into pieces.
 *
 * PQgetCopyData would allocate, copy and free every row; at a few million
 * rows a second that is what a core is spent on.  PQgetlineAsync puts the
 * row straight into the piece.  A row of COPY text ends with the only
 * newline byte in it, so a row that came in part is known by its last byte.
 *
 * Many small tables go in one command string, so that a table costs no round
 * trip of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bad_row.h"
#include "deadline.h"
#include "interrupt.h"
#include "large_objects.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "quote.h"
#include "table_locks.h"

#define POLL_INTERVAL_MS 1000
#define NAP_NS 300000
#define WIDE_ROW_BYTES (256 * 1024)
#define PLANNING_SECONDS 2.0 /* a thousand times as long as it takes */

/*
 * libpq reads from the socket into a buffer that starts with 16 kB and never
 * shrinks.  One wide row makes it grow, and later reads fetch as much as the
 * kernel has, which saves most of the system calls.
 */
static bool
widen_read_buffer(Connection *connection)
{
	PGresult *result;
	SqlText sql;

	sql_init(&sql);
	sql_append(&sql, "SELECT pg_catalog.repeat('x', ");
	sql_signed(&sql, WIDE_ROW_BYTES);
	sql_append(&sql, ")");
	result = connection_query(connection, &sql, 0, NULL);
	sql_free(&sql);
	PQclear(result);
	return result != NULL;
}

static bool
report_locked(const char *table)
{
	return report_error(EXIT_FAILED,
						"Another session waits for an exclusive lock on it, and must not be kept "
						"waiting behind this backup.",
						"Run the backup again when the schema change is done.",
						"could not lock table %s", table);
}

/*
 * The planner must take the TID range scan, whatever the statistics say, and whatever settings the
 * role or the server has: otherwise each chunk of a table would read the whole of it.
 */
static bool
prepare_worker(Connection *connection)
{
	return widen_read_buffer(connection) &&
		   /* Text of money depends on it; all servers have this locale. */
		   connection_command(connection, SQL("SET lc_monetary = 'C'")) &&
		   connection_command(connection, SQL("SET enable_seqscan = off; SET enable_tidscan = on;"
											  "SET seq_page_cost = 1; SET random_page_cost = 1;"
											  "SET cpu_tuple_cost = 0.01;"
											  "SET cpu_operator_cost = 0.0025"));
}

/* Begin a member for a table: room in a piece, and the COPY line. */
static Segment *
begin_member(CopyStream *stream, int table)
{
	const Chunk *chunk = stream->chunk;
	Segment *segment;

	if (!copy_stream_need_piece(stream))
		return NULL;
	segment = piece_begin_segment(stream->piece, MEMBER_DATA, stream->work->manifest_tables[table]);
	if (chunk->kind == CHUNK_BLOCKS)
	{
		segment->has_blocks = true;
		segment->block_from = chunk->block_from;
		segment->block_to = chunk->block_to;
	}
	buffer_append_string(&stream->piece->raw, stream->work->restore_statements[table]);
	buffer_append_char(&stream->piece->raw, '\n');
	return segment;
}

static void
end_member(CopyStream *stream)
{
	buffer_append_string(&stream->piece->raw, "\\.\n\n");
	piece_end_segment(stream->piece);
}

/* Take back a member that got no row, unless it is all that there is of its table. */
static bool
member_is_void(const CopyStream *stream, const Segment *segment, uint64_t rows_before)
{
	if (segment->rows > 0)
		return false;
	return rows_before > 0 || stream->chunk->kind == CHUNK_BLOCKS;
}

static void
end_or_drop_member(CopyStream *stream, uint64_t rows_before)
{
	Piece *piece = stream->piece;
	Segment *segment = &piece->segments[piece->nsegments - 1];

	if (!member_is_void(stream, segment, rows_before))
	{
		end_member(stream);
		return;
	}
	piece->raw.length = segment->start;
	piece->nsegments--;
}

/*
 * Wait for more from the server; false when the connection is gone or work
 * must stop.
 *
 * The server sends 8 kB at a time.  A poll() would be woken for each, and
 * with server and reader on the same few cores the switching costs more than
 * the reading.  So while rows stream in, nap and then take all that the
 * socket has gathered; poll only when a nap brought nothing.
 */
static bool
wait_for_data(CopyStream *stream)
{
	static const struct timespec nap = {0, NAP_NS};
	struct pollfd wait = {PQsocket(stream->connection->pg), POLLIN, 0};

	if (stop_requested())
		return false;
	if (stream->streaming)
		nanosleep(&nap, NULL);
	stream->streaming = poll(&wait, 1, stream->streaming ? 0 : POLL_INTERVAL_MS) > 0;
	return !stream->streaming || PQconsumeInput(stream->connection->pg) == 1;
}

/*
 * Read one row behind the piece's text.  Returns its length, 0 at the end of
 * the COPY, -1 on failure.
 */
static ssize_t
read_row(CopyStream *stream)
{
	Buffer *raw = &stream->piece->raw;
	size_t length = 0;

	for (;;)
	{
		size_t room = raw->capacity - raw->length - length;
		int got;

		if (room < ROW_ROOM)
		{
			buffer_reserve(raw, length + 2 * ROW_ROOM);
			room = raw->capacity - raw->length - length;
		}
		got = PQgetlineAsync(stream->connection->pg, raw->data + raw->length + length,
							 room > INT32_MAX ? INT32_MAX : (int) room - 1);
		if (got < 0)
			return length == 0 ? 0 : -1;
		length += (size_t) got;
		if (got > 0 && raw->data[raw->length + length - 1] == '\n')
			return (ssize_t) length;
		if (got == 0 && !wait_for_data(stream))
			return -1;
	}
}

/* What a server that ended the connection said at last stands behind the rows that it sent. */
static PGresult *
last_words(CopyStream *stream)
{
	char scrap[8192];

	while (PQgetlineAsync(stream->connection->pg, scrap, sizeof(scrap)) > 0)
		continue;
	return PQgetResult(stream->connection->pg);
}

/* Rows from the server's command tag, "COPY 123". */
static uint64_t
rows_copied(PGresult *result)
{
	return strtoull(PQcmdTuples(result), NULL, 10);
}

/* Note the first table whose name is another's; `what` is allocated. */
static void
note_moved(CopyStream *stream, char *what)
{
	char *none = NULL;

	if (!atomic_compare_exchange_strong(stream->work->moved, &none, what))
		free(what);
}

/*
 * Name the table in the report of a failed COPY.  One whose name is gone has moved, as it is
 * locked: no error, but the end of this attempt.
 */
static bool
report_copy_failure(CopyStream *stream, const PGresult *result, int table)
{
	char *name;
	char *what;

	if (result != NULL && (result_has_state(result, SQLSTATE_UNDEFINED_TABLE) ||
						   result_has_state(result, SQLSTATE_UNDEFINED_SCHEMA)))
	{
		note_moved(stream, xasprintf("table %s", stream->work->tables->tables[table].qualified));
		return false;
	}
	name = printable_name(stream->work->tables->tables[table].qualified);
	what = xasprintf("could not copy table %s", name);
	if (result != NULL && result_has_state(result, SQLSTATE_LOCK_NOT_AVAILABLE))
		report_locked(name);
	else
		connection_report(stream->connection, result, what);
	free(what);
	free(name);
	return false;
}

/* The same for a COPY that failed on its way, after so many rows: name the row, too. */
static bool
report_row_failure(CopyStream *stream, const PGresult *result, int table, uint64_t rows)
{
	const char *hint = bad_row_hint(result);
	char *ctid = hint != NULL ? bad_row_find(stream, table, rows) : NULL;
	char *name;
	char *what;

	if (ctid == NULL)
		return report_copy_failure(stream, result, table);
	name = printable_name(stream->work->tables->tables[table].qualified);
	what = xasprintf("could not copy table %s, row with ctid %s", name, ctid);
	connection_report_hint(stream->connection, result, what, hint);
	free(ctid);
	free(what);
	free(name);
	return false;
}

/* Stream the rows of one COPY into members of one table. */
static bool
stream_table(CopyStream *stream, int table)
{
	Segment *segment = begin_member(stream, table);
	uint64_t skip = stream->claim->skip;
	uint64_t rows_before = 0;
	uint64_t bytes = 0;
	PGresult *result;
	ssize_t length;
	bool good;

	if (segment == NULL)
		return false;
	while ((length = read_row(stream)) > 0)
	{
		if (skip > 0)
		{
			skip--;
			continue;
		}
		stream->piece->raw.length += (size_t) length;
		segment->rows++;
		bytes += (uint64_t) length;
		if (!copy_stream_piece_is_full(stream))
			continue;
		atomic_fetch_add(&progress.raw_bytes, bytes);
		bytes = 0;
		rows_before += segment->rows;
		end_member(stream);
		segment = begin_member(stream, table);
		if (segment == NULL)
			return false;
	}
	atomic_fetch_add(&progress.raw_bytes, bytes);
	rows_before += segment->rows;
	result = length < 0 ? last_words(stream) : PQgetResult(stream->connection->pg);
	if (length < 0)
	{
		if (!stop_requested())
			report_copy_failure(stream, result, table);
		PQclear(result);
		return false;
	}
	good = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!good)
		report_row_failure(stream, result, table, rows_before);
	else if (skip > 0) /* rows of this table that are stored already */
		note_moved(stream, xasprintf("table %s", stream->work->tables->tables[table].qualified));
	else if (rows_copied(result) != rows_before + stream->claim->skip)
		good = report_error(EXIT_FAILED, NULL, NULL,
							"server sent %llu rows of table %s but says it sent %s",
							(unsigned long long) (rows_before + stream->claim->skip - skip),
							stream->work->tables->tables[table].qualified, PQcmdTuples(result));
	PQclear(result);
	if (good)
		cut_guard_finished(stream->work->guard, stream->claim, rows_before);
	if (good)
		end_or_drop_member(stream, rows_before - segment->rows);
	return good;
}

/*
 * A lock holds a table, but not the name of its schema: after ALTER SCHEMA RENAME another table can
 * have the name that we read by.  So ask whose name it is before and after, in the same command.
 * What the session knows of names only gets newer, so the answer after is not older than the COPY.
 */
static void
names_command(const CopyStream *stream, SqlText *sql)
{
	const SourceTables *tables = stream->work->tables;
	const Chunk *chunk = stream->chunk;
	int i;

	sql_append(sql, "SELECT pg_catalog.min(t.name) FROM (VALUES ");
	for (i = 0; i < chunk->ntables; i++)
	{
		const SourceTable *table = &tables->tables[chunk->tables[i]];

		sql_append_constant(sql, i == 0 ? SQL("(") : SQL(", ("));
		sql_qualified_literal(sql, table->schema, table->name);
		sql_append(sql, ", ");
		sql_unsigned(sql, table->oid);
		sql_append(sql, ")");
	}
	sql_append(sql, ") AS t (name, id) WHERE pg_catalog.to_regclass(t.name)"
					" IS DISTINCT FROM t.id::pg_catalog.oid;");
}

/* Is the table read by a query, which is planned? */
static bool
is_query(const CopyStream *stream, const SourceTable *table)
{
	if (stream->claim->unplanned)
		return false;
	return stream->chunk->kind == CHUNK_BLOCKS || source_table_is_query(table);
}

/*
 * The command string for a chunk: NOWAIT locks, then one COPY a table, between two looks at names.
 * A look of its own stands right before each query.
 */
static void
chunk_command(const CopyStream *stream, SqlText *sql)
{
	const SourceTables *tables = stream->work->tables;
	const Chunk *chunk = stream->chunk;
	int i;

	if (stream->claim->guarded)
		sql_append(sql, "SAVEPOINT nex_backup_chunk;");
	for (i = 0; i < chunk->ntables; i++)
	{
		if (i == 0)
			sql_append(sql, "LOCK TABLE ONLY ");
		else
			sql_append(sql, ", ONLY ");
		source_table_name(&tables->tables[chunk->tables[i]], sql);
	}
	sql_append(sql, " IN ACCESS SHARE MODE NOWAIT;");
	names_command(stream, sql);
	for (i = 0; i < chunk->ntables; i++)
	{
		const SourceTable *table = &tables->tables[chunk->tables[i]];

		if (is_query(stream, table))
			source_table_check_name(table, stream->work->locked, sql);
		if (chunk->kind == CHUNK_BLOCKS && !stream->claim->unplanned)
			source_table_copy_blocks(table, chunk->block_from, chunk->block_to, sql);
		else
			source_table_copy_whole(table, sql);
	}
	if (stream->claim->guarded)
		sql_append(sql, "RELEASE SAVEPOINT nex_backup_chunk;");
	names_command(stream, sql);
}

/*
 * Take the answer to names_command().  A name that belongs to another table makes the rows of this
 * snapshot worthless, which is no error: the backup begins again.
 */
static bool
take_names(CopyStream *stream)
{
	PGresult *result = PQgetResult(stream->connection->pg);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!good)
		report_copy_failure(stream, result, stream->chunk->tables[0]);
	else if (!PQgetisnull(result, 0, 0))
		note_moved(stream, xasprintf("table %s", PQgetvalue(result, 0, 0)));
	PQclear(result);
	return good;
}

/* Take the answer to source_table_check_name().  If the name moved, nothing else comes. */
static bool
take_name_check(CopyStream *stream, int table, bool *moved)
{
	PGresult *result = PQgetResult(stream->connection->pg);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	*moved = !good && result_has_state(result, SQLSTATE_DIVISION_BY_ZERO);
	if (*moved)
		note_moved(stream, xasprintf("table %s", stream->work->tables->tables[table].qualified));
	else if (!good)
		report_copy_failure(stream, result, table);
	PQclear(result);
	return good;
}

static bool stream_tables(CopyStream *stream);

/*
 * Wait until a query is planned, but not for long: the owner of the table may
 * have one of its indexes locked, and the guard is held meanwhile.  The server
 * sends the answers to all that stands before the query together with it.
 * False if the query was cancelled.
 */
static bool
wait_for_plan(PGconn *pg)
{
	double until = monotonic_seconds() + PLANNING_SECONDS;
	char message[256];
	PGcancel *cancel;

	while (PQisBusy(pg) && monotonic_seconds() < until)
	{
		if (wait_for_socket(PQsocket(pg), POLLIN, until) == WAIT_READY && !PQconsumeInput(pg))
			return true;
	}
	if (!PQisBusy(pg))
		return true;
	cancel = PQgetCancel(pg);
	if (cancel != NULL)
		PQcancel(cancel, message, sizeof(message));
	PQfreeCancel(cancel);
	return false;
}

/* Throw away all that still comes. */
static void
drop_results(PGconn *pg)
{
	PGresult *result;

	while ((result = PQgetResult(pg)) != NULL)
	{
		char *row;

		while (PQresultStatus(result) == PGRES_COPY_OUT && PQgetCopyData(pg, &row, 0) > 0)
			PQfreemem(row);
		PQclear(result);
	}
}

/* The query was not planned in time: read the rest of the table without one. */
static bool
read_unplanned(CopyStream *stream)
{
	char *name = printable_name(stream->work->tables->tables[stream->chunk->tables[0]].qualified);

	log_debug("table %s is read whole, as somebody has locked an index of it", name);
	free(name);
	drop_results(stream->connection->pg);
	return connection_command(stream->connection, SQL("ROLLBACK TO SAVEPOINT nex_backup_chunk")) &&
		   connection_command(stream->connection, SQL("RELEASE SAVEPOINT nex_backup_chunk")) &&
		   cut_guard_give_up(stream->work->guard, stream->claim) && stream_tables(stream);
}

/* Take the rows of each table of the chunk. */
static bool
stream_each(CopyStream *stream, bool *moved)
{
	const Chunk *chunk = stream->chunk;
	bool good = true;
	int i;

	for (i = 0; good && i < chunk->ntables; i++)
	{
		int table = chunk->tables[i];
		PGresult *result;

		if (is_query(stream, &stream->work->tables->tables[table]) &&
			!take_name_check(stream, table, moved))
			return false;
		result = PQgetResult(stream->connection->pg);
		cut_guard_planned(stream->work->guard, stream->claim);
		good = PQresultStatus(result) == PGRES_COPY_OUT;
		if (!good)
			report_copy_failure(stream, result, table);
		PQclear(result);
		good = good && stream_table(stream, table);
		if (good && chunk->kind == CHUNK_TABLES)
			atomic_fetch_add(&progress.units_done, 1);
	}
	return good;
}

/* Take the answer to a command without rows. */
static bool
take_command(CopyStream *stream)
{
	PGresult *result = PQgetResult(stream->connection->pg);
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
		report_copy_failure(stream, result, stream->chunk->tables[0]);
	PQclear(result);
	return good;
}

/* Run the chunk's command and stream each COPY in turn. */
static bool
stream_tables(CopyStream *stream)
{
	SqlText sql;
	PGresult *result;
	bool guarded = stream->claim->guarded;
	bool moved = false;
	bool good;

	sql_init(&sql);
	chunk_command(stream, &sql);
	good = connection_send(stream->connection, &sql);
	sql_free(&sql);
	if (!good)
		return connection_report(stream->connection, NULL, "could not send a query");
	if (guarded && !wait_for_plan(stream->connection->pg))
		return read_unplanned(stream);
	good = (!guarded || take_command(stream)) && take_command(stream) && take_names(stream);
	good = good && stream_each(stream, &moved);
	if (moved)
	{
		cut_guard_finished(stream->work->guard, stream->claim, 0);
		return true;
	}
	good = good && (!guarded || take_command(stream)) && take_names(stream);
	while (good && (result = PQgetResult(stream->connection->pg)) != NULL)
		PQclear(result);
	return good;
}

static bool
stream_chunk(const CopyWork *work, Connection *connection, ClaimedChunk *claim)
{
	const Chunk *chunk = &claim->chunk;
	CopyStream stream = {work, connection, claim, chunk, NULL, 0, false};
	bool good;

	good =
		chunk->kind == CHUNK_LARGE_OBJECTS ? large_objects_stream(&stream) : stream_tables(&stream);
	cut_guard_planned(work->guard, claim);
	if (stream.piece != NULL)
	{
		/* What a failed chunk left must not be stored: its last member has no end. */
		if (!good)
			stream.piece->nsegments = 0;
		pipeline_submit(work->pipeline, stream.piece);
	}
	if (good)
	{
		atomic_fetch_add(&progress.weight_done, chunk->weight);
		if (chunk->kind == CHUNK_BLOCKS && chunk->block_to == 0)
			atomic_fetch_add(&progress.units_done, 1);
	}
	return good;
}

void *
copy_worker(void *argument)
{
	CopyWork *work = argument;
	int number = atomic_fetch_add(&work->next_worker, 1);
	Connection *connection = work->workers[number];
	ClaimedChunk claim;
	bool good;

	good = prepare_worker(connection);
	while (good && !stop_requested() && !atomic_load(work->stale) &&
		   atomic_load(work->moved) == NULL && cut_guard_claim(work->guard, &claim))
		good = stream_chunk(work, connection, &claim) || atomic_load(work->moved) != NULL;
	if (!good)
		stop_request();
	work->workers[number] = NULL;
	connection_close(connection);
	return NULL;
}
