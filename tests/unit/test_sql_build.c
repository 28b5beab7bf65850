/*-------------------------------------------------------------------------
 *
 * test_sql_build.c
 *	  Text of SQL out of hostile pieces, and list settings cut as the server
 *	  cuts them.
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

#include "quote.h"
#include "setting_value.h"
#include "sql_build.h"
#include "sql_text.h"

/* Name, stored, and the elements. */
typedef struct ValueCase
{
	const char *name;
	const char *stored;
	int count;
	const char *items[4];
} ValueCase;

static const ValueCase values[] = {
	{"search_path", "\"$user\", public", 2, {"$user", "public"}},
	{"search_path", "public;ALTER/**/ROLE/**/eve;--", 1, {"public;alter/**/role/**/eve;--"}},
	{"Search_Path", " a ,\t\"B \"\" ,c\"\n,d\f", 3, {"a", "B \" ,c", "d"}},
	{"search_path", "", 0, {NULL}},
	{"search_path", " \n", 0, {NULL}},
	{"search_path", "\"\"", 1, {""}},
	{"search_path", "\"\", \"\"", 2, {"", ""}},
	{"temp_tablespaces", "\xc3\x84,A\"b,c\"", 3, {"\xc3\x84", "a\"b", "c\""}},
	/* What cannot be cut is one value. */
	{"search_path", "a,", 1, {"a,"}},
	{"search_path", ",a", 1, {",a"}},
	{"search_path", "a b", 1, {"a b"}},
	{"search_path", "\"a", 1, {"\"a"}},
	{"search_path", "a, \"b\"c", 1, {"a, \"b\"c"}},
	/* Files keep their case and their blanks. */
	{"local_preload_libraries", "My Lib , \"b,c\"", 2, {"My Lib", "b,c"}},
	/* No list of names. */
	{"datestyle", "ISO, DMY", 1, {"ISO, DMY"}},
	{"my.search_path", "a, b", 1, {"a, b"}},
	{"work_mem", "", 1, {""}},
};

static void
test_values(void **state)
{
	size_t i;
	int k;

	(void) state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		SettingValue value;

		setting_value_read(&value, values[i].name, values[i].stored);
		assert_int_equal(value.count, values[i].count);
		for (k = 0; k < value.count; k++)
			assert_string_equal(value.items[k], values[i].items[k]);
		setting_value_free(&value);
	}
}

static void
test_literals(void **state)
{
	static const char *const cases[][2] = {
		{"", "''"},
		{"it's", "'it''s'"},
		{"\\", "E'\\\\'"},
		{"\\'; x", "E'\\\\''; x'"},
		{"a\n\\! b\r", "E'a\\n\\\\! b\\r'"},
		{"%s\t$$", "'%s\t$$'"},
		{"a\nb", "E'a\\nb'"},
		{"a\rb", "E'a\\rb'"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SqlText sql;
		SqlText outer;

		sql_init(&sql);
		sql_init(&outer);
		sql_literal(&sql, cases[i][0]);
		assert_string_equal(sql_string(&sql), cases[i][1]);
		assert_ptr_equal(sql_token_end(sql_string(&sql)), sql_string(&sql) + sql_length(&sql));
		/* Once more around it is still one token, of one line. */
		sql_text_literal(&outer, &sql);
		assert_ptr_equal(sql_token_end(sql_string(&outer)),
						 sql_string(&outer) + sql_length(&outer));
		assert_null(strchr(sql_string(&outer), '\n'));
		sql_free(&sql);
		sql_free(&outer);
	}
}

/* Items of an array as the server reads them. */
static void
test_arrays(void **state)
{
	Buffer array;

	(void) state;
	buffer_init(&array);
	buffer_append_char(&array, '{');
	quote_array_item(&array, "");
	quote_array_item(&array, "a\\\"b");
	quote_array_item(&array, "c,}\\");
	buffer_append_char(&array, '}');
	assert_string_equal(array.data, "{\"\",\"a\\\\\\\"b\",\"c,}\\\\\"}");
	buffer_free(&array);
}

static void
test_pieces(void **state)
{
	SqlText sql;
	SqlText more;

	(void) state;
	sql_init(&sql);
	sql_init(&more);
	assert_string_equal(sql_string(&sql), "");
	sql_append(&sql, "ALTER TABLE ");
	sql_qualified(&sql, "S\"", "select");
	sql_append(&sql, " x ");
	sql_signed(&sql, -9223372036854775807LL - 1);
	sql_append(&sql, " ");
	sql_unsigned(&sql, 18446744073709551615ULL);
	sql_append(&more, " ");
	sql_qualified_literal(&more, "a'", "b");
	sql_text(&sql, &more);
	assert_string_equal(
		sql_string(&sql),
		"ALTER TABLE \"S\"\"\".\"select\" x -9223372036854775808 18446744073709551615 "
		"'\"a''\".b'");
	sql_free(&sql);
	sql_free(&more);
}

static void
test_checks(void **state)
{
	static const char *const good[] = {"a", "a.b", "\"A b\".\"c;\", d", "\"x\"\"\ny\"", "\xc3\xa4"};
	static const char *const bad[] = {"",    "a;",   "a b",     "a,b",    "a,xb",   "a, ",
									  "\"a", "a.b.", "a--",     "a, b;x", "\"\"",   "a'b'",
									  "(a)", ".a",   "\"a\"\"", "a\nb",   "a/**/b", "*"};
	size_t i;
	SqlText sql;

	(void) state;
	sql_init(&sql);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		sql_reset(&sql);
		assert_true(sql_checked_names(&sql, good[i]));
		assert_string_equal(sql_string(&sql), good[i]);
	}
	sql_reset(&sql);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sql_checked_names(&sql, bad[i]));
	assert_false(sql_checked_number(&sql, ""));
	assert_false(sql_checked_number(&sql, "-"));
	assert_false(sql_checked_number(&sql, "1, true); x"));
	assert_false(sql_checked_number(&sql, "1e5"));
	assert_false(sql_checked_hex(&sql, "\\x00'"));
	assert_false(sql_checked_hex(&sql, "\\x\\x"));
	assert_false(sql_keyword(&sql, ""));
	assert_false(sql_keyword(&sql, "ALL ON"));
	assert_false(sql_keyword(&sql, "Select"));
	assert_int_equal(sql_length(&sql), 0);
	assert_true(sql_checked_number(&sql, "-12"));
	assert_true(sql_checked_hex(&sql, "\\x09af"));
	assert_true(sql_keyword(&sql, "CONNECT"));
	assert_string_equal(sql_string(&sql), "-12\\x09afCONNECT");
	sql_free(&sql);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_literals),
		cmocka_unit_test(test_arrays), cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
