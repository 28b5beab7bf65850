/* Statements of known form, and what somebody may have put among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "known_sql.h"
#include "memory.h"
#include "quote.h"
#include "sql_text.h"

/* One statement of a member and what is made of it; NULL: it must not be known. */
typedef struct Case
{
	const char *text;
	const char *again;
} Case;

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

/* The same with E'text' as 'text': either may be written. */
static char *
without_escapes(const char *sql)
{
	Buffer out;

	buffer_init(&out);
	while (*sql != '\0')
	{
		const char *end = sql_token_end(sql);
		bool escapes = sql[0] == 'E' && sql[1] == '\'';

		for (sql += escapes; sql < end; sql++)
		{
			if (escapes && *sql == '\\')
				buffer_append_char(&out, *++sql == 'n' ? '\n' : *sql == 'r' ? '\r' : *sql);
			else
				buffer_append_char(&out, *sql);
		}
	}
	return buffer_detach(&out);
}

static void
check(MemberKind member, const Case *one)
{
	char *text = xasprintf("%s\n", one->text);
	KnownStatement statement;
	UnknownSql unknown;
	KnownSql sql;
	char *again;

	known_sql_examine(member, text, strlen(text), true, &unknown);
	if ((unknown.count == 0) != (one->again != NULL))
		print_message("%s: %s, from: %s\n", one->again != NULL ? "refused" : "accepted", text,
					  unknown.near != NULL ? unknown.near : "");
	assert_int_equal(unknown.count == 0, one->again != NULL);
	unknown_sql_free(&unknown);
	if (one->again != NULL)
	{
		known_sql_begin(&sql, member, text, "new db");
		assert_true(known_sql_next(&sql, &statement));
		again = without_escapes(statement.sql);
		assert_string_equal(again, one->again);
		free(again);
		known_statement_free(&statement);
		assert_false(known_sql_next(&sql, &statement));
	}
	free(text);
}

/* DO as 0.1.0 and 0.2.0 wrote it. */
static char *
old_block(const char *prefix, const char *suffix)
{
	Buffer body;
	Buffer sql;

	buffer_init(&body);
	buffer_init(&sql);
	buffer_append_string(&body, "BEGIN EXECUTE pg_catalog.format('%s %I %s', ");
	quote_literal(&body, prefix);
	buffer_append_string(&body, ", pg_catalog.current_database(), ");
	quote_literal(&body, suffix);
	buffer_append_string(&body, "); END");
	buffer_append_string(&sql, "DO ");
	quote_literal(&sql, body.data);
	buffer_append_string(&sql, ";");
	buffer_free(&body);
	return buffer_detach(&sql);
}

/* DO with any body. */
static char *
block(const char *body)
{
	Buffer sql;

	buffer_init(&sql);
	buffer_append_string(&sql, "DO ");
	quote_literal(&sql, body);
	buffer_append_string(&sql, ";");
	return buffer_detach(&sql);
}

