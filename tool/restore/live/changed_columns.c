/*-------------------------------------------------------------------------
 *
 * changed_columns.c
 *	  Columns of a live table that are not what they were at the backup.
 *
 * Rows go by COPY into a table that exists, or into one that is made over
 * types and parents that exist.  The server reads their text with the types of
 * now, and that may alter values without an error (type_changes.c).  So the
 * columns of the live table are compared with those of the archive, looking
 * through domains and into composite types: these may have been changed while
 * their names stayed.
 *
 *-------------------------------------------------------------------------
 */
#include "changed_columns.h"

#include <stdlib.h>
#include <string.h>

#include "archive_columns.h"
#include "memory.h"
#include "type_changes.h"

/* Composite types in composite types. */
#define MAX_DEPTH 64

#define MAX_SHOWN 20

/* The columns of $1, with what their types are made of: domains and arrays are looked through. */
static const char columns_query[] =
	"SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), b.base, b.relation,"
	" b.is_array, b.is_enum, a.attgenerated <> '', E'\\n' || b.steps || E'\\n'"
	" FROM pg_catalog.pg_attribute a, LATERAL (WITH RECURSIVE down (type, modifier, is_array) AS ("
	"   SELECT a.atttypid, a.atttypmod, false UNION ALL"
	"   SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,"
	"    CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE down.modifier END,"
	"    down.is_array OR t.typtype <> 'd'"
	"   FROM down JOIN pg_catalog.pg_type t ON t.oid = down.type"
	"   LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid"
	"   WHERE t.typtype = 'd' OR e.oid IS NOT NULL)"
	"  SELECT pg_catalog.format_type(down.type, down.modifier) AS base, t.typrelid AS relation,"
	"   down.is_array, t.typtype = 'e' AS is_enum,"
	"   (SELECT pg_catalog.string_agg(pg_catalog.format_type(s.type, s.modifier), E'\\n')"
	"    FROM down s) AS steps"
	"  FROM down JOIN pg_catalog.pg_type t ON t.oid = down.type"
	"  WHERE t.typtype <> 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e"
	"   WHERE e.oid = t.typelem AND e.typarray = t.oid)) b"
	" WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped"
	" ORDER BY a.attnum";

enum
{
	LIVE_NAME,
	LIVE_TYPE,
	LIVE_BASE,
	LIVE_RELATION,
	LIVE_IS_ARRAY,
	LIVE_IS_ENUM,
	LIVE_GENERATED,
	LIVE_STEPS
};

typedef struct Comparison
{
	const ArchiveToc *toc;
	Connection *connection;
	bool good;
} Comparison;

static char *compare_type(Comparison *comparison, const char *type, const PGresult *live, int row,
						  int depth);

static bool
is_set(const PGresult *live, int row, int column)
{
	return PQgetvalue(live, row, column)[0] == 't';
}

static PGresult *
live_columns(Comparison *comparison, const char *relation)
{
	const char *params[1] = {relation};
	PGresult *result = connection_query(comparison->connection, columns_query, 1, params);

	comparison->good = comparison->good && result != NULL;
	return result;
}

/* "numeric(12,4) in the backup, numeric(10,2) now", and what domains are of; caller frees. */
static char *
both_types(const char *type, const ArchiveType *before, const PGresult *live, int row)
{
	const char *array = before->array ? "[]" : "";
	const char *array_now = is_set(live, row, LIVE_IS_ARRAY) ? "[]" : "";
	char *base = xasprintf("%s%s", before->base, array);
	char *base_now = xasprintf("%s%s", PQgetvalue(live, row, LIVE_BASE), array_now);
	const char *now = PQgetvalue(live, row, LIVE_TYPE);
	bool domain = strcmp(type, base) != 0;
	bool domain_now = strcmp(now, base_now) != 0;
	char *text = xasprintf("%s%s%s%s in the backup, %s%s%s%s now", type, domain ? " (" : "",
						   domain ? base : "", domain ? ")" : "", now, domain_now ? " (" : "",
						   domain_now ? base_now : "", domain_now ? ")" : "");

	free(base);
	free(base_now);
	return text;
}

/* Values of a composite type are read by their places. */
static char *
compare_attributes(Comparison *comparison, const TocEntry *entry, const char *relation,
				   const char *type, int depth)
{
	ArchiveColumns before;
	PGresult *live = depth < MAX_DEPTH ? live_columns(comparison, relation) : NULL;
	char *reason = NULL;
	uint32_t i;

	archive_columns_read(comparison->toc, entry, &before);
	if (live != NULL && before.count > 0 && before.count != (uint32_t) PQntuples(live))
		reason = xasprintf("%s has %u attributes in the backup, and %d now", type, before.count,
						   PQntuples(live));
	for (i = 0; live != NULL && reason == NULL && i < before.count; i++)
	{
		const char *now = PQgetvalue(live, (int) i, LIVE_NAME);
		char *of_attribute;

		if (strcmp(before.items[i].name, now) != 0)
		{
			reason = xasprintf("attribute %u of %s is \"%s\" in the backup, and \"%s\" now", i + 1,
							   type, before.items[i].name, now);
			break;
		}
		of_attribute = compare_type(comparison, before.items[i].type, live, (int) i, depth + 1);
		if (of_attribute != NULL)
			reason = xasprintf("attribute \"%s\" of %s is %s", now, type, of_attribute);
		free(of_attribute);
	}
	archive_columns_free(&before);
	PQclear(live);
	return reason;
}

