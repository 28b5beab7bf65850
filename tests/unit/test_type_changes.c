/*-------------------------------------------------------------------------
 *
 * test_type_changes.c
 *	  Which types take the values of which, and the columns that an archive has.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "archive_columns.h"
#include "buffer.h"
#include "type_changes.h"

static void
test_kept(void **state)
{
	static const char *const pairs[][2] = {
		{"integer", "bigint"},
		{"bigint", "integer"}, /* or an error */
		{"bigint", "numeric(10,2)"},
		{"smallint", "real"},
		{"integer", "double precision"},
		{"real", "double precision"},
		{"double precision", "numeric"},
		{"numeric(10,2)", "numeric"},
		{"numeric(10,2)", "numeric(8,3)"},
		{"numeric(10,0)", "bigint"},
		{"character varying(10)", "character varying(11)"},
		{"character varying(10)", "character varying"},
		{"character varying", "text"},
		{"text", "character varying"},
		{"text", "public.citext"},
		{"public.citext", "text"},
		{"character(3)", "character(4)"},
		{"uuid", "character varying(36)"},
		{"integer", "text"},
		{"integer[]", "text"},
		{"jsonb", "json"},
		{"date", "timestamp without time zone"},
		{"timestamp(3) without time zone", "timestamp without time zone"},
		{"timestamp(3) with time zone", "timestamp(4) with time zone"},
		{"interval day", "interval"},
		{"bit(3)", "bit varying(3)"},
		{"cidr", "inet"},
		{"public.geometry(Point,4326)", "gis.geometry(Point,4326)"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		if (!type_change_keeps(pairs[i][0], pairs[i][1]))
			fail_msg("%s to %s", pairs[i][0], pairs[i][1]);
	}
}