static void
database_of_old_versions(void **state)
{
	static const struct
	{
		const char *prefix;
		const char *suffix;
		const char *again;
	} cases[] = {
		{"ALTER DATABASE", "CONNECTION LIMIT 7", "ALTER DATABASE \"new db\" CONNECTION LIMIT 7;"},
		{"ALTER DATABASE", "SET work_mem TO '1MB'",
		 "ALTER DATABASE \"new db\" SET work_mem TO '1MB';"},
		{"ALTER DATABASE", "SET \"DateStyle\" TO 'ISO, DMY'",
		 "ALTER DATABASE \"new db\" SET \"DateStyle\" TO 'ISO, DMY';"},
		{"ALTER DATABASE", "SET \"my.x\" TO E'a\\\\b'';--'",
		 "ALTER DATABASE \"new db\" SET \"my.x\" TO 'a\\b'';--';"},
		{"ALTER DATABASE", "SET search_path TO \"$user\", public",
		 "ALTER DATABASE \"new db\" SET search_path TO '$user', 'public';"},
		{"ALTER DATABASE", "SET search_path TO \"a;b\", Public, \"\", 'x''y', s1$, 2024",
		 "ALTER DATABASE \"new db\" SET search_path TO 'a;b', 'public', '', 'x''y', 's1$', "
		 "'2024';"},
		{"ALTER DATABASE", "SET search_path TO ''",
		 "ALTER DATABASE \"new db\" SET search_path TO '';"},
		{"ALTER DATABASE", "SET search_path TO sch\xc3\xa4ma",
		 "ALTER DATABASE \"new db\" SET search_path TO 'sch\xc3\xa4ma';"},
		{"ALTER DATABASE", "SET x TO 'two\nlines\r;'",
		 "ALTER DATABASE \"new db\" SET x TO 'two\nlines\r;';"},
		{"ALTER DATABASE", "IS_TEMPLATE true", "ALTER DATABASE \"new db\" IS_TEMPLATE true;"},
		{"ALTER ROLE \"e;v'e\" IN DATABASE", "SET search_path TO a, b",
		 "ALTER ROLE \"e;v'e\" IN DATABASE \"new db\" SET search_path TO 'a', 'b';"},
		{"REVOKE ALL ON DATABASE", "FROM PUBLIC", "REVOKE ALL ON DATABASE \"new db\" FROM PUBLIC;"},
		{"REVOKE ALL ON DATABASE", "FROM \"PUBLIC\"",
		 "REVOKE ALL ON DATABASE \"new db\" FROM \"PUBLIC\";"},
		{"GRANT TEMPORARY ON DATABASE", "TO joe WITH GRANT OPTION",
		 "GRANT TEMPORARY ON DATABASE \"new db\" TO joe WITH GRANT OPTION;"},
		{"GRANT CONNECT ON DATABASE", "TO PUBLIC",
		 "GRANT CONNECT ON DATABASE \"new db\" TO PUBLIC;"},
		{"COMMENT ON DATABASE", "IS 'it''s; DROP -- \\! touch'",
		 "COMMENT ON DATABASE \"new db\" IS 'it''s; DROP -- \\! touch';"},
		{"SECURITY LABEL FOR \"p q\" ON DATABASE", "IS 'secret'",
		 "SECURITY LABEL FOR \"p q\" ON DATABASE \"new db\" IS 'secret';"},

		/* what nobody but an attacker could have put there */
		{"ALTER ROLE eve IN DATABASE",
		 "SET search_path TO public;ALTER/**/ROLE/**/eve/**/SUPERUSER;--", NULL},
		{"ALTER DATABASE", "SET search_path TO public; DROP TABLE x", NULL},
		{"ALTER DATABASE", "SET search_path TO public;", NULL},
		{"ALTER DATABASE", "SET search_path TO public --", NULL},
		{"ALTER DATABASE", "SET search_path TO public/**/", NULL},
		{"ALTER DATABASE", "SET search_path TO public,", NULL},
		{"ALTER DATABASE", "SET search_path TO", NULL},
		{"ALTER DATABASE", "SET search_path TO;", NULL},
		{"ALTER DATABASE", "SET search_path TO a b", NULL},
		{"ALTER DATABASE", "SET search_path TO 'a'\n'b'", NULL},
		{"ALTER DATABASE", "SET search_path TO \"a", NULL},
		{"ALTER DATABASE", "SET search_path TO $$a$$", NULL},
		{"ALTER DATABASE", "SET search_path TO U&'a'", NULL},
		{"ALTER DATABASE", "SET search_path TO U&\"a\"", NULL},
		{"ALTER DATABASE", "SET search_path TO E'\\'; ALTER ROLE eve SUPERUSER; --'", NULL},
		{"ALTER DATABASE", "SET search_path TO E'\\x41'", NULL},
		{"ALTER DATABASE", "SET search_path TO a\n\\! touch /tmp/x", NULL},
		{"ALTER DATABASE", "SET search_path TO (SELECT 1)", NULL},
		{"ALTER DATABASE", "SET search_path TO pg_catalog.version()", NULL},
		{"ALTER DATABASE", "SET search_path FROM CURRENT", NULL},
		{"ALTER DATABASE", "SET ROLE joe", NULL},
		{"ALTER DATABASE", "OWNER TO eve", NULL},
		{"ALTER DATABASE", "CONNECTION LIMIT 99999999999999999999", NULL},
		{"ALTER DATABASE", "CONNECTION LIMIT 1 IS_TEMPLATE true", NULL},
		{"ALTER DATABASE x SET y TO 'z'; ALTER DATABASE", "IS_TEMPLATE true", NULL},
		{"ALTER ROLE eve SUPERUSER; ALTER DATABASE", "IS_TEMPLATE true", NULL},
		{"ALTER ROLE eve SUPERUSER; --", "x", NULL},
		{"COMMENT ON DATABASE", "IS 'a'; ALTER ROLE eve SUPERUSER", NULL},
		{"COMMENT ON DATABASE", "IS 'a", NULL},
		{"COMMENT ON DATABASE a IS '", "'", NULL},
		{"COMMENT ON ROLE", "IS 'a'", NULL},
		{"GRANT ALL ON DATABASE", "TO eve", NULL},
		{"GRANT postgres TO eve; GRANT CONNECT ON DATABASE", "TO eve", NULL},
		{"GRANT CONNECT ON DATABASE", "TO eve, PUBLIC", NULL},
		{"GRANT CONNECT ON DATABASE", "TO Eve", NULL},
		{"GRANT CONNECT ON DATABASE", "TO current_user", NULL},
		{"DROP DATABASE", "", NULL},
		{"", "", NULL}};
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(cases); i++)
	{
		char *text = old_block(cases[i].prefix, cases[i].suffix);
		Case one = {text, cases[i].again};

		check(MEMBER_DATABASE, &one);
		free(text);
	}
}

