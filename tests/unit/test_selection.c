/*-------------------------------------------------------------------------
 *
 * test_selection.c
 *	  What a partial restore is made of: patterns, names in SQL, values of
 *	  sequences, the archive's table of contents when it is damaged, and what an
 *	  entry is a part of.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "archive_toc.h"
#include "part_of.h"
#include "rename.h"
#include "sequence_values.h"
#include "sql_name.h"
#include "table_pattern.h"

static bool
matches(const char *text, const char *schema, const char *name)
{
	TablePattern pattern;
	bool found;

	assert_true(table_pattern_parse("--table", text, &pattern));
	found = table_pattern_matches(&pattern, schema, name);
	table_pattern_free(&pattern);
	return found;
}

static void
test_patterns(void **state)
{
	(void) state;
	assert_true(matches("Invoice", "billing", "invoice"));
	assert_true(matches("billing.inv*", "billing", "invoice"));
	assert_false(matches("billing.inv*", "audit", "invoice"));
	assert_true(matches("*.*", "a", "b"));
	assert_true(matches("*o*e", "x", "invoice"));
	assert_false(matches("*o*x", "x", "invoice"));
	assert_false(matches("invoice", "x", "invoice_line"));
	assert_true(matches("\"A.b\".\"c*\"", "A.b", "c*"));
	assert_false(matches("\"A.b\".\"c*\"", "A.b", "cd"));
	assert_true(matches("\"a\"\"b\"", "x", "a\"b"));
	assert_true(matches("M?ller", "x", "m\xc3\xbcller"));
	assert_false(matches("m?", "x", "m"));
	assert_true(matches("\"a\"\".b\"", "x", "a\".b"));
}

/* Neither a pattern nor, with wildcards, a name for --as. */
static void
test_no_patterns(void **state)
{
	static const char *const texts[] = {
		"", ".", "a.", ".a", "\"\"", "\"\".a", "a.b.c", "\"a.b", "a\".b", "\"a\".b\"", "a.\"b\".c"};
	TablePattern pattern;
	char *schema;
	char *name;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		if (table_pattern_parse("--table", texts[i], &pattern))
			fail_msg("%s", texts[i]);
		table_pattern_free(&pattern);
	}
	assert_true(rename_parse_target("\"A*\".B", &schema, &name));
	assert_string_equal(schema, "A*");
	assert_string_equal(name, "b");
	free(schema);
	free(name);
	assert_true(rename_parse_target("\"say \"\"hi\"\".\"", &schema, &name));
	assert_null(schema);
	assert_string_equal(name, "say \"hi\".");
	free(name);
	assert_false(rename_parse_target("a*", &schema, &name));
	assert_false(rename_parse_target("a?.b", &schema, &name));
	assert_false(rename_parse_target("a.b.c", &schema, &name));
	assert_false(
		rename_parse_target("a12345678901234567890123456789012345678901234567890123456789012"
							"3",
							&schema, &name));
}

static void
test_names(void **state)
{
	char *schema;
	char *name;

	(void) state;
	assert_string_equal(sql_name_read_qualified("\"A \"\"b\"\"\".c_1 (x)", &schema, &name), " (x)");
	assert_string_equal(schema, "A \"b\"");
	assert_string_equal(name, "c_1");
	free(schema);
	free(name);
	assert_null(sql_name_read_qualified("\"open", &schema, &name));
	assert_null(sql_name_read_qualified("alone", &schema, &name));
}

static void
test_sequences(void **state)
{
	static const char text[] = "SELECT pg_catalog.setval('s.\"it''s\"', -7, false);\n"
							   "SELECT pg_catalog.setval('s.b', 12, true);\n";
	SequenceValues values;

	(void) state;
	assert_int_equal(sequence_values_parse(text, &values), 0);
	assert_int_equal(values.count, 2);
	assert_string_equal(values.items[0].name, "it's");
	assert_string_equal(values.items[0].value, "-7");
	assert_false(values.items[0].called);
	assert_string_equal(values.items[1].schema, "s");
	assert_true(values.items[1].called);
	sequence_values_free(&values);
	assert_int_equal(sequence_values_parse("SELECT pg_catalog.setval('s.b', x, true);\n", &values),
					 1);
	assert_int_equal(values.count, 0);
	sequence_values_free(&values);

	/* Nothing between two values is passed over. */
	assert_int_equal(sequence_values_parse("SELECT pg_catalog.setval('s.b', 1, true);\n"
										   "ALTER ROLE joe SUPERUSER;\n"
										   "SELECT pg_catalog.setval('s.c', 1, true);\n",
										   &values),
					 1);
	assert_int_equal(values.count, 2);
	sequence_values_free(&values);
	assert_int_equal(sequence_values_parse("", &values), 0);
}

/* An integer as the archive has it. */
static void
put_integer(Buffer *out, int value)
{
	int i;

	buffer_append_char(out, value < 0);
	value = abs(value);
	for (i = 0; i < 4; i++)
		buffer_append_char(out, (char) (value >> (8 * i)));
}

