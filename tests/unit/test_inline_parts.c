/*-------------------------------------------------------------------------
 *
 * test_inline_parts.c
 *	  The parts of CREATE TABLE and CREATE DOMAIN.
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

#include "inline_parts.h"

static void
assert_part(const char *kind, const char *definition, InlineKind part, const char *name,
			const char *expected)
{
	TocEntry entry = {.kind = (char *) kind, .definition = (char *) definition};
	char *text;
	InlineRead read = inline_part_read(&entry, definition, part, name, &text);

	assert_int_equal(read, expected != NULL ? INLINE_FOUND : INLINE_ABSENT);
	if (expected == NULL)
		assert_null(text);
	else
		assert_string_equal(text, expected);
	free(text);
}

static const char table[] =
	"CREATE UNLOGGED TABLE \"s(\".\"t, (\" (\n    a integer DEFAULT s.next('a, CONSTRAINT c "
	"CHECK (s.f(1))'::text, 2) NOT NULL,\n"
	"    \"DEFAULT\" public.geometry(Point,4326),\n"
	"    \"CONSTRAINT\" text DEFAULT s.\"x, )\"(1),\n"
	"    g integer GENERATED ALWAYS AS ((s.norm(a) + 1)) STORED,\n"
	"    CONSTRAINT a CHECK ((s.one($$a)$$) > 0)),\n"
	"    CONSTRAINT \"c, g integer DEFAULT s.f()\" CHECK ((g OPERATOR(s.+) 1) > 0)\n)\n"
	"INHERITS (s.p, \"s,\".\"q)\")\nPARTITION BY LIST (a, s.key(a))\nWITH (fillfactor='50');\n\n"
	"ALTER TABLE ONLY s.t ALTER COLUMN a SET STORAGE PLAIN;\n";

static void
test_tables(void **state)
{
	(void) state;
	assert_part("TABLE", table, INLINE_COLUMN, "a",
				"DEFAULT s.next('a, CONSTRAINT c CHECK (s.f(1))'::text, 2) NOT NULL");
	assert_part("TABLE", table, INLINE_COLUMN, "DEFAULT", NULL);
	assert_part("TABLE", table, INLINE_COLUMN, "CONSTRAINT", "DEFAULT s.\"x, )\"(1)");
	assert_part("TABLE", table, INLINE_COLUMN, "g", "GENERATED ALWAYS AS ((s.norm(a) + 1)) STORED");
	assert_part("TABLE", table, INLINE_COLUMN, "c", NULL);
	assert_part("TABLE", table, INLINE_CONSTRAINT, "a", " CHECK ((s.one($$a)$$) > 0))");
	assert_part("TABLE", table, INLINE_CONSTRAINT, "c", NULL);
	assert_part("TABLE", table, INLINE_CONSTRAINT, "c, g integer DEFAULT s.f()",
				" CHECK ((g OPERATOR(s.+) 1) > 0)\n");
	assert_part("TABLE", table, INLINE_WHOLE, NULL,
				"PARTITION BY LIST (a, s.key(a))\nWITH (fillfactor='50')");
}

static void
test_other_forms(void **state)
{
	(void) state;
	assert_part("TABLE", "CREATE TABLE s.t (\n)\nINHERITS (s.p);\n", INLINE_WHOLE, NULL, NULL);
	assert_part("TABLE", "CREATE TABLE s.t (\n)\nINHERITS (s.p);\n", INLINE_COLUMN, "a", NULL);
	assert_part("TABLE",
				"CREATE TABLE s.t OF s.\"type (\" (\n    a WITH OPTIONS DEFAULT s.f(),\n"
				"    CONSTRAINT c CHECK (s.g(a))\n);\n",
				INLINE_COLUMN, "a", "DEFAULT s.f()");
	assert_part("TABLE", "CREATE TABLE s.t OF s.type\nPARTITION BY LIST (s.f(a));\n", INLINE_WHOLE,
				NULL, "PARTITION BY LIST (s.f(a))");
	assert_part("FOREIGN TABLE",
				"CREATE FOREIGN TABLE s.t (\n    a integer DEFAULT s.f()\n)\nSERVER x\nOPTIONS "
				"(\n    \"PARTITION\" 's.g('\n);\n",
				INLINE_WHOLE, NULL, NULL);
	assert_part("VIEW", "CREATE VIEW s.t AS SELECT s.f()", INLINE_WHOLE, NULL, NULL);
}

/* A comma in brackets ends nothing, wherever they are. */
static void
test_arrays(void **state)
{
	static const char arrays[] =
		"CREATE TABLE s.t (\n    a text[] DEFAULT ARRAY['x'::text, 's.f('::text],\n"
		"    \"b, [\" integer[] DEFAULT ARRAY[ARRAY[1, 2], ARRAY[(s.g(3))[1:2], 4]] NOT NULL,\n"
		"    c text DEFAULT (ARRAY[E'\\\\'',]'::text, $$]$$])[1] COLLATE \"C\",\n"
		"    g integer GENERATED ALWAYS AS ((a[1])::integer + s.h(ARRAY[1, 2])) STORED,\n"
		"    CONSTRAINT \"]\" CHECK ((a <> ARRAY['p'::text, 'q'::text]))\n)\n"
		"PARTITION BY LIST ((s.k(ARRAY[a, b])));\n";
	TocEntry entry = {.kind = (char *) "TABLE", .definition = (char *) arrays};
	char *text;

	(void) state;
	assert_part("TABLE", arrays, INLINE_COLUMN, "a", "DEFAULT ARRAY['x'::text, 's.f('::text]");
	assert_part("TABLE", arrays, INLINE_COLUMN, "b, [",
				"DEFAULT ARRAY[ARRAY[1, 2], ARRAY[(s.g(3))[1:2], 4]] NOT NULL");
	assert_part("TABLE", arrays, INLINE_COLUMN, "c",
				"DEFAULT (ARRAY[E'\\\\'',]'::text, $$]$$])[1] COLLATE \"C\"");
	assert_part("TABLE", arrays, INLINE_CONSTRAINT, "]",
				" CHECK ((a <> ARRAY['p'::text, 'q'::text]))\n");
	assert_int_equal(inline_computed_read(&entry, &text), INLINE_FOUND);
	assert_string_equal(text, "GENERATED ALWAYS AS ((a[1])::integer + s.h(ARRAY[1, 2])) STORED\n"
							  "PARTITION BY LIST ((s.k(ARRAY[a, b])))\n");
	free(text);
	assert_part("DOMAIN",
				"CREATE DOMAIN s.d AS text[] DEFAULT ARRAY['a'::text, s.f()]\n"
				"\tCONSTRAINT c CHECK ((VALUE <> ARRAY['b'::text]));\n",
				INLINE_WHOLE, NULL, "DEFAULT ARRAY['a'::text, s.f()]\n\t");
}