static void
database_of_new_versions(void **state)
{
	static const Case cases[] = {
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I CONNECTION LIMIT 7', "
		 "pg_catalog.current_database()); END",
		 "ALTER DATABASE \"new db\" CONNECTION LIMIT 7;"},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET %I TO %L, %L', "
		 "pg_catalog.current_database(), 'search_path', 'public;ALTER/**/ROLE', E'b\\\\\\n'); END",
		 "ALTER DATABASE \"new db\" SET search_path TO 'public;ALTER/**/ROLE', 'b\\\n';"},
		{"BEGIN EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET %I TO %L', 'x y', "
		 "pg_catalog.current_database(), 'my.x', ''''); END",
		 "ALTER ROLE \"x y\" IN DATABASE \"new db\" SET \"my.x\" TO '''';"},
		{"BEGIN EXECUTE pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC', "
		 "pg_catalog.current_database()); END",
		 "REVOKE ALL ON DATABASE \"new db\" FROM PUBLIC;"},
		{"BEGIN EXECUTE pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I WITH GRANT OPTION', "
		 "pg_catalog.current_database(), 'PUBLIC'); END",
		 "GRANT CREATE ON DATABASE \"new db\" TO \"PUBLIC\" WITH GRANT OPTION;"},
		{"BEGIN EXECUTE pg_catalog.format('SECURITY LABEL FOR %I ON DATABASE %I IS %L', 'p', "
		 "pg_catalog.current_database(), 'l'); END",
		 "SECURITY LABEL FOR p ON DATABASE \"new db\" IS 'l';"},
		{"BEGIN PERFORM pg_catalog.set_config('search_path', '', true); EXECUTE "
		 "pg_catalog.format('ALTER DATABASE %I SET %I FROM CURRENT', "
		 "pg_catalog.current_database(), 'search_path'); END",
		 "DO 'BEGIN PERFORM pg_catalog.set_config(''search_path'', '''', true); ALTER DATABASE "
		 "\"new "
		 "db\" SET search_path FROM CURRENT; END';"},

		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET %I FROM CURRENT', "
		 "pg_catalog.current_database(), 'search_path'); END",
		 NULL},
		{"BEGIN PERFORM pg_catalog.set_config('role', '', true); EXECUTE "
		 "pg_catalog.format('ALTER DATABASE %I SET %I FROM CURRENT', "
		 "pg_catalog.current_database(), 'search_path'); END",
		 NULL},
		{"BEGIN PERFORM pg_catalog.set_config('search_path', 'x', true); EXECUTE "
		 "pg_catalog.format('ALTER DATABASE %I SET %I FROM CURRENT', "
		 "pg_catalog.current_database(), 'search_path'); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET %I TO %s', "
		 "pg_catalog.current_database(), 'search_path', 'a'); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET %I TO %L', "
		 "pg_catalog.current_database(), 'search_path'); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET %I TO %L', "
		 "pg_catalog.current_database(), 'search_path', 'a', 'b'); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %1$I IS_TEMPLATE true', "
		 "pg_catalog.current_database()); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE true%', "
		 "pg_catalog.current_database()); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER ROLE %I SUPERUSER', 'eve'); END", NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE true', 'other'); END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE true', "
		 "pg_catalog.current_database()); ALTER ROLE eve SUPERUSER; END",
		 NULL},
		{"BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE true', "
		 "pg_catalog.current_database()); END; x",
		 NULL},
		{"BEGIN ALTER ROLE eve SUPERUSER; END", NULL},
		{"BEGIN EXECUTE 'ALTER ROLE eve SUPERUSER'; END", NULL},
		{"DECLARE a int; BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE true', "
		 "pg_catalog.current_database()); END",
		 NULL},
		{"", NULL}};
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(cases); i++)
	{
		char *text = block(cases[i].text);
		Case one = {text, cases[i].again};

		check(MEMBER_DATABASE, &one);
		free(text);
	}
}

