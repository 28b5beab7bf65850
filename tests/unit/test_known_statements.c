/*-------------------------------------------------------------------------
 *
 * test_known_statements.c
 *	  What the server computes when it runs a statement over a table.
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

#include "bare_literals.h"
#include "buffer.h"
#include "entry_calls.h"
#include "known_statements.h"
#include "table_turns.h"

static void
test_kinds(void **state)
{
	static const struct
	{
		const char *text;
		StatementKind kind;
	} cases[] = {
		{"ALTER TABLE ONLY s.t ALTER COLUMN a SET NOT NULL;\n", STATEMENT_COMPUTES},
		{"-- a comment\nALTER FOREIGN TABLE ONLY \"S x\".\"t;\" ALTER COLUMN \"SET STATISTICS\""
		 " SET NOT NULL;",
		 STATEMENT_COMPUTES},
		{"ALTER TABLE s.t ALTER COLUMN a SET /* x */ NOT NULL;", STATEMENT_COMPUTES},
		{"ALTER TABLE ONLY s.t ADD CONSTRAINT n NOT NULL a;", STATEMENT_COMPUTES},
		{"ALTER TABLE ONLY s.t ADD CONSTRAINT n NOT NULL a NO INHERIT;", STATEMENT_COMPUTES},
		{"ALTER TABLE s.t ADD CONSTRAINT n NOT NULL a NOT VALID;", STATEMENT_CATALOG},
		{"ALTER TABLE ONLY s.t\n    ADD CONSTRAINT p PRIMARY KEY (a);", STATEMENT_KEY},
		{"ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"CHECK\" PRIMARY KEY (a);", STATEMENT_KEY},
		{"ALTER TABLE ONLY s.t ADD CONSTRAINT u UNIQUE (a);", STATEMENT_LOOKED_AT},
		{"ALTER TABLE s.t ADD CONSTRAINT c CHECK ((a > 0));", STATEMENT_LOOKED_AT},
		{"ALTER TABLE ONLY s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(b);",
		 STATEMENT_LOOKED_AT},
		{"ALTER TABLE ONLY s.t ATTACH PARTITION s.p DEFAULT;", STATEMENT_LOOKED_AT},
		{"ALTER TABLE ONLY s.t ALTER COLUMN a SET STATISTICS 7;", STATEMENT_CATALOG},
		{"ALTER TABLE ONLY s.t ALTER COLUMN a SET (n_distinct=2);", STATEMENT_CATALOG},
		{"ALTER TABLE s.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (\n);",
		 STATEMENT_CATALOG},
		{"ALTER TABLE s.t ENABLE ALWAYS TRIGGER g;", STATEMENT_LOOKED_AT},
		{"ALTER TABLE s.t DISABLE RULE r;", STATEMENT_CATALOG},
		{"ALTER TABLE ONLY s.t REPLICA IDENTITY FULL;", STATEMENT_CATALOG},
		{"CREATE UNIQUE INDEX i ON s.t USING btree (a);", STATEMENT_LOOKED_AT},
		{"CREATE TABLE s.t (\n    a integer\n);", STATEMENT_LOOKED_AT},
		/* Nobody has looked at these. */
		{"ALTER TABLE ONLY s.t ALTER COLUMN a TYPE text;", STATEMENT_UNKNOWN},
		{"ALTER TABLE s.t VALIDATE CONSTRAINT c;", STATEMENT_UNKNOWN},
		{"ALTER TABLE s.t ADD COLUMN b s.d;", STATEMENT_UNKNOWN},
		{"ALTER TABLE s.t REPLICA IDENTITY FULL, ALTER COLUMN a SET NOT NULL;", STATEMENT_UNKNOWN},
		{"ALTER TABLE s.t OWNER TO joe, VALIDATE CONSTRAINT c;", STATEMENT_UNKNOWN},
		{"ALTER TABLE s.t CLUSTER ON i; SELECT 1;", STATEMENT_UNKNOWN},
		{"SELECT s.f();", STATEMENT_UNKNOWN},
		{"alter table s.t validate constraint c;", STATEMENT_UNKNOWN},
		{"REFRESH MATERIALIZED VIEW CONCURRENTLY s.m;", STATEMENT_UNKNOWN},
		{"", STATEMENT_UNKNOWN},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (known_statement(cases[i].text) != cases[i].kind)
			fail_msg("%s: %d", cases[i].text, (int) known_statement(cases[i].text));
	}
}

