/*-------------------------------------------------------------------------
 *
 * large_objects.c
 *	  Large objects as plain SQL: content, owner, grants and comment.
 *
 * pg_dump spreads a large object over sections, and differently from version
 * to version, and writes its content in blocks with BEGIN and COMMIT of their
 * own.  lo_from_bytea() and lo_put() are single statements, which psql runs
 * as they are.
 *
 * Most large objects are small and there may be millions of them, so a chunk
 * of them is read by two queries: one for the first slice of each, one for
 * owners, grants and comments.  Only what is longer than a slice costs round
 * trips of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "large_objects.h"

#include <stdlib.h>
#include <string.h>

#include "copy_worker.h"
#include "interrupt.h"
#include "log.h"
#include "longest_comment.h"
#include "memory.h"
#include "progress.h"

/* A member that has so many ends, however long its last statement is. */
#define MEMBER_BYTES (64 * 1024 * 1024)

/* Bytes of content per statement. */
#define SLICE_BYTES (256 * 1024)

typedef enum StatementKind
{
	OWNER,   /* owner; each object has one */
	REVOKE,  /* owner */
	GRANT,   /* grantee or NULL, privilege, 't' with grant option, grantor or NULL for the owner */
	COMMENT, /* text */
	LABEL,   /* provider, label */
} StatementKind;

/*
 * Each row is one statement of one object: its OID, the kind, and up to four
 * texts as they are, without quotes.  A grant by somebody else than the owner
 * is made in that role's name, or it would become the owner's.  The array's
 * own order has each grant behind the one that allows it.  unrestorable.c warns
 * of the comments and labels that are left out.
 */
static const SqlConstant describe_head =
	SQL("WITH me AS (SELECT m.* FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = ANY (");
static const SqlConstant describe_tail =
	SQL("))"
		" SELECT oid, kind, one, two, three, four FROM ("
		"  SELECT oid, 0 AS kind, 0 AS place,"
		"   pg_catalog.pg_get_userbyid(lomowner)::pg_catalog.text AS one,"
		"   NULL::pg_catalog.text AS two, NULL::pg_catalog.text AS three,"
		"   NULL::pg_catalog.text AS four FROM me"
		"  UNION ALL"
		"  SELECT oid, 1, 0, pg_catalog.pg_get_userbyid(lomowner), NULL, NULL, NULL FROM me"
		"   WHERE lomacl IS NOT NULL"
		"  UNION ALL"
		"  SELECT me.oid, 2, a.place,"
		"   CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,"
		"   a.privilege_type, a.is_grantable::pg_catalog.text,"
		"   CASE WHEN a.grantor <> me.lomowner THEN pg_catalog.pg_get_userbyid(a.grantor) END"
		"   FROM me, LATERAL pg_catalog.aclexplode(me.lomacl) WITH ORDINALITY"
		"    a (grantor, grantee, privilege_type, is_grantable, place)"
		"  UNION ALL"
		"  SELECT me.oid, 3, 0, d.description, NULL, NULL, NULL"
		"   FROM me, pg_catalog.pg_description d"
		"   WHERE d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass"
		"    AND d.objoid = me.oid AND d.objsubid = 0"
		"    AND pg_catalog.octet_length(d.description) <= " LONGEST_COMMENT "  UNION ALL"
		"  SELECT me.oid, 4, 0, l.provider, l.label, NULL, NULL FROM me, pg_catalog.pg_seclabel l"
		"   WHERE l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass"
		"    AND l.objoid = me.oid AND l.objsubid = 0"
		"    AND pg_catalog.octet_length(l.label) <= " LONGEST_COMMENT
		" ) s ORDER BY oid, kind, place, one");

/* The first slice of each object, in the order of the array. */
static const SqlConstant content_head = SQL("SELECT o.oid, pg_catalog.lo_get(o.oid, 0, ");
static const SqlConstant content_tail = SQL(") AS o (oid)");

/* A further slice of one object. */
static const SqlConstant slice_query =
	SQL("SELECT pg_catalog.lo_get($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.int4)");

static uint32_t
oid_value(const PGresult *result, int row)
{
	return (uint32_t) strtoul(PQgetvalue(result, row, 0), NULL, 10);
}

bool
large_objects_list(Connection *connection, uint32_t **oids, int *count)
{
	PGresult *result;
	int i;

	result = connection_query(
		connection, SQL("SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid"), 0,
		NULL);
	if (result == NULL)
		return false;
	*count = PQntuples(result);
	*oids = xmalloc(((size_t) *count + 1) * sizeof(uint32_t));
	for (i = 0; i < *count; i++)
		(*oids)[i] = oid_value(result, i);
	PQclear(result);
	return true;
}