/* Whatever surrounds a good statement. */
static void
database_as_text(void **state)
{
	char *good = old_block("ALTER DATABASE", "IS_TEMPLATE true");
	static const char *const hostile[] = {"ALTER ROLE eve SUPERUSER;",
										  "\\! touch /tmp/x",
										  "\\restrict abc",
										  "/* */",
										  "-- a\rALTER ROLE eve SUPERUSER;",
										  ";",
										  "$$",
										  "'",
										  "DO $$BEGIN ALTER ROLE eve SUPERUSER; END$$;",
										  "DO LANGUAGE plpgsql 'BEGIN END';",
										  "do 'BEGIN END';",
										  "DO 'BEGIN END'",
										  "DO E'BEGIN END';"};
	size_t length = strlen(good);
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(hostile); i++)
	{
		char *before = xasprintf("%s\n%s", hostile[i], good);
		char *behind = xasprintf("%s\n%s", good, hostile[i]);
		char *same_line = xasprintf("%s %s", good, hostile[i]);
		Case cases[] = {{before, NULL}, {behind, NULL}, {same_line, NULL}};

		check(MEMBER_DATABASE, &cases[0]);
		check(MEMBER_DATABASE, &cases[1]);
		check(MEMBER_DATABASE, &cases[2]);
		free(before);
		free(behind);
		free(same_line);
	}

	/* Cut anywhere. */
	for (i = 1; i < length; i++)
	{
		char *cut = xasprintf("%.*s", (int) i, good);
		Case one = {cut, NULL};

		check(MEMBER_DATABASE, &one);
		free(cut);
	}
	free(good);
}

static void
sequences(void **state)
{
	static const Case cases[] = {
		{"SELECT pg_catalog.setval('public.s', 1, true);",
		 "SELECT pg_catalog.setval('public.s', 1, true);"},
		{"SELECT pg_catalog.setval('\"a;b\".\"it''s \"\"x\"\"\"', -9223372036854775808, false);",
		 "SELECT pg_catalog.setval('\"a;b\".\"it''s \"\"x\"\"\"', -9223372036854775808, false);"},
		{"SELECT pg_catalog.setval('public.\"two\nlines\"', 1, true);",
		 "SELECT pg_catalog.setval('public.\"two\nlines\"', 1, true);"},
		{"SELECT pg_catalog.setval(E'public.\"a\\\\b\\nc\"', 1, true);",
		 "SELECT pg_catalog.setval('public.\"a\\b\nc\"', 1, true);"},
		{"SELECT pg_catalog.setval('public.\"back\\slash\"', 1, true);",
		 "SELECT pg_catalog.setval('public.\"back\\slash\"', 1, true);"},

		{"SELECT pg_catalog.setval('public.s', 1, true);\nALTER ROLE joe SUPERUSER;\nSELECT (1, "
		 "true);",
		 NULL},
		{"SELECT pg_catalog.setval('public.s', 1, true); ALTER ROLE joe SUPERUSER;", NULL},
		{"SELECT pg_catalog.setval('public.s', 1, true); SELECT pg_catalog.setval('public.t', 1, "
		 "true);",
		 NULL},
		{"-- a look ends here\rSELECT pg_catalog.setval('public.s', 1, true);", NULL},
		{"SELECT pg_catalog.setval('public.s', 1, true), evil();", NULL},
		{"SELECT pg_catalog.setval('public.s', (SELECT 1), true);", NULL},
		{"SELECT pg_catalog.setval('public.s', 1e3, true);", NULL},
		{"SELECT pg_catalog.setval('public.s', 9223372036854775808, true);", NULL},
		{"SELECT pg_catalog.setval('public.s', --1, true);", NULL},
		{"SELECT pg_catalog.setval('public.s', 1, 1);", NULL},
		{"SELECT pg_catalog.setval('s', 1, true);", NULL},
		{"SELECT pg_catalog.setval('a.b.c', 1, true);", NULL},
		{"SELECT pg_catalog.setval('public.s'::text, 1, true);", NULL},
		{"SELECT pg_catalog.setval(U&'public.s', 1, true);", NULL},
		{"SELECT pg_catalog.setval($$public.s$$, 1, true);", NULL},
		{"SELECT setval('public.s', 1, true);", NULL},
		{"SELECT evil.setval('public.s', 1, true);", NULL},
		{"SELECT/**/pg_catalog.setval('public.s', 1, true);", NULL},
		{"SELECT pg_catalog.setval('public.s', 1, true) FROM evil();", NULL},
		{"SELECT pg_catalog.setval('public.s', 1, true)\n\\! touch /tmp/x", NULL},
		{"\\copy x from program 'touch'", NULL}};
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(cases); i++)
		check(MEMBER_SEQUENCES, &cases[i]);
}