static void
test_tables(void **state)
{
	char *schema;
	char *name;

	(void) state;
	assert_true(known_statement_table("ALTER FOREIGN TABLE ONLY \"a.b\".\"C \"\"\" OWNER TO x;",
									  &schema, &name));
	assert_string_equal(schema, "a.b");
	assert_string_equal(name, "C \"");
	free(schema);
	free(name);
	assert_false(known_statement_table("ALTER INDEX s.i CLUSTER", &schema, &name));
	assert_null(schema);
}

static void
test_split(void **state)
{
	Buffer first;
	Buffer then;

	(void) state;
	buffer_init(&first);
	buffer_init(&then);
	table_turns_split("SET x = 'a;';\n\n-- Name: t; ALTER TABLE s.t ALTER COLUMN a SET NOT NULL;\n"
					  "CREATE TABLE s.t (\n    a text DEFAULT ';'::text\n)\nINHERITS (s.p);\n"
					  "ALTER TABLE ONLY s.t ALTER COLUMN a SET NOT NULL;\n\n\n"
					  "ALTER TABLE s.t OWNER TO joe;\n\n",
					  &first, &then);
	assert_string_equal(first.data,
						"SET x = 'a;';\nCREATE TABLE s.t (\n    a text DEFAULT ';'::text\n)\n"
						"INHERITS (s.p);\nALTER TABLE s.t OWNER TO joe;\n");
	assert_string_equal(then.data, "ALTER TABLE ONLY s.t ALTER COLUMN a SET NOT NULL;\n");
	buffer_free(&first);
	buffer_free(&then);
}

/* An index by columns alone, with an access method that compares by the functions of their types.
 */
