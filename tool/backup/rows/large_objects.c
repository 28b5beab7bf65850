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
 * of them is read by two queries: one for content, one for owners, grants and
 * comments.
 *
 * Content is read page by page from pg_largeobject: anybody who may connect can
 * write one byte behind four terabytes of nothing, which lo_get() gives as
 * zeros.  What has no page is not written, so a hole stays one.  A role that may not read
 * pg_largeobject has only lo_get(): one query for the first slice of each, and
 * round trips of its own for what is longer.
 *
 *-------------------------------------------------------------------------
 */
#include "large_objects.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "longest_comment.h"
#include "memory.h"
#include "progress.h"

/* A member that has so many ends, however long its last statement is. */
#define MEMBER_BYTES (64 * 1024 * 1024)

/* Bytes of content per statement. */
#define SLICE_BYTES (256 * 1024)
#define SLICE_TEXT "262144"

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
 * is made in that role's name, or it would become the owner's.  Each
 * grant is behind one that allows it: who grants what others granted comes
 * after them, which is not always so in the array.  unrestorable.c warns
 * of the comments and labels that are left out.  Both are looked up for one
 * object at a time (OFFSET keeps the planner from joining them): without
 * statistics, as after a load, a join reads all comments for each object.
 */
static const SqlConstant describe_head =
	SQL("WITH RECURSIVE me AS (SELECT m.* FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = "
		"ANY (");
static const SqlConstant describe_tail =
	SQL(")),"
		" acl AS (SELECT me.oid, me.lomowner, a.grantor, a.grantee, a.privilege_type,"
		"  a.is_grantable, a.place FROM me, LATERAL pg_catalog.aclexplode(me.lomacl)"
		"   WITH ORDINALITY a (grantor, grantee, privilege_type, is_grantable, place)),"
		" r AS (SELECT oid, place, grantee, privilege_type, is_grantable, 0 AS depth FROM acl"
		"   WHERE grantor = lomowner"
		"  UNION SELECT b.oid, b.place, b.grantee, b.privilege_type, b.is_grantable, r.depth + 1"
		"   FROM r JOIN acl b ON b.oid = r.oid AND b.grantor = r.grantee"
		"    AND b.privilege_type = r.privilege_type"
		"   WHERE r.is_grantable AND b.grantor <> b.lomowner AND r.depth < 1000),"
		" depths AS (SELECT oid, place, pg_catalog.min(depth) AS depth FROM r GROUP BY oid, place)"
		" SELECT oid, kind, one, two, three, four FROM ("
		"  SELECT oid, 0 AS kind, 0 AS place,"
		"   pg_catalog.pg_get_userbyid(lomowner)::pg_catalog.text AS one,"
		"   NULL::pg_catalog.text AS two, NULL::pg_catalog.text AS three,"
		"   NULL::pg_catalog.text AS four FROM me"
		"  UNION ALL"
		"  SELECT oid, 1, 0, pg_catalog.pg_get_userbyid(lomowner), NULL, NULL, NULL FROM me"
		"   WHERE lomacl IS NOT NULL"
		"  UNION ALL"
		"  SELECT a.oid, 2, coalesce(d.depth, 1000)::pg_catalog.int8 * 1000000 + a.place,"
		"   CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,"
		"   a.privilege_type, a.is_grantable::pg_catalog.text,"
		"   CASE WHEN a.grantor <> a.lomowner THEN pg_catalog.pg_get_userbyid(a.grantor) END"
		"   FROM acl a LEFT JOIN depths d ON d.oid = a.oid AND d.place = a.place"
		"  UNION ALL"
		"  SELECT me.oid, 3, 0, d.description, NULL, NULL, NULL FROM me,"
		"   LATERAL (SELECT c.description FROM pg_catalog.pg_description c"
		"    WHERE c.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass"
		"     AND c.objoid = me.oid AND c.objsubid = 0 OFFSET 0) d"
		"   WHERE pg_catalog.octet_length(d.description) <= " LONGEST_COMMENT "  UNION ALL"
		"  SELECT me.oid, 4, 0, l.provider, l.label, NULL, NULL FROM me,"
		"   LATERAL (SELECT c.provider, c.label FROM pg_catalog.pg_seclabel c"
		"    WHERE c.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass"
		"     AND c.objoid = me.oid AND c.objsubid = 0 OFFSET 0) l"
		"   WHERE pg_catalog.octet_length(l.label) <= " LONGEST_COMMENT
		" ) s ORDER BY oid, kind, place, one");

/* May its pages be read?  Scans of ranges would be sorted, which takes room. */
static const SqlConstant pages_allowed =
	SQL("SELECT pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT'),"
		" pg_catalog.set_config('enable_bitmapscan', 'off', false)");

/*
 * Every page that there is: OID, number, content, and how many bytes a page
 * has; in the order of the array, as for each of it the index is read.  An
 * object without pages has one row.
 */
static const SqlConstant pages_head =
	SQL("SELECT o.oid, p.pageno, p.data,"
		" pg_catalog.current_setting('block_size')::pg_catalog.int4 / 4 FROM pg_catalog.unnest(");
static const SqlConstant pages_tail =
	SQL(") AS o (oid) LEFT JOIN LATERAL"
		" (SELECT l.pageno, l.data FROM pg_catalog.pg_largeobject l WHERE l.loid = o.oid"
		"  ORDER BY l.pageno) p ON true");