static void
globals(void **state)
{
	/* NULL in place of what comes of it: the same as it is. */
	static const char *const same[] = {
		"SET default_transaction_read_only = off;",
		"SET client_encoding = 'UTF8';",
		"SET standard_conforming_strings = on;",
		"SET escape_string_warning = off;",
		"CREATE ROLE joe;",
		"CREATE ROLE \"a;b \"\"c\"\" \\! x\";",
		"CREATE ROLE \"two\nlines\";",
		"ALTER ROLE joe WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION "
		"NOBYPASSRLS;",
		"ALTER ROLE \"ALL\" WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS "
		"CONNECTION LIMIT 3 PASSWORD 'SCRAM-SHA-256$4096:a+b/c==$d:e' VALID UNTIL '2030-01-01 "
		"00:00:00+00';",
		"ALTER ROLE joe WITH NOLOGIN VALID UNTIL 'infinity';",
		"ALTER ROLE joe SET search_path TO 'a', 'b;c', '';",
		"ALTER ROLE joe SET work_mem TO '1MB';",
		"ALTER ROLE joe IN DATABASE shop SET work_mem TO '1MB';",
		"ALTER ROLE ALL SET work_mem TO '1MB';",
		"COMMENT ON ROLE joe IS 'it''s; -- \"fine\"\n\\! touch';",
		"SECURITY LABEL FOR dummy ON ROLE joe IS 'x';",
		"GRANT team TO joe;",
		"GRANT team TO joe GRANTED BY postgres;",
		"GRANT team TO joe WITH ADMIN OPTION GRANTED BY postgres;",
		"GRANT team TO joe WITH ADMIN OPTION, INHERIT FALSE, SET FALSE GRANTED BY postgres;",
		"GRANT team TO joe WITH INHERIT TRUE GRANTED BY postgres;",
		"GRANT team TO joe WITH INHERIT FALSE, SET FALSE;",
		"GRANT pg_monitor TO joe;",
		"CREATE TABLESPACE \"slow disk\" OWNER team LOCATION '/srv/it''s';",
		"CREATE TABLESPACE inside OWNER team LOCATION '';",
		"GRANT ALL ON TABLESPACE t TO joe;",
		"GRANT CREATE ON TABLESPACE t TO PUBLIC;",
		"GRANT CREATE ON TABLESPACE t TO joe WITH GRANT OPTION;",
		"REVOKE ALL ON TABLESPACE t FROM joe;",
		"COMMENT ON TABLESPACE t IS 'x';",
		"SECURITY LABEL FOR dummy ON TABLESPACE t IS 'x';",
		"GRANT SET ON PARAMETER work_mem TO joe;",
		"GRANT SET, ALTER SYSTEM ON PARAMETER work_mem TO joe WITH GRANT OPTION;",
		"GRANT ALL ON PARAMETER \"my.x\" TO joe;",
		"GRANT ALL ON PARAMETER my.x TO joe;",
		"SET SESSION AUTHORIZATION joe;",
		"RESET SESSION AUTHORIZATION;",
		"DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''postgres'') "
		"THEN "
		"CREATE ROLE postgres; END IF; END';",
		"DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''it''''s'') "
		"THEN "
		"CREATE ROLE \"it''s\"; END IF; END';",
		"DO 'BEGIN PERFORM pg_catalog.set_config(''search_path'', '''', true); ALTER ROLE ALL SET "
		"search_path FROM CURRENT; END';"};
	static const Case cases[] = {
		{"SET standard_conforming_strings = off;", "SET standard_conforming_strings = on;"},
		{"ALTER ROLE r3 SET search_path TO ;",
		 "DO 'BEGIN PERFORM pg_catalog.set_config(''search_path'', '''', true); ALTER ROLE r3 SET "
		 "search_path FROM CURRENT; END';"},
		{"ALTER ROLE ALL SET temp_tablespaces TO ;",
		 "DO 'BEGIN PERFORM pg_catalog.set_config(''temp_tablespaces'', '''', true); ALTER ROLE "
		 "ALL SET temp_tablespaces FROM CURRENT; END';"},
		{"GRANT CREATE ON SCHEMA public TO joe;", NULL},
		{"GRANT CREATE ON DATABASE postgres TO joe;", NULL},
		{"GRANT ALL ON t TO joe;", NULL},
		{"ALTER ROLE r3 SET search_path TO ; ALTER ROLE r3 SUPERUSER;", NULL},
		{"ALTER ROLE r3 SET search_path TO ", NULL},
		{"ALTER ROLE r3 SET my.list TO ;", NULL},
		{"ALTER ROLE ALL SET search_path TO \"$user\", Public;",
		 "ALTER ROLE ALL SET search_path TO '$user', 'public';"},
		{"COMMENT ON ROLE joe IS E'a\\\\b';", "COMMENT ON ROLE joe IS 'a\\b';"},
		{"ALTER TABLESPACE t SET (seq_page_cost=1.5, random_page_cost=-1e-3);",
		 "ALTER TABLESPACE t SET (seq_page_cost = 1.5, random_page_cost = -1e-3);"},

		{"ALTER ROLE ALL SET search_path TO public;ALTER/**/ROLE/**/eve/**/SUPERUSER;--;", NULL},
		{"ALTER ROLE ALL WITH NOLOGIN;", NULL},
		{"ALTER ROLE all WITH SUPERUSER;", NULL},
		{"ALTER ROLE current_user WITH SUPERUSER;", NULL},
		{"CREATE ROLE;", NULL},
		{"CREATE ROLE \"\";", NULL},
		{"CREATE ROLE Joe;", NULL},
		{"CREATE ROLE joe SUPERUSER;", NULL},
		{"CREATE ROLE joe; ALTER ROLE eve SUPERUSER;", NULL},
		{"CREATE USER joe;", NULL},
		{"CREATE ROLE U&\"a\";", NULL},
		{"-- User Config \"x\rALTER ROLE eve SUPERUSER;", NULL},
		{"COMMENT ON ROLE joe IS 'a'\n'b';", NULL},
		{"COMMENT ON ROLE joe IS NULL;", NULL},
		{"COMMENT ON ROLE joe IS U&'a';", NULL},
		{"COMMENT ON ROLE joe IS E'\\'; ALTER ROLE eve SUPERUSER; --';", NULL},
		{"COMMENT ON ROLE joe IS $$a$$;", NULL},
		{"COMMENT ON FUNCTION f() IS 'a';", NULL},
		{"GRANT ALL ON ALL TABLES IN SCHEMA public TO eve;", NULL},
		{"GRANT team TO joe, eve;", NULL},
		{"GRANT ALL ON PARAMETER work_mem TO joe; \\! touch", NULL},
		{"GRANT SET team TO joe;", NULL},
		{"GRANT SET, team ON PARAMETER a TO joe;", NULL},
		{"ALTER TABLESPACE t SET (seq_page_cost=1); ALTER ROLE eve SUPERUSER;", NULL},
		{"ALTER TABLESPACE t SET (seq_page_cost=1--2);", NULL},
		{"ALTER TABLESPACE t SET (seq_page_cost=evil());", NULL},
		{"ALTER TABLESPACE t OWNER TO eve;", NULL},
		{"SET client_encoding = 'SJIS';", NULL},
		{"SET client_encoding = 'gbk';", NULL},
		{"SET client_encoding = 'mskanji';", NULL},
		{"SET client_encoding = 'S-J-I-S';", NULL},
		{"SET client_encoding = 'WIN932';", NULL},
		{"SET client_encoding = 'EUC_JIS_2004';", "SET client_encoding = 'EUC_JIS_2004';"},
		{"SET client_encoding = 'SQL_ASCII';", "SET client_encoding = 'SQL_ASCII';"},
		{"SET ROLE eve;", NULL},
		{"SET search_path = evil;", NULL},
		{"SET standard_conforming_strings = off;\nCOMMENT ON ROLE joe IS 'a\\'';", NULL},
		{"\\connect evil", NULL},
		{"\\restrict abc\\! touch", NULL},
		{"\\restrict a b", NULL},
		{"COPY x FROM PROGRAM 'touch';", NULL},
		{"DROP ROLE joe;", NULL},
		{"CREATE ROLE joe\n;", NULL},
		{"DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''x'') THEN "
		 "CREATE ROLE y; END IF; END';",
		 NULL},
		{"DO 'BEGIN CREATE ROLE x SUPERUSER; END';", NULL},
		{"DO $$BEGIN END$$;", NULL}};
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(same); i++)
	{
		Case one = {same[i], same[i]};

		check(MEMBER_GLOBALS, &one);
	}
	for (i = 0; i < COUNT(cases); i++)
		check(MEMBER_GLOBALS, &cases[i]);
}