/* What is not as pg_dump writes it may have any part. */
static void
test_unreadable(void **state)
{
	static const char *const tables[] = {
		"",
		"CREATE TABLE s.t",
		"CREATE TABLE s.t;\n",
		"CREATE TABLE s.t (a integer DEFAULT s.f(",
		"CREATE TABLE s.t (\n    a integer\n)",
		"CREATE TABLE s.t (\n    a integer;\n);\n",
		"CREATE TABLE s.t (\n    a integer,\n);\n",
		"CREATE TABLE s.t (\n    a integer, 'b' text\n);\n",
		"CREATE TABLE s.t (\n    a integer[[]\n);\n",
		"CREATE TABLE s.t (\n    a integer]\n);\n",
		"CREATE TABLE s.t (\n    CHECK (s.f())\n);\n",
		"CREATE TABLE s.t (\n    LIKE s.u\n);\n",
		"CREATE TABLE s.t (\n    a integer\n) s.f();\n",
		"CREATE TABLE s.t (\n    a integer\n)\nPARTITION BY LIST (a",
		"CREATE TABLE s.t PARTITION OF s.p DEFAULT;\n"};
	static const char *const domains[] = {
		"CREATE DOMAIN s.d AS text CHECK (s.f());\n", "CREATE DOMAIN s.d AS text DEFAULT 'a'",
		"CREATE DOMAIN s.d text;\n", "CREATE DOMAIN s.d AS text CONSTRAINT CHECK (s.f());\n"};
	TocEntry entry = {.kind = (char *) "TABLE"};
	char *text;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		entry.definition = (char *) tables[i];
		if (inline_computed_read(&entry, &text) != INLINE_UNREADABLE || text != NULL ||
			inline_part_read(&entry, tables[i], INLINE_COLUMN, "a", &text) != INLINE_UNREADABLE ||
			text != NULL)
			fail_msg("%s", tables[i]);
	}
	entry.kind = (char *) "DOMAIN";
	for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
	{
		if (inline_part_read(&entry, domains[i], INLINE_WHOLE, NULL, &text) != INLINE_UNREADABLE)
			fail_msg("%s", domains[i]);
	}
}

