/*-------------------------------------------------------------------------
 *
 * test_sql_text.c
 *	  Cutting SQL text where names, literals and comments try to confuse, and
 *	  what is made of the pieces: statements left out, names changed.
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

#include "memory.h"
#include "owners_and_grants.h"
#include "rename.h"
#include "row_copy.h"
#include "owner_settings.h"
#include "settings.h"
#include "sql_text.h"

/* Tokens, each followed by a space that is one, too. */
static const char *const tokens[] = {
	"'it''s; -- \"x\" $$'",
	"E'a\\'b\\\\'",
	"e'\\''",
	"'back\\'",
	"'one'\n  'two;'",
	"\"o'neil\"",
	"\"a\"\"b;\"",
	"$$ it's; $a$ \"$$",
	"$a$ $$ ; $b$ $a $a$",
	"$1",
	"a$b$c",
	"TYPE",
	"12.5e3",
	"/* a /* 'b */ \"; */",
	"\xc3\xa4x",
	";",
	"$",
};

static void
test_tokens(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
	{
		char *text = xasprintf("%s '; end", tokens[i]);
		const char *end = sql_token_end(text);

		/* A parameter is a dollar and a number. */
		if (strcmp(tokens[i], "$1") == 0)
			end = sql_token_end(end);
		if (end != text + strlen(tokens[i]))
			fail_msg("%s ends at \"%s\"", tokens[i], end);
		free(text);
	}
	assert_string_equal(sql_token_end("-- it's;\n;"), "\n;");
	assert_string_equal(sql_token_end("-- it's;\r;"), "\r;");
	assert_string_equal(sql_token_end("LIKE'x\\' y"), "'x\\' y");
	assert_string_equal(sql_skip_blank(" \n-- it's\n /* ; */\t;"), ";");
}

/* What is not closed goes on to the end, and no further. */
static void
test_open(void **state)
{
	static const char *const texts[] = {"'a;",  "E'\\",     "E'\\'",  "\"a;", "\"a\"\"",
										"$$ ;", "$a$ $$ ;", "/* ;",   "/*/",  "/* /* */ ;",
										"(;",   "-- ;",     "'a'\n'", ""};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(sql_statement_end(texts[i]), "");
}