/* Each is known by itself, but not after the others. */
static void
order(void **state)
{
	static const char head[] =
		"SET client_encoding = 'UTF8';\n"
		"DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname "
		"= ''postgres'') THEN CREATE ROLE postgres; END IF; END';\n"
		"ALTER ROLE postgres WITH SUPERUSER;\nCREATE ROLE ten;\n"
		"ALTER ROLE ten WITH NOSUPERUSER;\nCOMMENT ON ROLE ten IS 'x';\n"
		"CREATE ROLE x;\nALTER ROLE x WITH NOSUPERUSER;\n";
	static const char rest[] =
		"ALTER ROLE x SET work_mem TO '5MB';\nGRANT ten TO x;\n"
		"SET SESSION AUTHORIZATION x;\n"
		"GRANT SET ON PARAMETER work_mem TO ten;\nRESET SESSION "
		"AUTHORIZATION;\nCREATE TABLESPACE t OWNER ten LOCATION '';\n"
		"SET SESSION AUTHORIZATION x;\nGRANT ALL ON TABLESPACE t TO x;\n"
		"RESET SESSION AUTHORIZATION;\nALTER ROLE ALL SET work_mem TO '1MB';\n";
	static const char *const planted[] = {"ALTER ROLE ten WITH SUPERUSER;", "CREATE ROLE y;",
										  "ALTER ROLE y WITH SUPERUSER;",
										  "COMMENT ON ROLE x IS 'y';", "CREATE ROLE ten;"};
	char *text = xasprintf("%s%s", head, rest);
	UnknownSql unknown;
	size_t i;

	(void) state;
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 0);
	free(text);
	for (i = 0; i < COUNT(planted); i++)
	{
		text =
			xasprintf("%sALTER ROLE ten SET work_mem TO '1MB';\n-- User Config \"x\n%s\n--\"\n%s",
					  head, planted[i], rest);
		known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
		assert_int_equal(unknown.count, 1);
		assert_string_equal(unknown.text, planted[i]);
		unknown_sql_free(&unknown);
		free(text);
	}

	/* Nothing but grants runs as a grantor. */
	text = xasprintf("%sSET SESSION AUTHORIZATION x;\nGRANT SET ON PARAMETER work_mem TO ten;\n"
					 "CREATE TABLESPACE t OWNER ten LOCATION '';\n",
					 head);
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 1);
	unknown_sql_free(&unknown);
	free(text);

	/* Before the first setting, too: the comment is where they begin. */
	text = xasprintf("%s-- User Config \"x\nCREATE ROLE y;\nALTER ROLE y WITH SUPERUSER;\n--\"\n%s",
					 head, rest);
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 2);
	unknown_sql_free(&unknown);
	free(text);

	/* In its own section, but a second time; and one that ends the section too early. */
	text = xasprintf("%sALTER ROLE ten WITH SUPERUSER;\n%s", head, rest);
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 1);
	unknown_sql_free(&unknown);
	free(text);
	text = xasprintf("%sGRANT postgres TO ten;\n%s", head, rest);
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 1);
	assert_string_equal(unknown.text, "ALTER ROLE x SET work_mem TO '5MB';");
	unknown_sql_free(&unknown);
	free(text);
}