static void
test_domains(void **state)
{
	static const char domain[] =
		"CREATE DOMAIN s.d AS s.\"DEFAULT\"[] NOT NULL DEFAULT s.f('CONSTRAINT a CHECK (s.h())')\n"
		"\tCONSTRAINT a CHECK ((s.g(VALUE) > 0))\n\tCONSTRAINT \"CONSTRAINT\" CHECK ((VALUE > "
		"0));\n";

	(void) state;
	assert_part("DOMAIN", domain, INLINE_WHOLE, NULL,
				"DEFAULT s.f('CONSTRAINT a CHECK (s.h())')\n\t");
	assert_part("DOMAIN", domain, INLINE_CONSTRAINT, "a", " CHECK ((s.g(VALUE) > 0))\n\t");
	assert_part("DOMAIN", domain, INLINE_CONSTRAINT, "CONSTRAINT", " CHECK ((VALUE > 0))");
	assert_part("DOMAIN", "CREATE DOMAIN s.d AS text\n\tCONSTRAINT c CHECK (s.f());\n",
				INLINE_WHOLE, NULL, NULL);
}

static void
test_names(void **state)
{
	TocEntry function = {.kind = (char *) "FUNCTION",
						 .schema = (char *) "s",
						 .tag = (char *) "norm(integer)",
						 .drop = (char *) "DROP FUNCTION s.norm(integer);\n"};
	TocEntry hostile = {.kind = (char *) "FUNCTION",
						.schema = (char *) "s",
						.tag = (char *) "norm(x(integer)",
						.drop = (char *) "DROP FUNCTION s.\"norm(x\"(integer);\n"};
	TocEntry operator= {.kind = (char *) "OPERATOR",
						.schema = (char *) "s",
						.tag = (char *) "+",
						.drop = (char *) "DROP OPERATOR s.+ (integer, integer);\n"};

	(void) state;
	assert_true(inline_part_names("DEFAULT s.norm(1)", &function));
	assert_false(inline_part_names("DEFAULT s.norm(1)", &hostile));
	assert_true(inline_part_names("DEFAULT s.\"norm(x\"(1)", &hostile));
	assert_false(inline_part_names("DEFAULT 's.norm(1)' || \"s.norm\"(1) || t.norm(1)", &function));
	assert_false(inline_part_names("CHECK ((VALUE OPERATOR(s.+) 1) > 0)", &function));
	assert_true(inline_part_names("CHECK ((VALUE OPERATOR(s.+) 1) > 0)", &operator));
}

static void
test_parents(void **state)
{
	int needs[] = {1, 2, 3};
	TocEntry entries[] = {
		{.id = 1, .place = 0, .kind = "TABLE", .schema = "s", .tag = "row"},
		{.id = 2, .place = 1, .kind = "TABLE", .schema = "s,", .tag = "q)"},
		{.id = 3, .place = 2, .kind = "TABLE", .schema = "s", .tag = "p"},
		{.id = 4, .place = 3, .kind = "TABLE", .definition = (char *) table},
	};
	TocEntry *by_id[] = {&entries[0], &entries[1], &entries[2], &entries[3]};
	ArchiveToc toc = {.entries = entries, .count = 4, .by_id = by_id};

	(void) state;
	entries[3].depends_on = needs;
	entries[3].ndepends_on = 3;
	assert_ptr_equal(inline_parts_parent(&toc, &entries[3], 0), &entries[2]);
	assert_ptr_equal(inline_parts_parent(&toc, &entries[3], 1), &entries[1]);
	assert_null(inline_parts_parent(&toc, &entries[3], 2));
	entries[3].ndepends_on = 0;
	assert_null(inline_parts_parent(&toc, &entries[3], 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),  cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_arrays),  cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_domains), cmocka_unit_test(test_names),
		cmocka_unit_test(test_parents)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