/* One statement's worth of content; NULL (reported) on failure. */
static PGresult *
read_slice(Connection *connection, uint32_t oid, uint64_t offset)
{
	char *number = xasprintf("%u", oid);
	char *at = xasprintf("%llu", (unsigned long long) offset);
	char *length = xasprintf("%d", SLICE_BYTES);
	const char *params[3] = {number, at, length};
	PGresult *result = connection_query(connection, slice_query, 3, params);

	free(number);
	free(at);
	free(length);
	return result;
}

static bool
report_strange(void)
{
	return report_error(EXIT_FAILED, NULL, NULL,
						"the server describes a large object in a way that is not known");
}

/* Append the statement that writes a slice; the text from the server is already \x… in hex. */
static bool
append_slice(SqlText *sql, uint32_t oid, uint64_t offset, const char *hex)
{
	if (offset == 0)
		sql_append(sql, "SELECT pg_catalog.lo_from_bytea(");
	else
		sql_append(sql, "SELECT pg_catalog.lo_put(");
	sql_unsigned(sql, oid);
	if (offset != 0)
	{
		sql_append(sql, ", ");
		sql_unsigned(sql, offset);
	}
	sql_append(sql, ", '");
	if (!sql_checked_hex(sql, hex))
		return report_strange();
	sql_append(sql, "');\n");
	return true;
}

/* " ON LARGE OBJECT 4711" */
static void
append_object(SqlText *sql, uint32_t oid)
{
	sql_append(sql, " ON LARGE OBJECT ");
	sql_unsigned(sql, oid);
}

static bool
append_grant(SqlText *sql, uint32_t oid, const PGresult *result, int row)
{
	bool foreign = !PQgetisnull(result, row, 5);

	if (foreign)
	{
		sql_append(sql, "SET SESSION AUTHORIZATION ");
		sql_identifier(sql, PQgetvalue(result, row, 5));
		sql_append(sql, ";\n");
	}
	sql_append(sql, "GRANT ");
	if (!sql_keyword(sql, PQgetvalue(result, row, 3)))
		return report_strange();
	append_object(sql, oid);
	sql_append(sql, " TO ");
	if (PQgetisnull(result, row, 2))
		sql_append(sql, "PUBLIC");
	else
		sql_identifier(sql, PQgetvalue(result, row, 2));
	if (PQgetvalue(result, row, 4)[0] == 't')
		sql_append(sql, " WITH GRANT OPTION");
	sql_append(sql, ";\n");
	if (foreign)
		sql_append(sql, "RESET SESSION AUTHORIZATION;\n");
	return true;
}

/* All kinds but grants. */
static void
append_property(SqlText *sql, uint32_t oid, StatementKind kind, const char *one, const char *two)
{
	if (kind == OWNER)
	{
		sql_append(sql, "ALTER LARGE OBJECT ");
		sql_unsigned(sql, oid);
		sql_append(sql, " OWNER TO ");
		sql_identifier(sql, one);
	}
	else if (kind == REVOKE)
	{
		sql_append(sql, "REVOKE ALL");
		append_object(sql, oid);
		sql_append(sql, " FROM ");
		sql_identifier(sql, one);
	}
	else
	{
		if (kind == COMMENT)
			sql_append(sql, "COMMENT");
		else
		{
			sql_append(sql, "SECURITY LABEL FOR ");
			sql_identifier(sql, one);
		}
		append_object(sql, oid);
		sql_append(sql, " IS ");
		sql_literal(sql, kind == COMMENT ? one : two);
	}
	sql_append(sql, ";\n");
}

/* The array of all objects of the chunk. */
static void
append_objects(SqlText *sql, const Chunk *chunk)
{
	int i;

	sql_append(sql, "'{");
	for (i = 0; i < chunk->nlarge_objects; i++)
	{
		if (i > 0)
			sql_append(sql, ",");
		sql_unsigned(sql, chunk->large_objects[i]);
	}
	sql_append(sql, "}'::pg_catalog.oid[]");
}

/* Close the current member and go on in a fresh piece if this one has no room for a slice. */
static bool
make_room(CopyStream *stream)
{
	Buffer *raw = stream->piece != NULL ? &stream->piece->raw : NULL;

	if (raw != NULL && raw->length < MEMBER_BYTES && raw->capacity - raw->length > 3 * SLICE_BYTES)
		return true;
	if (raw != NULL)
	{
		piece_end_segment(stream->piece);
		pipeline_submit(stream->work->pipeline, stream->piece);
		stream->piece = NULL;
	}
	if (!copy_stream_need_piece(stream))
		return false;
	piece_begin_segment(stream->piece, MEMBER_LARGE_OBJECTS, -1);
	return true;
}

/* Take one slice into the piece; *bytes is how long it is. */
static bool
take_slice(CopyStream *stream, uint32_t oid, uint64_t offset, const char *hex, size_t *bytes)
{
	size_t length = strlen(hex);

	if (length < 2 || !make_room(stream))
		return stop_requested() ? false : report_strange();
	*bytes = (length - 2) / 2;
	atomic_fetch_add(&progress.raw_bytes, 2 * *bytes);
	return (*bytes == 0 && offset > 0) ||
		   append_slice(sql_in(&stream->piece->raw), oid, offset, hex);
}

