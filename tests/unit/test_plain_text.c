/*-------------------------------------------------------------------------
 *
 * test_plain_text.c
 *	  Definitions that consist of names alone, and those that only look so.
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

#include "author_kinds.h"
#include "plain_text.h"

typedef struct Case
{
	bool (*plain)(const char *text);
	const char *text;
	bool is;
} Case;

static const Case cases[] = {
	{plain_table,
	 "CREATE TABLE s.t (\n    a integer NOT NULL,\n    \"B c\" character varying(20)[]\n);\n",
	 true},
	{plain_table,
	 "CREATE UNLOGGED TABLE s.t (\n    n numeric(10,2) DEFAULT 0\n)\nWITH (fillfactor='70');\n",
	 true},
	{plain_table, "CREATE TABLE s.t (\n    t text DEFAULT 'a;b'::text COLLATE pg_catalog.\"C\"\n);",
	 true},
	{plain_table, "CREATE TABLE s.t (\n    at timestamp with time zone DEFAULT now()\n);\n", true},
	{plain_table, "CREATE TABLE s.t (\n)\nINHERITS (s.par, \"S\".u);\n", true},
	{plain_table,
	 "CREATE FOREIGN TABLE s.t (\n    a integer\n)\nSERVER x\nOPTIONS (\n    a 'b'\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a s.d\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a \"s\" . d\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a text DEFAULT '{x}'::s.d[]\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a integer DEFAULT s.f()\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a integer DEFAULT (1 + 2)\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a integer DEFAULT lower('x')\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a integer,\n    CONSTRAINT c CHECK ((a > 0))\n);\n",
	 false},
	{plain_table, "CREATE TABLE s.t (\n    a integer GENERATED ALWAYS AS ((b + 1)) STORED\n);\n",
	 false},
	{plain_table, "CREATE TABLE s.t (\n    a integer\n)\nPARTITION BY LIST (a);\n", false},
	{plain_table, "CREATE TABLE s.t OF s.r;\n", false},
	{plain_table, "CREATE TABLE s.t OF s.r (\n    PRIMARY KEY\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a text DEFAULT $$x$$\n);\n", false},
	{plain_table, "CREATE TABLE s.t (\n    a integer\n", false},
	{plain_table, "CREATE TABLE s.t AS SELECT 1;", false},
	{plain_table, "CREATE VIEW s.t (a) AS SELECT 1;", false},
	{plain_table, "", false},
	{plain_function,
	 "CREATE FUNCTION s.f(a integer, VARIADIC b s.t[]) RETURNS s.d\n    LANGUAGE plpgsql STABLE "
	 "COST 5\n"
	 "    SET search_path TO 's', 'pg_temp'\n    AS $_$ DEFAULT 1; $_$;\n\n\nALTER FUNCTION s.f(a "
	 "integer) OWNER TO joe;\n",
	 true},
	{plain_function,
	 "CREATE FUNCTION s.f(OUT a numeric(10,2)) RETURNS TABLE(a integer, b s.d)\n    LANGUAGE c\n   "
	 " AS '$libdir/x', 'f';",
	 false},
	{plain_function, "CREATE FUNCTION s.f() RETURNS integer\n    LANGUAGE \"sql\"\n    AS 'x';",
	 false},
	{plain_function,
	 "CREATE FUNCTION s.f() RETURNS integer\n    LANGUAGE sql LEAKPROOF\n    AS 'x';", false},
	{plain_function, "CREATE PROCEDURE s.f()\n    LANGUAGE sql\n    AS 'DEFAULT';", true},
	{plain_function,
	 "CREATE FUNCTION s.f(a integer DEFAULT 1) RETURNS integer\n    LANGUAGE sql\n    AS 'x';",
	 false},
	{plain_function,
	 "CREATE FUNCTION s.f(a integer = 1) RETURNS integer\n    LANGUAGE sql\n    AS 'x';", false},
	{plain_function,
	 "CREATE FUNCTION s.f(a integer) RETURNS integer\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT "
	 "1;\nEND;",
	 false},
	{plain_function,
	 "CREATE FUNCTION s.f(a integer) RETURNS integer\n    LANGUAGE sql\n    RETURN 1;", false},
	{plain_function,
	 "CREATE FUNCTION s.f(a integer) RETURNS integer\n    LANGUAGE sql\n    AS 'x' + s.g();",
	 false},
	{plain_function, "CREATE FUNCTION s.f(a integer) RETURNS integer\n    LANGUAGE sql\n    AS 'x'",
	 false},
	{plain_index,
	 "CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a, b DESC NULLS LAST, c s.ops) INCLUDE (d) "
	 "NULLS NOT DISTINCT WITH (fillfactor='70');\n",
	 true},
	{plain_index, "CREATE INDEX i ON s.t USING btree (lower(a));\n", false},
	{plain_index, "CREATE INDEX i ON s.t USING btree (a) WHERE (a > 0);\n", false},
	{plain_index, "CREATE INDEX i ON s.t USING gist (a);\n", false},
	{plain_index, "CREATE INDEX i ON s.t USING btree (a s.ops (x='1'));\n", false},
	{plain_key,
	 "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"x CHECK (\" PRIMARY KEY (a, \"B)\") INCLUDE (c) "
	 "DEFERRABLE INITIALLY DEFERRED;\n",
	 true},
	{plain_key, "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a);\n",
	 true},
	{plain_key, "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT k EXCLUDE USING gist (a WITH &&);\n",
	 false},
	{plain_key, "ALTER TABLE s.t\n    ADD CONSTRAINT k CHECK ((a > 0));\n", false},
	{plain_statistics, "CREATE STATISTICS s.x (dependencies) ON a, b FROM s.t;\n", true},
	{plain_statistics, "CREATE STATISTICS s.x ON a, (b + 1) FROM s.t;\n", false},
	{plain_statistics, "CREATE STATISTICS s.x ON lower(a) FROM s.t;\n", false},
	{plain_default,
	 "ALTER TABLE ONLY s.t ALTER COLUMN id SET DEFAULT nextval('s.t_id_seq'::regclass);\n", true},
	{plain_default,
	 "ALTER TABLE ONLY s.t ALTER COLUMN id SET DEFAULT nextval('s.t_id_seq'::regclass) + 1;\n",
	 false},
	{plain_default, "ALTER TABLE ONLY s.t ALTER COLUMN id SET DEFAULT s.nextval('x'::regclass);\n",
	 false},
	{plain_default, "ALTER TABLE ONLY s.t ALTER COLUMN id SET DEFAULT nextval('x'::s.regclass);\n",
	 false},
	{plain_default, "ALTER TABLE ONLY s.t ALTER COLUMN id SET DEFAULT 1;\n", false},
	{plain_enum, "CREATE TYPE s.e AS ENUM (\n    'a',\n    'b''),'\n);\n", true},
	{plain_enum, "CREATE TYPE s.e AS (\n\ta s.d\n);\n", false},
	{plain_enum, "CREATE TYPE s.e AS ENUM ('a', s.f());\n", false},
};

static void
test_plain(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (cases[i].plain(cases[i].text) != cases[i].is)
			fail_msg("should be %s: %s", cases[i].is ? "plain" : "not plain", cases[i].text);
	}
}

/* A text that ends anywhere is not plain, and nothing is read behind it. */
static void
test_cut(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t length;
		const char *end = strrchr(cases[i].text, ';');

		for (length = 0; end != NULL && length < (size_t) (end - cases[i].text); length++)
		{
			char *text = malloc(length + 1);

			memcpy(text, cases[i].text, length);
			text[length] = '\0';
			if (strchr(text, ';') == NULL)
				assert_false(cases[i].plain(text));
			free(text);
		}
	}
}

static void
test_kinds(void **state)
{
	TocEntry entry = {0};
	ArchiveToc toc = {0};

	(void) state;
	entry.tag = entry.schema = entry.owner = "";
	entry.kind = "POLICY";
	entry.definition = "CREATE POLICY p ON s.t;\n";
	assert_true(author_kind_is_known(&entry));
	assert_non_null(author_kind_changes(&toc, &entry));
	entry.kind = "SEQUENCE";
	assert_true(author_kind_is_known(&entry));
	assert_null(author_kind_changes(&toc, &entry));
	entry.kind = "ASSERTION";
	assert_false(author_kind_is_known(&entry));
	entry.kind = "TYPE";
	entry.definition = "CREATE TYPE s.t AS (\n\ta integer\n);\n";
	assert_non_null(author_kind_changes(&toc, &entry));
	entry.definition = "CREATE TYPE s.t (\n    INPUT = s.i\n);\n";
	assert_null(author_kind_changes(&toc, &entry));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