/* A sequence has one value. */
static void
second_value(void **state)
{
	char *text = xasprintf("%s\n%s\n%s\n", "SELECT pg_catalog.setval('public.s', 777, true);",
						   "SELECT pg_catalog.setval('other.s', 1, true);",
						   "SELECT pg_catalog.setval('public.s', 1, true);");
	UnknownSql unknown;
	Buffer many;
	int i;

	(void) state;
	known_sql_examine(MEMBER_SEQUENCES, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 1);
	assert_int_equal(unknown.line, 3);
	unknown_sql_free(&unknown);
	free(text);

	/* These are two. */
	text = xasprintf("%s\n%s\n", "SELECT pg_catalog.setval('a.\"b.c\"', 1, true);",
					 "SELECT pg_catalog.setval('\"a.b\".c', 1, true);");
	known_sql_examine(MEMBER_SEQUENCES, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 0);
	free(text);
	buffer_init(&many);
	for (i = 0; i < 1000; i++)
		buffer_printf(&many, "SELECT pg_catalog.setval('public.s%d', 1, true);\n", i);
	known_sql_examine(MEMBER_SEQUENCES, many.data, many.length, true, &unknown);
	assert_int_equal(unknown.count, 0);
	buffer_append_string(&many, "SELECT pg_catalog.setval('public.s500', 1, true);\n");
	known_sql_examine(MEMBER_SEQUENCES, many.data, many.length, true, &unknown);
	assert_int_equal(unknown.count, 1);
	unknown_sql_free(&unknown);
	buffer_free(&many);
}