/* The slices after the first one. */
static bool
stream_rest(CopyStream *stream, uint32_t oid)
{
	uint64_t offset = SLICE_BYTES;
	size_t bytes = SLICE_BYTES;
	bool good = true;

	while (good && bytes == SLICE_BYTES)
	{
		PGresult *slice = stop_requested() ? NULL : read_slice(stream->connection, oid, offset);

		if (slice == NULL)
			return false;
		good = take_slice(stream, oid, offset, PQgetvalue(slice, 0, 0), &bytes);
		offset += bytes;
		PQclear(slice);
	}
	return good;
}

static bool
send_content_query(CopyStream *stream)
{
	SqlText query;
	bool good;

	sql_init(&query);
	sql_append_constant(&query, content_head);
	sql_unsigned(&query, SLICE_BYTES);
	sql_append(&query, ") FROM pg_catalog.unnest(");
	append_objects(&query, stream->chunk);
	sql_append_constant(&query, content_tail);
	good = connection_send(stream->connection, &query) &&
		   PQsetSingleRowMode(stream->connection->pg) == 1;
	sql_free(&query);
	if (!good)
		connection_report(stream->connection, NULL, "could not send a query");
	return good;
}

/*
 * The first slice of each object.  Those that may go on are put into `longer`,
 * which has room for all.  The rows come one by one: a slice may be large.
 */
static bool
stream_first_slices(CopyStream *stream, uint32_t *longer, int *nlonger)
{
	const Chunk *chunk = stream->chunk;
	PGresult *result;
	bool good = send_content_query(stream);
	int i = 0;

	*nlonger = 0;
	while (good && (result = PQgetResult(stream->connection->pg)) != NULL)
	{
		size_t bytes = 0;

		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		{
			uint32_t oid = oid_value(result, 0);

			if (i >= chunk->nlarge_objects || oid != chunk->large_objects[i++])
				good = report_strange();
			else
				good = take_slice(stream, oid, 0, PQgetvalue(result, 0, 1), &bytes);
			if (bytes == SLICE_BYTES)
				longer[(*nlonger)++] = oid;
		}
		else if (PQresultStatus(result) != PGRES_TUPLES_OK)
			good = connection_report(stream->connection, result, "could not read large objects");
		PQclear(result);
	}
	if (good && i != chunk->nlarge_objects)
		return report_strange();
	return good;
}

static bool
append_description(SqlText *sql, const PGresult *result, int row, int *described)
{
	uint32_t oid = oid_value(result, row);
	StatementKind kind = (StatementKind) strtol(PQgetvalue(result, row, 1), NULL, 10);

	*described += kind == OWNER;
	if (kind == GRANT)
		return append_grant(sql, oid, result, row);
	append_property(sql, oid, kind, PQgetvalue(result, row, 2), PQgetvalue(result, row, 3));
	return true;
}

static bool
send_describe_query(CopyStream *stream)
{
	SqlText query;
	bool good;

	sql_init(&query);
	sql_append_constant(&query, describe_head);
	append_objects(&query, stream->chunk);
	sql_append_constant(&query, describe_tail);
	good = connection_send(stream->connection, &query) &&
		   PQsetSingleRowMode(stream->connection->pg) == 1;
	sql_free(&query);
	if (!good)
		connection_report(stream->connection, NULL, "could not send a query");
	return good;
}

/*
 * Owners, grants, comments and labels of all objects of the chunk.  They come
 * row by row, and a member ends where it is full: all of them together may be
 * more than it may have.
 */
static bool
append_descriptions(CopyStream *stream)
{
	bool good = send_describe_query(stream);
	int described = 0;
	PGresult *result;

	while (good && (result = PQgetResult(stream->connection->pg)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			good = make_room(stream) &&
				   append_description(sql_in(&stream->piece->raw), result, 0, &described);
		else if (PQresultStatus(result) != PGRES_TUPLES_OK)
			good = connection_report(stream->connection, result, "could not read large objects");
		PQclear(result);
	}
	if (good && described != stream->chunk->nlarge_objects)
		return report_strange();
	return good;
}

bool
large_objects_stream(CopyStream *stream)
{
	uint32_t *longer = xmalloc((size_t) stream->chunk->nlarge_objects * sizeof(uint32_t));
	int nlonger;
	bool good = stream_first_slices(stream, longer, &nlonger);
	int i;

	for (i = 0; good && i < nlonger; i++)
		good = stream_rest(stream, longer[i]);
	free(longer);
	if (!good || !append_descriptions(stream))
		return false;
	piece_end_segment(stream->piece);
	return true;
}
