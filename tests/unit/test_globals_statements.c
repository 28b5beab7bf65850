/* Cutting pg_dumpall's text into statements, with names that try to confuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "buffer.h"
#include "globals_statements.h"

static const char script[] = "--\n-- cluster; dump's \"head\"\n--\n\n\\restrict abc\n"
							 "SET client_encoding = 'UTF8';\n"
							 "CREATE ROLE \"a;b \"\"c\"\"\";\n"
							 "ALTER ROLE \"a;b \"\"c\"\"\" WITH NOSUPERUSER LOGIN PASSWORD "
							 "'SCRAM;x''y' VALID UNTIL 'infinity';\n"
							 "ALTER ROLE team SET search_path TO \"A;b\", public;\n"
							 "ALTER ROLE ALL SET work_mem TO '1MB';\n"
							 "ALTER ROLE \"ALL\" SET work_mem TO '2MB';\n"
							 "-- a comment; with a semicolon\n"
							 "COMMENT ON ROLE team IS 'it''s; -- \"fine\"';\n"
							 "GRANT team TO \"TABLESPACE\" WITH ADMIN OPTION GRANTED BY postgres;\n"
							 "GRANT \"ON\" TO tablespace GRANTED BY x;\n"
							 "GRANT SET ON PARAMETER work_mem TO team;\n"
							 "CREATE TABLESPACE \"slow disk\" OWNER team LOCATION '/srv/it''s';\n"
							 "ALTER TABLESPACE \"slow disk\" SET (random_page_cost=1.1);\n"
							 "GRANT ALL ON TABLESPACE \"slow disk\" TO team;\n"
							 "DO 'BEGIN CREATE ROLE x; END';\n"
							 "DO $a$ x; $b$ y; $a$;\n"
							 "\\unrestrict abc\n";

static void
kinds(void **state)
{
	static const GlobalsKind expected[] = {
		GLOBALS_SESSION,          GLOBALS_CREATE_ROLE,       GLOBALS_ROLE_ATTRIBUTES,
		GLOBALS_ROLE_SETTING,     GLOBALS_ROLE_SETTING,      GLOBALS_ROLE_SETTING,
		GLOBALS_ROLE_OTHER,       GLOBALS_MEMBERSHIP,        GLOBALS_MEMBERSHIP,
		GLOBALS_ROLE_OTHER,       GLOBALS_CREATE_TABLESPACE, GLOBALS_TABLESPACE_OTHER,
		GLOBALS_TABLESPACE_OTHER, GLOBALS_ROLE_OTHER,        GLOBALS_ROLE_OTHER};
	GlobalsStatements statements;
	int count = (int) (sizeof(expected) / sizeof(expected[0]));
	int i;

	(void) state;
	globals_statements_parse(script, &statements);
	assert_int_equal(statements.count, count);
	for (i = 0; i < count; i++)
		assert_int_equal(statements.items[i].kind, expected[i]);
	assert_string_equal(statements.items[1].name, "a;b \"c\"");
	assert_string_equal(statements.items[3].name, "team");
	assert_null(statements.items[4].name);
	assert_string_equal(statements.items[5].name, "ALL");
	assert_string_equal(statements.items[6].text, "COMMENT ON ROLE team IS 'it''s; -- \"fine\"';");
	assert_string_equal(statements.items[10].name, "slow disk");
	assert_string_equal(statements.items[10].location, "/srv/it's");
	assert_string_equal(statements.items[14].text, "DO $a$ x; $b$ y; $a$;");
	globals_statements_free(&statements);
}

/* Statements whose name is missing are about no role: looking for it would look behind NULL. */
static void
nameless(void **state)
{
	static const char *const texts[] = {"ALTER ROLE ALL WITH NOLOGIN;",
										"CREATE ROLE;",
										"CREATE ROLE",
										"ALTER ROLE;",
										"ALTER ROLE WITH;",
										"ALTER ROLE \"\" WITH LOGIN;",
										"CREATE TABLESPACE;",
										"CREATE TABLESPACE x;",
										"CREATE TABLESPACE x OWNER y LOCATION;",
										"GRANT;",
										"GRANT a TO;",
										"COMMENT ON ROLE;",
										"SET;",
										"SET SESSION AUTHORIZATION;",
										"RESET;",
										"TABLESPACE x;"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		GlobalsStatements statements;
		GlobalsKind kind;

		globals_statements_parse(texts[i], &statements);
		assert_int_equal(statements.count, 1);
		kind = statements.items[0].kind;
		if (statements.items[0].name == NULL)
			assert_true(kind != GLOBALS_CREATE_ROLE && kind != GLOBALS_ROLE_ATTRIBUTES &&
						kind != GLOBALS_CREATE_TABLESPACE);
		if (statements.items[0].location == NULL)
			assert_true(kind != GLOBALS_CREATE_TABLESPACE);
		globals_statements_free(&statements);
	}
}