static void
test_indexes(void **state)
{
	static const struct
	{
		const char *definition;
		bool calls;
	} cases[] = {
		{"CREATE INDEX i ON s.t USING btree (a);", false},
		{"CREATE INDEX i ON s.t USING hash (a);", false},
		{"CREATE INDEX i ON s.t USING gist (a);", true},
		{"CREATE INDEX i ON s.t USING btree (lower(a));", true},
		{"CREATE INDEX i ON s.t USING btree (a) WHERE (a > 0);", true},
		{"CREATE INDEX \" USING btree (\" ON s.t USING gist (a);", true},
		{"CREATE INDEX i ON s.t USING gist (a) WITH (x=' USING btree (');", true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		TocEntry entry;

		memset(&entry, 0, sizeof(entry));
		entry.kind = (char *) "INDEX";
		entry.definition = (char *) cases[i].definition;
		if (entry_calls_functions(&entry) != cases[i].calls)
			fail_msg("%s", cases[i].definition);
	}
}

/* Keys for which the server looks at no row. */
static void
test_leaves_rows(void **state)
{
#define KEY "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.u(b)"
	static const struct
	{
		const char *definition;
		bool leaves;
	} cases[] = {{KEY ";\n", false},
				 {KEY " NOT VALID;\n", true},
				 {KEY " NOT ENFORCED;\n", true},
				 {KEY " DEFERRABLE;\n", false},
				 {"", false}};
	TocEntry entry = {.kind = (char *) "FK CONSTRAINT"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		entry.definition = (char *) cases[i].definition;
		if (entry_leaves_rows(&entry) != cases[i].leaves)
			fail_msg("%s", cases[i].definition);
	}
}

/* Literals that a function of users could read as it likes. */
static void
test_bare_literals(void **state)
{
	static const struct
	{
		const char *kind;
		const char *definition;
		bool bare;
	} cases[] = {
		{"VIEW", "CREATE VIEW s.v AS\n SELECT s.h(ROW('{x}', 1)) AS x;\n", true},
		{"VIEW", "CREATE VIEW s.v AS\n SELECT s.h(b.c, '{x}') AS x\n   FROM s.b;\n", true},
		{"VIEW", "CREATE VIEW s.v AS\n SELECT (ROW('{x}', 1) OPERATOR(s.=) b.r) AS x\n FROM s.b;\n",
		 true},
		{"VIEW", "CREATE VIEW s.v AS\n SELECT concat('x', 1) AS x\n   FROM s.b;\n", false},
		{"VIEW", "CREATE VIEW s.v AS\n SELECT s.h('x'::text) AS x;\n", false},
		{"VIEW", "CREATE VIEW s.v WITH (security_barrier='true') AS\n SELECT s.h(1) AS x;\n",
		 false},
		{"TABLE", "CREATE TABLE s.t (\n    c integer DEFAULT s.h(ROW('{x}', 1))\n);\n", true},
		{"TABLE", "CREATE TABLE s.t (\n    c integer DEFAULT s.h('x'::text)\n)\nWITH (a='b');\n",
		 false},
		{"TABLE",
		 "CREATE TABLE s.t (\n    c integer,\n    CONSTRAINT \"it's\" CHECK ((s.h(c) > 0))\n);\n",
		 false},
		{"FOREIGN TABLE",
		 "CREATE FOREIGN TABLE s.t (\n c integer OPTIONS (\n x 'y') DEFAULT s.h(1)\n)\n SERVER "
		 "a;\n",
		 false},
		{"DEFAULT", "ALTER TABLE ONLY s.t ALTER COLUMN c SET DEFAULT s.h(ROW('x'));\n", true},
		{"DEFAULT", "ALTER TABLE ONLY s.t ALTER COLUMN c SET DEFAULT nextval('s.q'::regclass);\n",
		 false},
		{"TRIGGER",
		 "CREATE TRIGGER g BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION s.f('x');\n", false},
		{"TRIGGER",
		 "CREATE TRIGGER g BEFORE UPDATE ON s.t FOR EACH ROW WHEN ((s.h(ROW('x')) = 1)) EXECUTE "
		 "FUNCTION s.f();\n",
		 true},
		{"FUNCTION",
		 "CREATE FUNCTION s.f(a integer DEFAULT s.h(ROW('x'))) RETURNS integer\n    LANGUAGE sql\n "
		 "   AS $$SELECT 1$$;\n",
		 true},
		{"FUNCTION",
		 "CREATE FUNCTION s.f(a integer) RETURNS integer\n    LANGUAGE sql\n    SET search_path TO "
		 "'s'\n    AS $$SELECT s.h('x')$$;\n",
		 false},
		{"FUNCTION",
		 "CREATE FUNCTION s.f() RETURNS integer\n LANGUAGE sql\n BEGIN ATOMIC\n SELECT 1;\n SELECT "
		 "s.h(ROW('x'));\nEND;\n",
		 true},
		{"INDEX", "CREATE INDEX i ON s.t USING btree (s.h(c)) WITH (fillfactor='70');\n", false},
		{"INDEX", "CREATE INDEX i ON s.t USING btree (s.h(ROW('x')));\n", true},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		TocEntry entry;

		memset(&entry, 0, sizeof(entry));
		entry.kind = (char *) cases[i].kind;
		entry.definition = (char *) cases[i].definition;
		if (bare_literals_have(&entry) != cases[i].bare)
			fail_msg("%s", cases[i].definition);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves_rows), cmocka_unit_test(test_bare_literals),
		cmocka_unit_test(test_indexes),     cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_tables),      cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
