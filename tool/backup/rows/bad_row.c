/*-------------------------------------------------------------------------
 *
 * bad_row.c
 *	  Which row a failed COPY stumbled over.
 *
 * The server names neither table nor row when the text of a row is longer
 * than COPY can carry, or when a value cannot be read.  But all rows before
 * it arrived, and a heap is read in the order of its blocks: so it is the
 * next one.  Its ctid can be read, as that does not touch its values.
 *
 *-------------------------------------------------------------------------
 */
#include "bad_row.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define SQLSTATE_OUT_OF_MEMORY "53200"
#define CLASS_LIMIT_EXCEEDED "54"
#define CLASS_INTERNAL "XX"

/* What the server's allocator says, as an internal error, when asked for more than a gigabyte. */
#define ALLOCATION_REFUSED "invalid memory alloc request size"

const char *
bad_row_hint(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (state == NULL || primary == NULL)
		return NULL;
	if (strncmp(state, CLASS_LIMIT_EXCEEDED, 2) == 0 ||
		strcmp(state, SQLSTATE_OUT_OF_MEMORY) == 0 || strstr(primary, ALLOCATION_REFUSED) != NULL)
		return "COPY cannot carry a row whose text is longer than 1 GB, and a byte of bytea takes "
			   "two. "
			   "Find the row by its ctid, and shorten it, divide it, or move the value to a large "
			   "object.";
	if (strncmp(state, CLASS_INTERNAL, 2) == 0)
		return "The row, or the block that it lies in, may be damaged. Find it by its ctid, and "
			   "look "
			   "into the server's log.";
	return NULL;
}

char *
bad_row_find(const CopyStream *stream, int table, uint64_t rows)
{
	const SourceTable *source = &stream->work->tables->tables[table];
	const Chunk *chunk = stream->chunk;
	PGresult *result;
	SqlText sql;
	char *ctid = NULL;

	/* With a condition, or other than in a heap, rows may come in another order. */
	if (!source->is_heap || source_table_is_query(source))
		return NULL;
	while ((result = PQgetResult(stream->connection->pg)) != NULL)
		PQclear(result);
	sql_init(&sql);
	sql_append(&sql, "LOCK TABLE ONLY ");
	source_table_name(source, &sql);
	sql_append(&sql, " IN ACCESS SHARE MODE NOWAIT;");
	source_table_check_name(source, false, &sql);
	sql_append(&sql, "SELECT ctid FROM ONLY ");
	source_table_name(source, &sql);
	sql_append(&sql, " ");
	if (chunk->kind == CHUNK_BLOCKS)
		source_table_blocks(chunk->block_from, chunk->block_to, &sql);
	sql_append(&sql, " OFFSET ");
	sql_unsigned(&sql, rows);
	sql_append(&sql, " LIMIT 1");
	PQclear(connection_exec(stream->connection, SQL("ROLLBACK")));
	if (snapshot_import(stream->connection, stream->work->snapshot) &&
		connection_command(stream->connection, SQL("SET max_parallel_workers_per_gather = 0")) &&
		cut_guard_hold(stream->work->guard, table, stream->claim))
	{
		result = connection_exec(stream->connection, &sql);
		if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
			ctid = xstrdup(PQgetvalue(result, 0, 0));
		PQclear(result);
		cut_guard_planned(stream->work->guard, stream->claim);
	}
	sql_free(&sql);
	return ctid;
}