static void
test_altered(void **state)
{
	static const char *const pairs[][2] = {
		{"numeric", "numeric(10,2)"},
		{"numeric(10,2)", "numeric(12,1)"},
		{"numeric(10,2)", "bigint"},
		{"integer", "numeric(10,-2)"},
		{"numeric(10,2)", "double precision"},
		{"double precision", "real"},
		{"bigint", "double precision"},
		{"integer", "real"},
		{"double precision", "bigint"},
		{"integer", "boolean"},
		{"boolean", "text"},
		{"character(3)", "text"},
		{"text", "character varying(10)"},
		{"character varying", "character varying(10)"},
		{"character varying(10)", "character varying(9)"},
		{"text", "name"},
		{"text", "integer"},
		{"text", "uuid"},
		{"json", "jsonb"},
		{"timestamp with time zone", "text"},
		{"timestamp without time zone", "date"},
		{"timestamp without time zone", "timestamp with time zone"},
		{"timestamp with time zone", "timestamp without time zone"},
		{"timestamp without time zone", "timestamp(3) without time zone"},
		{"date", "timestamp with time zone"},
		{"interval", "interval day"},
		{"interval", "interval(2)"},
		{"bit varying(4)", "bit varying(3)"},
		{"inet", "cidr"},
		{"bytea", "integer"},
		{"public.geometry(Point,4326)", "public.geometry(Point,3857)"},
		{"public.one", "public.other"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		if (type_change_keeps(pairs[i][0], pairs[i][1]))
			fail_msg("%s to %s", pairs[i][0], pairs[i][1]);
	}
}

/* "a=integer, b=text!", ! if generated. */
static void
assert_columns(TocEntry *entries, uint32_t count, const char *expected)
{
	ArchiveToc toc = {.entries = entries, .count = count};
	ArchiveColumns columns;
	Buffer text;
	uint32_t i;

	buffer_init(&text);
	buffer_append_string(&text, "");
	archive_columns_read(&toc, &entries[0], &columns);
	for (i = 0; i < columns.count; i++)
		buffer_printf(&text, "%s%s=%s%s", i > 0 ? ", " : "", columns.items[i].name,
					  columns.items[i].type, columns.items[i].generated ? "!" : "");
	archive_columns_free(&columns);
	assert_string_equal(text.data, expected);
	buffer_free(&text);
}

static TocEntry
entry_of(const char *kind, const char *name, const char *definition)
{
	return (TocEntry){.kind = (char *) kind,
					  .schema = (char *) "s",
					  .tag = (char *) name,
					  .definition = (char *) definition};
}

static void
test_columns(void **state)
{
	TocEntry entries[2];

	(void) state;
	entries[0] = entry_of(
		"TABLE", "t",
		"CREATE TABLE s.t (\n    a integer DEFAULT s.next('x,)'::regclass) NOT NULL,\n"
		"    b public.geometry(Point,4326),\n    \"c d\" \"S x\".\"T y\"[] COLLATE \"C\",\n"
		"    ts timestamp(3) with time zone,\n    iv interval day to second(3),\n"
		"    g integer GENERATED ALWAYS AS ((a * 2)) STORED,\n    v numeric(12,4) NOT NULL,\n"
		"    CONSTRAINT c CHECK ((a > 0))\n)\nINHERITS (s.p, s.q)\nPARTITION BY LIST (a);\n");
	entries[1] = entry_of("TABLE", "q",
						  "CREATE UNLOGGED TABLE s.q (\n    v numeric(1,0),\n    w text\n);\n");
	assert_columns(entries, 2,
				   "a=integer, b=public.geometry(Point,4326), c d=\"S x\".\"T y\"[], "
				   "ts=timestamp(3) with time zone, iv=interval day to second(3), g=integer!, "
				   "v=numeric(12,4), w=text");
	entries[0] =
		entry_of("TABLE", "t", "CREATE TABLE s.t OF s.r (\n    a WITH OPTIONS NOT NULL\n);\n");
	entries[1] = entry_of("TYPE", "r", "CREATE TYPE s.r AS (\n\ta integer,\n\tb s.d\n);\n");
	assert_columns(entries, 2, "a=integer, b=s.d");
	entries[0] = entry_of("TABLE", "t", "CREATE TABLE s.t (\n)\nWITH (x='INHERITS (s.q)');\n");
	assert_columns(entries, 1, "");
	/* Cut short, in a circle: what is there, and an end. */
	entries[0] = entry_of("TABLE", "t", "CREATE TABLE s.t (\n    a integer,\n    \"b");
	assert_columns(entries, 1, "a=integer");
	entries[0] = entry_of("TABLE", "t", "CREATE TABLE s.t (\n    a integer\n)\nINHERITS (s.t, s.t");
	assert_columns(entries, 1, "a=integer");
	entries[0] = entry_of("TYPE", "t", "CREATE TYPE s.t AS ENUM (\n    'a'\n);\n");
	assert_columns(entries, 1, "");
}

static void
test_domains(void **state)
{
	TocEntry entries[3];
	ArchiveToc toc = {.entries = entries, .count = 3};
	ArchiveType type;

	(void) state;
	entries[0] = entry_of("DOMAIN", "d", "CREATE DOMAIN s.d AS s.e[] NOT NULL\n\tDEFAULT 1;\n");
	entries[1] = entry_of("DOMAIN", "e",
						  "CREATE DOMAIN s.e AS numeric(12,4)\n\tCONSTRAINT x CHECK (true);\n");
	entries[2] = entry_of("TYPE", "m", "CREATE TYPE s.m AS ENUM (\n    'a'\n);\n");
	archive_type_read(&toc, "s.d", &type);
	assert_string_equal(type.base, "numeric(12,4)");
	assert_true(type.array);
	archive_type_free(&type);
	archive_type_read(&toc, "s.m", &type);
	assert_true(type.labels && !type.array && type.entry == &entries[2]);
	archive_type_free(&type);
	entries[1].definition = (char *) "CREATE DOMAIN s.e AS s.d;\n";
	archive_type_read(&toc, "s.d", &type);
	archive_type_free(&type);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