/* Grants of another role than the owner's run with what surrounds them, where they belong. */
static void
as_grantor(void **state)
{
	GlobalsStatements statements;

	(void) state;
	globals_statements_parse("SET SESSION AUTHORIZATION bob;\n"
							 "GRANT CREATE ON TABLESPACE t TO eve;\n"
							 "RESET SESSION AUTHORIZATION;\n"
							 "CREATE ROLE x;\n",
							 &statements);
	assert_int_equal(statements.count, 2);
	assert_int_equal(statements.items[0].kind, GLOBALS_TABLESPACE_OTHER);
	assert_string_equal(statements.items[0].text,
						"SET SESSION AUTHORIZATION bob; GRANT CREATE ON TABLESPACE t TO eve; "
						"RESET SESSION AUTHORIZATION;");
	assert_int_equal(statements.items[1].kind, GLOBALS_CREATE_ROLE);
	globals_statements_free(&statements);
}

/* Nothing that follows runs as the grantor, and a long list of grants takes no longer than its
 * length. */
static void
many_grants(void **state)
{
	static const char grant[] = "GRANT SET ON PARAMETER work_mem TO PUBLIC;\n";
	GlobalsStatements statements;
	struct timespec began;
	struct timespec ended;
	Buffer script;
	int i;

	(void) state;
	buffer_init(&script);
	buffer_append_string(&script, "SET SESSION AUTHORIZATION joe;\n");
	for (i = 0; i < 100000; i++)
		buffer_append_string(&script, grant);
	buffer_append_string(&script, "CREATE ROLE x;\n");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	globals_statements_parse(script.data, &statements);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	assert_true(ended.tv_sec - began.tv_sec < 10);
	assert_int_equal(statements.count, 2);
	assert_non_null(strstr(statements.items[0].text, "; RESET SESSION AUTHORIZATION;"));
	assert_int_equal(statements.items[1].kind, GLOBALS_CREATE_ROLE);
	globals_statements_free(&statements);
	buffer_free(&script);
	globals_statements_parse("SET SESSION AUTHORIZATION joe;", &statements);
	assert_int_equal(statements.count, 1);
	assert_string_equal(statements.items[0].text,
						"SET SESSION AUTHORIZATION joe; RESET SESSION AUTHORIZATION;");
	globals_statements_free(&statements);
}

static void
finding(void **state)
{
	GlobalsStatements statements;

	(void) state;
	globals_statements_parse(script, &statements);
	assert_ptr_equal(globals_statements_find(&statements, GLOBALS_ROLE_ATTRIBUTES, "a;b \"c\""),
					 &statements.items[2]);
	assert_null(globals_statements_find(&statements, GLOBALS_ROLE_ATTRIBUTES, "team"));
	globals_statements_free(&statements);
}

static void
broken_text(void **state)
{
	static const char *const texts[] = {"",         ";", "--", "CREATE ROLE \"x",
										"DO $a$ x", "'", "\\", "A"};
	GlobalsStatements statements;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		globals_statements_parse(texts[i], &statements);
		assert_true(statements.count <= 1);
		globals_statements_free(&statements);
	}
}

static void
passwords(void **state)
{
	static const char *const cases[][2] = {
		{"ALTER ROLE x WITH LOGIN PASSWORD 'a''b' VALID UNTIL 'z';",
		 "ALTER ROLE x WITH LOGIN VALID UNTIL 'z';"},
		{"ALTER ROLE x WITH LOGIN;", "ALTER ROLE x WITH LOGIN;"},
		{"ALTER ROLE \" PASSWORD 'q'\" WITH LOGIN PASSWORD 'r';",
		 "ALTER ROLE \" PASSWORD 'q'\" WITH LOGIN;"}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *text = globals_without_password(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

static void
grantors(void **state)
{
	static const char *const cases[][2] = {
		{"GRANT a TO b GRANTED BY postgres;", "GRANT a TO b;"},
		{"GRANT a TO b WITH ADMIN OPTION GRANTED BY \"x; y\";", "GRANT a TO b WITH ADMIN OPTION;"},
		{"GRANT \"GRANTED BY c\" TO \"GRANTED\" GRANTED BY d;",
		 "GRANT \"GRANTED BY c\" TO \"GRANTED\";"},
		{"GRANT a TO b;", "GRANT a TO b;"}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *text = globals_without_grantor(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),      cmocka_unit_test(finding),     cmocka_unit_test(broken_text),
		cmocka_unit_test(passwords),  cmocka_unit_test(grantors),    cmocka_unit_test(nameless),
		cmocka_unit_test(as_grantor), cmocka_unit_test(many_grants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