/* The first slice of each object, in the order of the array. */
static const SqlConstant content_head =
	SQL("SELECT o.oid, pg_catalog.lo_get(o.oid, 0, " SLICE_TEXT ") FROM pg_catalog.unnest(");
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

/* Send a query about all objects of the chunk, whose rows come one by one. */
static bool
send_array_query(CopyStream *stream, SqlConstant head, SqlConstant tail)
{
	SqlText query;
	bool good;

	sql_init(&query);
	sql_append_constant(&query, head);
	append_objects(&query, stream->chunk);
	sql_append_constant(&query, tail);
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
	bool good = send_array_query(stream, content_head, content_tail);
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

/* ---- page by page ---- */

/* An object whose pages come, and those that were not written yet, which follow each other. */
typedef struct Pages
{
	CopyStream *stream;
	int next;        /* object of the chunk that comes next */
	bool begun;      /* the statement that makes the object is written */
	uint64_t offset; /* of what is in hex */
	uint64_t bytes;
	Buffer hex; /* \x, then two digits a byte */
} Pages;

static uint32_t
current_object(const Pages *pages)
{
	return pages->stream->chunk->large_objects[pages->next - 1];
}

/* Write what there is; the object itself in any case. */
static bool
flush_pages(Pages *pages)
{
	CopyStream *stream = pages->stream;
	uint32_t oid = current_object(pages);
	bool good = make_room(stream);

	if (good && !pages->begun && (pages->bytes == 0 || pages->offset > 0))
		good = append_slice(sql_in(&stream->piece->raw), oid, 0, "\\x");
	if (good && pages->bytes > 0)
		good = append_slice(sql_in(&stream->piece->raw), oid, pages->offset, pages->hex.data);
	atomic_fetch_add(&progress.raw_bytes, 2 * pages->bytes);
	pages->begun = true;
	pages->bytes = 0;
	pages->hex.length = 0;
	buffer_append_string(&pages->hex, "\\x");
	return good;
}

/* The last object has no more pages, and the next one begins. */
static bool
next_object(Pages *pages, uint32_t oid)
{
	const Chunk *chunk = pages->stream->chunk;

	if (pages->next > 0 && (!pages->begun || pages->bytes > 0) && !flush_pages(pages))
		return false;
	if (pages->next >= chunk->nlarge_objects || chunk->large_objects[pages->next] != oid)
		return report_strange();
	pages->next++;
	pages->begun = false;
	return true;
}

static bool
take_page(Pages *pages, const PGresult *result)
{
	uint64_t size = strtoull(PQgetvalue(result, 0, 3), NULL, 10);
	uint64_t offset = size * strtoull(PQgetvalue(result, 0, 1), NULL, 10);
	const char *digits = PQgetvalue(result, 0, 2);
	size_t length = strlen(digits);

	if (length < 2 || size == 0)
		return report_strange();
	/* Slices begin where they always do, so that they are found again. */
	if (pages->bytes > 0 && (offset != pages->offset + pages->bytes || offset % SLICE_BYTES == 0) &&
		!flush_pages(pages))
		return false;
	if (pages->bytes == 0)
		pages->offset = offset;
	buffer_append_string(&pages->hex, digits + 2);
	pages->bytes += (length - 2) / 2;
	return true;
}

static bool
take_page_row(Pages *pages, const PGresult *result)
{
	uint32_t oid = oid_value(result, 0);

	if (stop_requested())
		return false;
	if ((pages->next == 0 || oid != current_object(pages)) && !next_object(pages, oid))
		return false;
	return PQgetisnull(result, 0, 1) || take_page(pages, result);
}

static bool
stream_pages(CopyStream *stream)
{
	Pages pages = {.stream = stream};
	bool good = send_array_query(stream, pages_head, pages_tail);
	PGresult *result;

	buffer_init(&pages.hex);
	buffer_append_string(&pages.hex, "\\x");
	while (good && (result = PQgetResult(stream->connection->pg)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			good = take_page_row(&pages, result);
		else if (PQresultStatus(result) != PGRES_TUPLES_OK)
			good = connection_report(stream->connection, result, "could not read large objects");
		PQclear(result);
	}
	if (good && pages.next != stream->chunk->nlarge_objects)
		good = report_strange();
	if (good && (!pages.begun || pages.bytes > 0))
		good = flush_pages(&pages);
	buffer_free(&pages.hex);
	return good;
}

/* ---- what is not content ---- */

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

/*
 * Owners, grants, comments and labels of all objects of the chunk.  They come
 * row by row, and a member ends where it is full: all of them together may be
 * more than it may have.
 */
static bool
append_descriptions(CopyStream *stream)
{
	bool good = send_array_query(stream, describe_head, describe_tail);
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

static bool
stream_slices(CopyStream *stream)
{
	uint32_t *longer = xmalloc((size_t) stream->chunk->nlarge_objects * sizeof(uint32_t));
	int nlonger;
	bool good = stream_first_slices(stream, longer, &nlonger);
	int i;

	for (i = 0; good && i < nlonger; i++)
		good = stream_rest(stream, longer[i]);
	free(longer);
	return good;
}

bool
large_objects_stream(CopyStream *stream)
{
	PGresult *result = connection_query(stream->connection, pages_allowed, 0, NULL);
	bool by_pages = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	bool good = result != NULL;

	PQclear(result);
	good = good && (by_pages ? stream_pages(stream) : stream_slices(stream)) &&
		   append_descriptions(stream);
	if (!good)
		return false;
	piece_end_segment(stream->piece);
	return true;
}