static void
test_statements(void **state)
{
	static const char *const statements[] = {
		"GRANT SELECT ON LARGE OBJECT 1 TO \"o'neil;\n\";",
		"\nCOMMENT ON LARGE OBJECT 1 IS  E'\\\\''; it''s \\';';",
		"\n-- it's a comment;\n/* and; \" another */ SELECT 'a;\n', $q$;'$q$, a$1;",
		"\nCREATE RULE r AS ON INSERT TO t DO (SELECT ')'; NOTIFY x;);",
		"\nSELECT 1)) /* ; */;",
	};
	Buffer text;
	const char *at;
	size_t i;

	(void) state;
	buffer_init(&text);
	for (i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		buffer_append_string(&text, statements[i]);
	at = text.data;
	for (i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
	{
		const char *end = sql_statement_end(at);

		assert_int_equal(end - at, strlen(statements[i]));
		at = end;
	}
	assert_string_equal(at, "");
	buffer_free(&text);
}

/* Statements as backup/rows/large_objects.c and backup/source/database_settings.c write them. */
static const char member[] =
	"SELECT pg_catalog.lo_from_bytea(1, '\\x00');\n"
	"ALTER LARGE OBJECT 1 OWNER TO \"o'neil\";\n"
	"REVOKE ALL ON LARGE OBJECT 1 FROM \"o'neil\";\n"
	"SET SESSION AUTHORIZATION \"say \"\"it's\"\";\n\";\n"
	"GRANT SELECT ON LARGE OBJECT 1 TO \"GRANT '\";\n"
	"RESET SESSION AUTHORIZATION;\n"
	"COMMENT ON LARGE OBJECT 1 IS 'a;\nGRANT \"b';\n"
	"SELECT pg_catalog.lo_from_bytea(2, '\\x01');\n"
	"DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''GRANT TEMP ON DATABASE'', "
	"pg_catalog.current_database(), ''TO \"o''''neil;\n\"''); END';\n"
	"DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''ALTER DATABASE'', "
	"pg_catalog.current_database(), ''SET a.b TO ''''it''''''''s;\n'''''') END';\n";

static char *
filtered(bool no_owner, bool no_privileges)
{
	OwnerSettings owners;
	Settings settings = {.owners = &owners};
	Buffer sql;

	memset(&owners, 0, sizeof(owners));
	owners.no_owner = no_owner;
	owners.no_privileges = no_privileges;
	buffer_init(&sql);
	buffer_append_string(&sql, member);
	owners_and_grants_filter(&settings, &sql);
	assert_int_equal(sql.length, strlen(sql.data));
	return buffer_detach(&sql);
}

static void
test_filter(void **state)
{
	char *text;

	(void) state;
	text = filtered(false, false);
	assert_string_equal(text, member);
	free(text);

	text = filtered(true, false);
	assert_null(strstr(text, "ALTER LARGE OBJECT"));
	assert_int_equal(strlen(text),
					 strlen(member) - strlen("ALTER LARGE OBJECT 1 OWNER TO \"o'neil\";\n"));
	free(text);

	text = filtered(true, true);
	assert_string_equal(
		text, "SELECT pg_catalog.lo_from_bytea(1, '\\x00');\n"
			  "COMMENT ON LARGE OBJECT 1 IS 'a;\nGRANT \"b';\n"
			  "SELECT pg_catalog.lo_from_bytea(2, '\\x01');\n"
			  "DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''ALTER DATABASE'', "
			  "pg_catalog.current_database(), ''SET a.b TO ''''it''''''''s;\n'''''') END';\n");
	free(text);
}

static void
test_rename(void **state)
{
	TocEntry table = {
		.kind = (char *) "TABLE", .schema = (char *) "o's", .tag = (char *) "it's \"t\""};
	Renamed item = {&table, (char *) "it's \"t\"", (char *) "new", (char *) "n'"};
	RenameMap map = {&item, 1};
	Buffer out;

	(void) state;
	buffer_init(&out);
	rename_script(
		&map,
		"CREATE TABLE \"o's\".\"it's \"\"t\"\"\" (a text DEFAULT E'\\'\"o''s\".\"it''s "
		"\"\"t\"\"\"', "
		"\"o's\" text /* \"o's\".\"it's \"\"t\"\"\" */);\n"
		"COMMENT ON TABLE \"o's\".\"it's \"\"t\"\"\" IS '\"o''s\".\"it''s \"\"t\"\"\"';\n"
		"SELECT $x$\"o's\".\"it's \"\"t\"\"\"$x$, '\"o''s\".\"it''s \"\"t\"\"\"'::regclass;\n",
		&out);
	/* Of the literals only the one before ::regclass is a name; the content of it is quoted. */
	assert_non_null(
		strstr(out.data, "CREATE TABLE new.\"n'\" (a text DEFAULT E'\\'\"o''s\".\"it''s"));
	assert_non_null(strstr(out.data, "\"o's\" text /* \"o's\".\"it's \"\"t\"\"\" */);"));
	assert_non_null(
		strstr(out.data, "COMMENT ON TABLE new.\"n'\" IS '\"o''s\".\"it''s \"\"t\"\"\"';"));
	assert_non_null(strstr(out.data, "$x$\"o's\".\"it's \"\"t\"\"\"$x$, 'new.\"n''\"'::regclass;"));
	buffer_free(&out);
}

/*
 * The table t.t becomes t.n, its index t.i becomes t.j.  In queries t.t may be
 * a column as well, and in casts and calls the schema t may have others of the name.
 */
static void
test_rename_places(void **state)
{
	static const struct
	{
		const char *text;
		const char *renamed;
	} cases[] = {
		{"CREATE VIEW t.v AS\n SELECT t.t, t.x FROM t.t WHERE (t.t > t.x);",
		 "CREATE VIEW t.v AS\n SELECT t.t, t.x FROM t.n AS t WHERE (t.t > t.x);"},
		{"SELECT t_1.t, (t.t IS DISTINCT FROM t.t) FROM t.t t_1, t.u t GROUP BY t.t, t.t",
		 "SELECT t_1.t, (t.t IS DISTINCT FROM t.t) FROM t.n t_1, t.u t GROUP BY t.t, t.t"},
		{"SELECT EXTRACT(year FROM t.t), t.t(1) FROM ((a.b JOIN t.t \"T\" ON ((t.t = b.t))) "
		 "LEFT JOIN ONLY t.t ON ((t.t = 1))), LATERAL t.t(t.t, t.t) t(t), t.t",
		 "SELECT EXTRACT(year FROM t.t), t.t(1) FROM ((a.b JOIN t.n \"T\" ON ((t.t = b.t))) "
		 "LEFT JOIN ONLY t.n AS t ON ((t.t = 1))), LATERAL t.t(t.t, t.t) t(t), t.n AS t"},
		{"SELECT FROM ROWS FROM(t.t(t.t), a.b(1)) x(y), t.t AS z "
		 "UNION SELECT sum(t.t) OVER (PARTITION BY t.t ORDER BY t.t) FROM (SELECT t.t FROM t.t) t",
		 "SELECT FROM ROWS FROM(t.t(t.t), a.b(1)) x(y), t.n AS z "
		 "UNION SELECT sum(t.t) OVER (PARTITION BY t.t ORDER BY t.t) FROM (SELECT t.t FROM t.n AS "
		 "t) t"},
		{"CREATE RULE r AS\n    ON UPDATE TO t.t DO ( UPDATE t.t SET t = t.t, u = t.t\n  WHERE "
		 "(t.t = old.t);\n DELETE FROM t.t WHERE t.t;\n INSERT INTO t.t (t) VALUES (1), (2);\n);",
		 "CREATE RULE r AS\n    ON UPDATE TO t.n DO ( UPDATE t.n AS t SET t = t.t, u = t.t\n  "
		 "WHERE "
		 "(t.t = old.t);\n DELETE FROM t.n AS t WHERE t.t;\n INSERT INTO t.n AS t (t) VALUES (1), "
		 "(2);\n);"},
		{"CREATE TABLE t.t (a t.t, t t.t(3) DEFAULT t.t(1) COLLATE t.t, CHECK ((t.* IS NOT NULL)), "
		 "CHECK (((t.t OPERATOR(t.*) 1) = t.t(t.*))), CHECK ((NULL::t.t IS NULL))) INHERITS (t.u, "
		 "t.t);",
		 "CREATE TABLE t.n (a t.t, t t.t(3) DEFAULT t.t(1) COLLATE t.t, CHECK ((n.* IS NOT NULL)), "
		 "CHECK (((n.t OPERATOR(t.*) 1) = t.t(n.*))), CHECK ((NULL::t.n IS NULL))) INHERITS (t.u, "
		 "t.n);"},
		{"CREATE POLICY p ON t.t FOR SELECT TO r USING ((t.t IN ( SELECT t_1.t FROM t.t t_1 WHERE "
		 "t_1.x = t.x)));",
		 "CREATE POLICY p ON t.n FOR SELECT TO r USING ((n.t IN ( SELECT t_1.t FROM t.n t_1 WHERE "
		 "t_1.x = n.x)));"},
		/* Options of its TOAST table, if it is called as that is. */
		{"CREATE TABLE t.t (\n    t t.t\n)\nWITH (fillfactor='1', t.autovacuum_enabled='f', "
		 "t.x='t.t');",
		 "CREATE TABLE t.n (\n    t t.t\n)\nWITH (fillfactor='1', t.autovacuum_enabled='f', "
		 "t.x='t.t');"},
		/* What calls something else n gets no n. */
		{"CREATE POLICY p ON t.t USING ((t.t IN ( SELECT n.t FROM u.n)));",
		 "CREATE POLICY p ON t.n USING ((t.t IN ( SELECT n.t FROM u.n)));"},
		{"CREATE UNIQUE INDEX i ON ONLY t.t USING btree (((t.*)::t.t) t.t);\n"
		 "ALTER TABLE t.t CLUSTER ON i;\nALTER INDEX t.i ATTACH PARTITION t.i;\nSELECT t.t;",
		 "CREATE UNIQUE INDEX j ON ONLY t.n USING btree (((n.*)::t.n) t.t);\n"
		 "ALTER TABLE t.n CLUSTER ON j;\nALTER INDEX t.j ATTACH PARTITION t.j;\nSELECT t.t;"},
		{"CREATE CONSTRAINT TRIGGER x AFTER INSERT OR UPDATE ON t.t FROM t.t FOR EACH ROW WHEN "
		 "((new.t IS DISTINCT FROM old.t)) EXECUTE FUNCTION t.t('t.t');",
		 "CREATE CONSTRAINT TRIGGER x AFTER INSERT OR UPDATE ON t.n FROM t.n FOR EACH ROW WHEN "
		 "((new.t IS DISTINCT FROM old.t)) EXECUTE FUNCTION t.t('t.t');"},
		{"GRANT SELECT,UPDATE ON TABLE t.t TO t;\nGRANT SELECT(t) ON TABLE t.t TO t;\n"
		 "ALTER SEQUENCE t.s OWNED BY t.t.t;\nCOMMENT ON COLUMN t.t.t IS 't.t';\n"
		 "ALTER TABLE ONLY t.u ADD CONSTRAINT c FOREIGN KEY (t) REFERENCES t.t(t);",
		 "GRANT SELECT,UPDATE ON TABLE t.n TO t;\nGRANT SELECT(t) ON TABLE t.n TO t;\n"
		 "ALTER SEQUENCE t.s OWNED BY t.n.t;\nCOMMENT ON COLUMN t.n.t IS 't.t';\n"
		 "ALTER TABLE ONLY t.u ADD CONSTRAINT c FOREIGN KEY (t) REFERENCES t.n(t);"},
	};
	char kinds[2][6] = {"TABLE", "INDEX"};
	char t[] = "t";
	char i[] = "i";
	TocEntry entries[] = {{.kind = kinds[0], .schema = t, .tag = t},
						  {.kind = kinds[1], .schema = t, .tag = i}};
	Renamed items[] = {{&entries[0], t, t, (char *) "n"}, {&entries[1], i, t, (char *) "j"}};
	RenameMap map = {items, 2};
	size_t k;

	(void) state;
	for (k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
	{
		char *text = rename_text(&map, cases[k].text);

		assert_string_equal(text, cases[k].renamed);
		free(text);
	}
}

/* A manifest may hold anything. */
static void
test_columns_of_copy(void **state)
{
	static const struct
	{
		char copy[64];
		const char *columns;
	} cases[] = {
		{"COPY s.t (a, \"b, c\") FROM stdin;", "(a, \"b, c\")"},
		{"COPY \"s.x\".\"t (\" (a) FROM stdin;", "(a)"},
		{"COPY s.t  FROM stdin;", ""},
		{"COPY s.t FROM stdin;", ""},
		{"COPY t (a) FROM stdin;", ""},
		{"COPY s.t", ""},
		{"COPY \"s", ""},
		{"COPY", ""},
		{"", ""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *copy = xstrdup(cases[i].copy);
		ManifestTable table = {.copy = copy};
		size_t length;
		const char *columns = row_copy_columns(&table, &length);

		assert_int_equal(length, strlen(cases[i].columns));
		assert_memory_equal(columns, cases[i].columns, length);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),          cmocka_unit_test(test_open),
		cmocka_unit_test(test_statements),      cmocka_unit_test(test_filter),
		cmocka_unit_test(test_rename),          cmocka_unit_test(test_rename_places),
		cmocka_unit_test(test_columns_of_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
