/*-------------------------------------------------------------------------
 *
 * large_objects.c
 *	  Large objects as plain SQL: content, owner, grants and comment.
 *
 * pg_dump spreads a large object over sections, and differently from version
 * to version, and writes its content in blocks with BEGIN and COMMIT of their
 * own.  lo_from_bytea() and lo_put() are single statements, so a member can
 * be run alone, by psql or by several loaders side by side.
 *
 *-------------------------------------------------------------------------
 */
#include "large_objects.h"

#include <stdlib.h>
#include <string.h>

#include "copy_worker.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"

/* Bytes of content per statement. */
#define SLICE_BYTES (256 * 1024)

typedef enum StatementKind
{
	OWNER,   /* owner */
	REVOKE,  /* owner */
	GRANT,   /* grantee or NULL, privilege, 't' with grant option, grantor or NULL for the owner */
	COMMENT, /* text */
	LABEL,   /* provider, label */
} StatementKind;

/*
 * Each row is one statement: its kind, and up to four texts as they are,
 * without quotes.  A grant by somebody else than the owner is made in that
 * role's name, or it would become the owner's.  The array's own order has
 * each grant behind the one that allows it.
 */
static const SqlConstant describe_query = SQL(
	"WITH me AS (SELECT * FROM pg_catalog.pg_largeobject_metadata WHERE oid = "
	"$1::pg_catalog.oid)"
	" SELECT kind, one, two, three, four FROM ("
	"  SELECT 0 AS kind, 0 AS place, pg_catalog.pg_get_userbyid(lomowner)::pg_catalog.text AS one,"
	"   NULL::pg_catalog.text AS two, NULL::pg_catalog.text AS three,"
	"   NULL::pg_catalog.text AS four FROM me"
	"  UNION ALL"
	"  SELECT 1, 0, pg_catalog.pg_get_userbyid(lomowner), NULL, NULL, NULL FROM me"
	"   WHERE lomacl IS NOT NULL"
	"  UNION ALL"
	"  SELECT 2, a.place, CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,"
	"   a.privilege_type, a.is_grantable::pg_catalog.text,"
	"   CASE WHEN a.grantor <> me.lomowner THEN pg_catalog.pg_get_userbyid(a.grantor) END"
	"   FROM me, LATERAL pg_catalog.aclexplode(me.lomacl) WITH ORDINALITY"
	"    a (grantor, grantee, privilege_type, is_grantable, place)"
	"  UNION ALL"
	"  SELECT 3, 0, d.description, NULL, NULL, NULL FROM me, pg_catalog.pg_description d"
	"   WHERE d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND d.objoid = me.oid"
	"  UNION ALL"
	"  SELECT 4, 0, l.provider, l.label, NULL, NULL FROM me, pg_catalog.pg_seclabel l"
	"   WHERE l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND l.objoid = me.oid"
	" ) s ORDER BY kind, place, one");

static const SqlConstant slice_query =
	SQL("SELECT pg_catalog.lo_get($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.int4)");

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
		(*oids)[i] = (uint32_t) strtoul(PQgetvalue(result, i, 0), NULL, 10);
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
	bool foreign = !PQgetisnull(result, row, 4);

	if (foreign)
	{
		sql_append(sql, "SET SESSION AUTHORIZATION ");
		sql_identifier(sql, PQgetvalue(result, row, 4));
		sql_append(sql, ";\n");
	}
	sql_append(sql, "GRANT ");
	if (!sql_keyword(sql, PQgetvalue(result, row, 2)))
		return report_strange();
	append_object(sql, oid);
	sql_append(sql, " TO ");
	if (PQgetisnull(result, row, 1))
		sql_append(sql, "PUBLIC");
	else
		sql_identifier(sql, PQgetvalue(result, row, 1));
	if (PQgetvalue(result, row, 3)[0] == 't')
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

static bool
append_description(CopyStream *stream, uint32_t oid)
{
	char *number = xasprintf("%u", oid);
	const char *params[1] = {number};
	PGresult *result = connection_query(stream->connection, describe_query, 1, params);
	SqlText *sql = sql_in(&stream->piece->raw);
	bool good = result != NULL;
	int i;

	free(number);
	for (i = 0; good && i < PQntuples(result); i++)
	{
		StatementKind kind = (StatementKind) strtol(PQgetvalue(result, i, 0), NULL, 10);

		if (kind == GRANT)
			good = append_grant(sql, oid, result, i);
		else
			append_property(sql, oid, kind, PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
	}
	PQclear(result);
	return good;
}

/* Close the current member and go on in a fresh piece if this one has no room for a slice. */
static bool
make_room(CopyStream *stream)
{
	Buffer *raw = stream->piece != NULL ? &stream->piece->raw : NULL;

	if (raw != NULL && raw->capacity - raw->length > 3 * SLICE_BYTES)
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

static bool
stream_large_object(CopyStream *stream, uint32_t oid)
{
	uint64_t offset = 0;
	size_t bytes;
	bool good = true;

	do
	{
		PGresult *slice;
		const char *hex;

		if (stop_requested() || !make_room(stream))
			return false;
		slice = read_slice(stream->connection, oid, offset);
		if (slice == NULL)
			return false;
		hex = PQgetvalue(slice, 0, 0);
		bytes = (strlen(hex) - 2) / 2;
		if (bytes > 0 || offset == 0)
			good = append_slice(sql_in(&stream->piece->raw), oid, offset, hex);
		atomic_fetch_add(&progress.raw_bytes, 2 * bytes);
		offset += bytes;
		PQclear(slice);
	} while (good && bytes == SLICE_BYTES);
	return good && append_description(stream, oid);
}

bool
large_objects_stream(CopyStream *stream)
{
	int i;

	for (i = 0; i < stream->chunk->nlarge_objects; i++)
	{
		if (!stream_large_object(stream, stream->chunk->large_objects[i]))
			return false;
	}
	if (stream->piece != NULL)
		piece_end_segment(stream->piece);
	return true;
}