static void
put_text(Buffer *out, const char *text)
{
	put_integer(out, text != NULL ? (int) strlen(text) : -1);
	if (text != NULL)
		buffer_append_string(out, text);
}

/* An archive with one table, of version 1.14 (pg_dump 12 to 15), 1.15 (16), or 1.16 (17, 18). */
static void
make_archive(Buffer *out, char minor)
{
	int i;

	buffer_init(out);
	buffer_append(out, "PGDMP\1", 6);
	buffer_append_char(out, minor);
	buffer_append(out, "\0\4\10\1", 4);
	if (minor >= 15)
		buffer_append_char(out, 1); /* compression by gzip */
	else
		put_integer(out, -1);
	for (i = 0; i < 7; i++)
		put_integer(out, 0);
	for (i = 0; i < 3; i++)
		put_text(out, "15.0");
	put_integer(out, 1);
	put_integer(out, 42);
	put_integer(out, 0);
	put_text(out, "1259");
	put_text(out, "16400");
	put_text(out, "a b");
	put_text(out, "TABLE");
	put_integer(out, TOC_PRE_DATA);
	put_text(out, "CREATE TABLE s.\"a b\" ();\n");
	put_text(out, "DROP TABLE s.\"a b\";\n");
	put_text(out, NULL);
	put_text(out, "s");
	put_text(out, "");
	put_text(out, "heap");
	if (minor >= 16)
		put_integer(out, 'r');
	put_text(out, "me");
	put_text(out, "false");
	put_text(out, "7");
	put_text(out, NULL);
	buffer_append(out, "\1\0\0\0\0\0\0\0\0", 9);
}

static void
check_archive(char minor)
{
	ArchiveToc toc;
	Buffer archive;
	size_t length;

	make_archive(&archive, minor);
	assert_null(archive_toc_parse(archive.data, archive.length, &toc));
	assert_int_equal(toc.count, 1);
	assert_string_equal(archive_toc_find(&toc, 42)->tag, "a b");
	assert_string_equal(archive_toc_find(&toc, 42)->owner, "me");
	assert_int_equal(archive_toc_find(&toc, 42)->depends_on[0], 7);
	assert_null(archive_toc_find(&toc, 41));
	archive_toc_free(&toc);

	/* Cut anywhere, it is refused. */
	for (length = 0; length < archive.length; length++)
	{
		assert_non_null(archive_toc_parse(archive.data, length, &toc));
		archive_toc_free(&toc);
	}
	archive.data[6] = 99;
	assert_non_null(archive_toc_parse(archive.data, archive.length, &toc));
	archive_toc_free(&toc);
	buffer_free(&archive);
}

/* Memory goes by what an archive holds, not by the numbers that it gives to that. */
static void
test_numbers_of_entries(void **state)
{
	static const int numbers[] = {16 * 1024 * 1024, 1000 * 1000 * 1000, INT_MAX};
	size_t before;
	ArchiveToc toc;
	Buffer archive;
	char *number;
	size_t i;
	int b;

	(void) state;
	make_archive(&archive, 14);
	number = memchr(archive.data, 42, archive.length);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		for (b = 0; b < 4; b++)
			number[b] = (char) (numbers[i] >> (8 * b));
		before = mallinfo2().uordblks + mallinfo2().hblkhd;
		if (i > 0)
		{
			assert_non_null(archive_toc_check_ids(archive.data, archive.length));
			assert_string_equal(archive_toc_parse(archive.data, archive.length, &toc),
								archive_toc_check_ids(archive.data, archive.length));
		}
		else
		{
			assert_null(archive_toc_check_ids(archive.data, archive.length));
			assert_null(archive_toc_parse(archive.data, archive.length, &toc));
			assert_string_equal(archive_toc_find(&toc, numbers[i])->tag, "a b");
		}
		assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < before + 100000);
		archive_toc_free(&toc);
	}

	/* What cannot be read here is left to pg_restore. */
	archive.data[6] = 99;
	assert_null(archive_toc_check_ids(archive.data, archive.length));
	buffer_free(&archive);
}

static void
test_archive(void **state)
{
	char minor;

	(void) state;
	for (minor = 14; minor <= 16; minor++)
		check_archive(minor);
}