/*
 * A type that the archive does not define is one of an extension: it is the
 * same if it is there under its name, whatever it is made of.
 */
static bool
is_of_extension(const ArchiveType *before, const PGresult *live, int row)
{
	const char *steps = PQgetvalue(live, row, LIVE_STEPS);
	char *one = xasprintf("\n%s\n", before->base);
	char *many = xasprintf("\n%s[]\n", before->base);
	bool found = before->entry == NULL && strchr(before->base, '.') != NULL &&
				 strstr(steps, one) != NULL && before->array == (strstr(steps, many) != NULL);

	free(one);
	free(many);
	return found;
}

/* What is different about a type so that values may be; NULL: nothing.  Caller frees. */
static char *
compare_type(Comparison *comparison, const char *type, const PGresult *live, int row, int depth)
{
	const char *base_now = PQgetvalue(live, row, LIVE_BASE);
	const char *relation = PQgetvalue(live, row, LIVE_RELATION);
	bool array_now = is_set(live, row, LIVE_IS_ARRAY);
	ArchiveType before;
	ArchiveColumns attributes = {0};
	char *reason = NULL;
	bool keeps;

	archive_type_read(comparison->toc, type, &before);
	if (before.entry != NULL)
		archive_columns_read(comparison->toc, before.entry, &attributes);
	if (is_of_extension(&before, live, row))
		keeps = true;
	else if (before.array != array_now)
	{
		/* The text of an array is text. */
		char *whole = xasprintf("%s[]", before.base);

		keeps = before.array && type_change_keeps(whole, base_now);
		free(whole);
	}
	else if (is_set(live, row, LIVE_IS_ENUM))
		keeps = before.labels || type_change_is_text(before.base) ||
				type_change_keeps(before.base, base_now);
	else
		keeps = type_change_keeps(before.base, base_now);
	if (!keeps)
		reason = both_types(type, &before, live, row);
	else if (attributes.count > 0 && strcmp(relation, "0") != 0 && before.array == array_now)
		reason = compare_attributes(comparison, before.entry, relation, before.base, depth);
	archive_columns_free(&attributes);
	archive_type_free(&before);
	return reason;
}

/* Takes the line over; partitions that go into one root say the same. */
static void
add_line(Lines *lines, char *line)
{
	uint32_t i;

	for (i = 0; i < lines->count; i++)
	{
		if (strcmp(lines->lines[i], line) == 0)
		{
			free(line);
			return;
		}
	}
	lines_add(lines, line);
}

/* Look at one live column. */
static void
compare_column(Comparison *comparison, const ArchiveColumn *before, const PGresult *live, int row,
			   const char *shown, ChangedColumns *changed)
{
	char *reason;

	/* What is generated now is computed; the caller sees whether the backup has values of it. */
	if (is_set(live, row, LIVE_GENERATED))
		return;
	if (before->generated)
		reason =
			xstrdup("generated in the backup, which has no values of it, and not generated now");
	else
		reason = compare_type(comparison, before->type, live, row, 0);
	if (reason != NULL)
		add_line(&changed->altered,
				 xasprintf("column \"%s\" of table %s: %s", before->name, shown, reason));
	free(reason);
}

bool
changed_columns_find(const ArchiveToc *toc, Connection *connection, const TocEntry *entry,
					 uint32_t oid, const char *shown, ChangedColumns *changed)
{
	Comparison comparison = {toc, connection, true};
	char *relation = xasprintf("%u", oid);
	PGresult *live = live_columns(&comparison, relation);
	ArchiveColumns before;
	Buffer missing;
	int row;

	buffer_init(&missing);
	archive_columns_read(toc, entry, &before);
	for (row = 0; live != NULL && before.count > 0 && row < PQntuples(live); row++)
	{
		const char *name = PQgetvalue(live, row, LIVE_NAME);
		const ArchiveColumn *column = archive_columns_find(&before, name);

		if (column != NULL)
			compare_column(&comparison, column, live, row, shown, changed);
		else if (!is_set(live, row, LIVE_GENERATED))
			buffer_printf(&missing, "%s\"%s\"", missing.length > 0 ? ", " : "", name);
	}
	if (missing.length > 0)
		add_line(&changed->missing, xasprintf("table %s: %s", shown, missing.data));
	buffer_free(&missing);
	archive_columns_free(&before);
	PQclear(live);
	free(relation);
	return comparison.good;
}

void
changed_columns_free(ChangedColumns *changed)
{
	lines_free(&changed->altered);
	lines_free(&changed->missing);
	memset(changed, 0, sizeof(*changed));
}

char *
changed_columns_text(const Lines *lines)
{
	Buffer text;
	uint32_t i;

	buffer_init(&text);
	buffer_append_string(&text, "");
	for (i = 0; i < lines->count && i < MAX_SHOWN; i++)
		buffer_printf(&text, "%s%s", i > 0 ? "; " : "", lines->lines[i]);
	if (lines->count > MAX_SHOWN)
		buffer_printf(&text, "; and %u more", lines->count - MAX_SHOWN);
	buffer_append_char(&text, '.');
	return buffer_detach(&text);
}
