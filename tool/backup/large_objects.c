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
#include "memory.h"
#include "progress.h"

/* Bytes of content per statement. */
#define SLICE_BYTES (256 * 1024)

/*
 * A grant by somebody else than the owner is made in that role's name, or it
 * would become the owner's.  The array's own order has each grant behind the
 * one that allows it.
 */
static const char describe_query[] =
	"SELECT pg_catalog.format('ALTER LARGE OBJECT %s OWNER TO %I;', m.oid, "
	"pg_catalog.pg_get_userbyid(m.lomowner))"
	" || E'\\n' || coalesce((SELECT pg_catalog.string_agg(statement, '' ORDER BY place) FROM ("
	"  SELECT 0 AS place, pg_catalog.format(E'REVOKE ALL ON LARGE OBJECT %s FROM %I;\\n', m.oid,"
	"   pg_catalog.pg_get_userbyid(m.lomowner)) AS statement WHERE m.lomacl IS NOT NULL"
	"  UNION ALL"
	"  SELECT a.place, pg_catalog.format(CASE WHEN a.grantor = m.lomowner"
	"   THEN E'GRANT %s ON LARGE OBJECT %s TO %s%s;\\n'"
	"   ELSE E'SET SESSION AUTHORIZATION %5$I;\\nGRANT %1$s ON LARGE OBJECT %2$s TO %3$s%4$s;"
	"\\nRESET SESSION AUTHORIZATION;\\n' END, a.privilege_type, m.oid,"
	"   CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE "
	"pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,"
	"   CASE WHEN a.is_grantable AND a.grantee <> m.lomowner THEN ' WITH GRANT OPTION' ELSE '' END,"
	"   pg_catalog.pg_get_userbyid(a.grantor))"
	"   FROM pg_catalog.aclexplode(m.lomacl) WITH ORDINALITY"
	"    a (grantor, grantee, privilege_type, is_grantable, place)"
	"  UNION ALL"
	"  SELECT 1000001, pg_catalog.format(E'COMMENT ON LARGE OBJECT %s IS %s;\\n', m.oid,"
	"   pg_catalog.quote_literal(d.description)) FROM pg_catalog.pg_description d"
	"   WHERE d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND d.objoid = m.oid"
	"  UNION ALL"
	"  SELECT 1000002, pg_catalog.format(E'SECURITY LABEL FOR %I ON LARGE OBJECT %s IS %L;\\n', "
	"l.provider, m.oid, l.label)"
	"   FROM pg_catalog.pg_seclabel l"
	"   WHERE l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND l.objoid = m.oid"
	" ) s), '')"
	" FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = $1::pg_catalog.oid";

static const char slice_query[] =
	"SELECT pg_catalog.lo_get($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.int4)";

bool
large_objects_list(Connection *connection, uint32_t **oids, int *count)
{
	PGresult *result;
	int i;

	result = connection_query(
		connection, "SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid", 0, NULL);
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
read_slice(Connection *connection, const char *oid, uint64_t offset)
{
	char *at = xasprintf("%llu", (unsigned long long) offset);
	char *length = xasprintf("%d", SLICE_BYTES);
	const char *params[3] = {oid, at, length};
	PGresult *result = connection_query(connection, slice_query, 3, params);

	free(at);
	free(length);
	return result;
}

/* Append the statement that writes a slice; the text from the server is already \x… in hex. */
static void
append_slice(Buffer *out, const char *oid, uint64_t offset, const char *hex)
{
	if (offset == 0)
		buffer_printf(out, "SELECT pg_catalog.lo_from_bytea(%s, '", oid);
	else
		buffer_printf(out, "SELECT pg_catalog.lo_put(%s, %llu, '", oid,
					  (unsigned long long) offset);
	buffer_append_string(out, hex);
	buffer_append_string(out, "');\n");
}

static bool
append_description(CopyStream *stream, const char *oid)
{
	const char *params[1] = {oid};
	PGresult *result = connection_query(stream->connection, describe_query, 1, params);

	if (result == NULL)
		return false;
	if (PQntuples(result) == 1)
		buffer_append_string(&stream->piece->raw, PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
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
stream_large_object(CopyStream *stream, const char *oid)
{
	uint64_t offset = 0;
	size_t bytes;

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
			append_slice(&stream->piece->raw, oid, offset, hex);
		atomic_fetch_add(&progress.raw_bytes, 2 * bytes);
		offset += bytes;
		PQclear(slice);
	} while (bytes == SLICE_BYTES);
	return append_description(stream, oid);
}

bool
large_objects_stream(CopyStream *stream)
{
	int i;

	for (i = 0; i < stream->chunk->nlarge_objects; i++)
	{
		char *oid = xasprintf("%u", stream->chunk->large_objects[i]);
		bool good = stream_large_object(stream, oid);

		free(oid);
		if (!good)
			return false;
	}
	if (stream->piece != NULL)
		piece_end_segment(stream->piece);
	return true;
}
