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

/* Statements as backup/large_objects.c and backup/database_settings.c write them. */
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
	Settings settings;
	Buffer sql;

	memset(&settings, 0, sizeof(settings));
	settings.no_owner = no_owner;
	settings.no_privileges = no_privileges;
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
		cmocka_unit_test(test_tokens),     cmocka_unit_test(test_open),
		cmocka_unit_test(test_statements), cmocka_unit_test(test_filter),
		cmocka_unit_test(test_rename),     cmocka_unit_test(test_columns_of_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