/* What pg_dump 14 to 18 writes, with the most unhandy names. */
static void
test_parts(void **state)
{
	static const char *const parts[][4] = {
		{"DEFAULT", "ALTER TABLE ONLY s.\"t c\" ALTER COLUMN \"ON\" SET DEFAULT s.f();\n", "t c",
		 "ON"},
		{"DEFAULT", "ALTER FOREIGN TABLE ONLY s.t ALTER COLUMN c SET DEFAULT 1;\n", "t", "c"},
		{"CONSTRAINT", "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"t \"\"c\" PRIMARY KEY (id);\n",
		 "t", "t \"c"},
		{"CHECK CONSTRAINT", "ALTER TABLE s.t\n    ADD CONSTRAINT c CHECK ((a > 0)) NOT VALID;\n",
		 "t", "c"},
		{"FK CONSTRAINT",
		 "ALTER TABLE s.t\n    ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES s.o(a);\n", "t", "c"},
		{"TRIGGER",
		 "CREATE TRIGGER \"x ON s.o\" BEFORE UPDATE OF \"ON\", b ON s.t FOR EACH ROW EXECUTE "
		 "FUNCTION s.f();\n\nALTER TABLE s.t DISABLE TRIGGER \"x ON s.o\";\n",
		 "t", "x ON s.o"},
		{"TRIGGER",
		 "CREATE CONSTRAINT TRIGGER r AFTER INSERT ON s.t FROM s.o DEFERRABLE INITIALLY DEFERRED "
		 "FOR "
		 "EACH ROW EXECUTE FUNCTION s.f();\n",
		 "t", "r"},
		{"TRIGGER", "ALTER TABLE s.t ENABLE ALWAYS TRIGGER \"x y\";\n", "t", "x y"},
		{"RULE",
		 "CREATE RULE \"TO\" AS\n    ON INSERT TO s.t\n   WHERE (new.a > 0) DO INSTEAD NOTHING;\n",
		 "t", "TO"},
		{"RULE", "CREATE OR REPLACE VIEW s.t AS\n SELECT 1 AS a;\n", "t", "_RETURN"},
		{"RULE", "ALTER TABLE s.t ENABLE REPLICA RULE r;\n", "t", "r"},
		{"POLICY", "CREATE POLICY \"x c\" ON s.t AS RESTRICTIVE USING (true);\n", "t", "x c"},
		{"ROW SECURITY", "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY;\n", "t", NULL},
		{"INDEX", "CREATE UNIQUE INDEX \"t i\" ON ONLY s.t USING btree (((a)::s.o));\n", "t",
		 "t i"},
		{"STATISTICS",
		 "CREATE STATISTICS x.\"FROM\" (ndistinct) ON EXTRACT(day FROM a), (('FROM s.o'::text)) "
		 "FROM "
		 "s.t;\n",
		 "t", "FROM"},
		{"TABLE ATTACH", "ALTER TABLE ONLY s.t ATTACH PARTITION s.p FOR VALUES IN ('s.o');\n", "t",
		 NULL},
		{"TABLE ATTACH", "ALTER TABLE ONLY s.t ATTACH PARTITION s.p DEFAULT;\n", "p", NULL},
		{"MATERIALIZED VIEW DATA", "REFRESH MATERIALIZED VIEW s.t;\n", "t", NULL}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		TocEntry entry = {.kind = (char *) parts[i][0], .definition = (char *) parts[i][1]};
		TocEntry whole = {.kind = "TABLE", .schema = "s", .tag = (char *) parts[i][2]};
		TocEntry other = {.kind = "TABLE", .schema = "s", .tag = "o"};
		TocEntry domain = {.kind = "DOMAIN", .schema = "s", .tag = (char *) parts[i][2]};
		PartOf part;

		assert_true(part_of_is(&entry, &whole));
		assert_false(part_of_is(&entry, &other));
		assert_false(part_of_is(&entry, &domain));
		assert_true(part_of_read(&entry, entry.definition, &part));
		if (parts[i][3] == NULL)
			assert_null(part.name);
		else
			assert_string_equal(part.name, parts[i][3]);
		part_of_free(&part);
		whole.schema = "x";
		assert_false(part_of_is(&entry, &whole));
	}
}

/* What is a part of a domain, or of nothing. */
static void
test_no_parts(void **state)
{
	TocEntry entry = {
		.kind = "CHECK CONSTRAINT",
		.definition = "ALTER DOMAIN s.t\n    ADD CONSTRAINT c CHECK ((VALUE > 0)) NOT VALID;\n"};
	TocEntry whole = {.kind = "DOMAIN", .schema = "s", .tag = "t"};
	PartOf part;

	(void) state;
	assert_true(part_of_is(&entry, &whole));
	whole.kind = "TABLE";
	assert_false(part_of_is(&entry, &whole));
	entry.definition = "ALTER TABLE s.t RENAME TO o;\n";
	assert_false(part_of_read(&entry, entry.definition, &part));
	entry.definition = "ALTER TABLE ONLY \"s.t ADD CONSTRAINT c";
	assert_false(part_of_read(&entry, entry.definition, &part));
	entry.kind = "POLICY";
	entry.definition = "CREATE POLICY p (ON s.t)";
	assert_false(part_of_read(&entry, entry.definition, &part));
	entry.kind = "TABLE";
	entry.definition = "CREATE TABLE s.t ();\n";
	assert_false(part_of_is(&entry, &whole));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_no_patterns),
		cmocka_unit_test(test_names),    cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_archive),  cmocka_unit_test(test_numbers_of_entries),
		cmocka_unit_test(test_parts),    cmocka_unit_test(test_no_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