/* What the server cuts would be another name; a setting has two in one. */
static void
long_names(void **state)
{
#define R10 "rrrrrrrrrr"
#define R63 R10 R10 R10 R10 R10 R10 "rrr"
	static const Case globals[] = {
		{"ALTER ROLE " R63 " WITH SUPERUSER;", "ALTER ROLE " R63 " WITH SUPERUSER;"},
		{"ALTER ROLE " R63 "x WITH SUPERUSER;", NULL},
		{"ALTER ROLE \"" R63 "x\" WITH SUPERUSER;", NULL},
		{"GRANT team TO " R63 "x;", NULL},
		{"ALTER ROLE joe SET \"my." R63 "\" TO 'a';", "ALTER ROLE joe SET \"my." R63 "\" TO 'a';"}};
	static const Case sequences[] = {
		{"SELECT pg_catalog.setval('" R63 "." R63 "', 1, true);",
		 "SELECT pg_catalog.setval('" R63 "." R63 "', 1, true);"},
		{"SELECT pg_catalog.setval('" R63 "x.s', 1, true);", NULL},
		{"SELECT pg_catalog.setval('public." R63 "x', 1, true);", NULL}};
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(globals); i++)
		check(MEMBER_GLOBALS, &globals[i]);
	for (i = 0; i < COUNT(sequences); i++)
		check(MEMBER_SEQUENCES, &sequences[i]);
}

static void
between_statements(void **state)
{
	static const char text[] = "--\n-- a comment; with 'a' \\! $$ \"\n--\n\n\\restrict aB3\n\n"
							   "CREATE ROLE joe;\n-- more\n\n\n\\unrestrict aB3\n\n--\n";
	UnknownSql unknown;

	(void) state;
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 0);
	known_sql_examine(MEMBER_GLOBALS, "", 0, true, &unknown);
	assert_int_equal(unknown.count, 0);
}

static void
bytes(void **state)
{
	static const char zero[] = "CREATE ROLE joe;\n\0ALTER ROLE joe SUPERUSER;\n";
	static const char latin1[] = "COMMENT ON ROLE joe IS '\xe4';\n";
	static const char controls[] =
		"COMMENT ON ROLE joe IS 'a\x1b\x7f\xc2\x85\xe2\x80\xae\xe2\x80\xa8z';\n";
	UnknownSql unknown;

	(void) state;
	known_sql_examine(MEMBER_GLOBALS, zero, sizeof(zero) - 1, true, &unknown);
	assert_int_equal(unknown.count, 1);
	unknown_sql_free(&unknown);
	known_sql_examine(MEMBER_GLOBALS, latin1, strlen(latin1), true, &unknown);
	assert_int_equal(unknown.count, 1);
	unknown_sql_free(&unknown);
	known_sql_examine(MEMBER_GLOBALS, latin1, strlen(latin1), false, &unknown);
	assert_int_equal(unknown.count, 0);
	known_sql_examine(MEMBER_GLOBALS, controls, strlen(controls), true, &unknown);
	assert_int_equal(unknown.count, 0);
}

/* What people are shown: the line, escaped, and no password. */
static void
showing(void **state)
{
	static const char text[] = "CREATE ROLE joe;\n\nDROP ROLE \"a\033[2J\nb\";\nDROP ROLE c;\n";
	static const char secret[] = "ALTER ROLE joe WITH PASSWORD 'md5abc' SUPERUSER;\n";
	static const char broken[] = "ALTER ROLE joe WITH PASSWORD $a$md5abc$a$;\n";
	UnknownSql unknown;

	(void) state;
	known_sql_examine(MEMBER_GLOBALS, text, strlen(text), true, &unknown);
	assert_int_equal(unknown.count, 2);
	assert_int_equal(unknown.line, 3);
	assert_string_equal(unknown.text, "DROP ROLE \"a\\x1b[2J\\x0ab\";");
	unknown_sql_free(&unknown);
	known_sql_examine(MEMBER_GLOBALS, secret, strlen(secret), true, &unknown);
	assert_int_equal(unknown.count, 1);
	assert_null(strstr(unknown.text, "md5abc"));
	assert_string_equal(unknown.near, "SUPERUSER; (the rest is not shown)");
	unknown_sql_free(&unknown);
	known_sql_examine(MEMBER_GLOBALS, broken, strlen(broken), true, &unknown);
	assert_int_equal(unknown.count, 1);
	assert_null(strstr(unknown.text, "md5abc"));
	assert_null(strstr(unknown.near, "md5abc"));
	unknown_sql_free(&unknown);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(database_of_old_versions),
		cmocka_unit_test(database_of_new_versions),
		cmocka_unit_test(database_as_text),
		cmocka_unit_test(sequences),
		cmocka_unit_test(globals),
		cmocka_unit_test(order),
		cmocka_unit_test(second_value),
		cmocka_unit_test(long_names),
		cmocka_unit_test(between_statements),
		cmocka_unit_test(bytes),
		cmocka_unit_test(showing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
