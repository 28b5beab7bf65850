/* Patterns of names: wildcards, case, quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "name_pattern.h"

static void
plain_names(void **state)
{
	(void) state;
	assert_true(name_matches("invoices", "invoices"));
	assert_true(name_matches("INVoices", "invoices"));
	assert_false(name_matches("invoices", "Invoices"));
	assert_false(name_matches("invoices", "invoices2"));
	assert_false(name_matches("invoices", "invoice"));
	assert_false(name_matches("invoices", ""));
	assert_true(name_matches("a.b|c[d]", "a.b|c[d]"));
}

static void
wildcards(void **state)
{
	(void) state;
	assert_true(name_matches("*", ""));
	assert_true(name_matches("*", "anything"));
	assert_true(name_matches("test*", "test"));
	assert_true(name_matches("test*", "test_1"));
	assert_false(name_matches("test*", "a_test"));
	assert_true(name_matches("*test", "a_test_test"));
	assert_true(name_matches("a*b*c", "aXbYbZc"));
	assert_false(name_matches("a*b*c", "aXbYbZd"));
	assert_true(name_matches("db_?", "db_1"));
	assert_false(name_matches("db_?", "db_"));
	assert_false(name_matches("db_?", "db_12"));
	assert_true(name_matches("?", "\xc3\xa9"));
	assert_true(name_matches("caf?*", "caf\xc3\xa9s"));
	assert_false(name_matches("??", "\xc3\xa9"));
}

static void
quotes(void **state)
{
	(void) state;
	assert_true(name_matches("\"Invoices\"", "Invoices"));
	assert_false(name_matches("\"Invoices\"", "invoices"));
	assert_true(name_matches("\"a*\"*", "a*b"));
	assert_false(name_matches("\"a*\"*", "ab"));
	assert_true(name_matches("\"say \"\"hi\"\"\"", "say \"hi\""));
	assert_true(name_matches("*\"X\"*", "aXb"));
	assert_false(name_matches("*\"X\"*", "axb"));
}

static void
letters(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *letters;
		bool wild;
	} cases[] = {{"INVoices", "invoices", false},
				 {"\"A\"\"*\"b", "A\"*b", false},
				 {"\"\"", "", false},
				 {"a*", "a*", true},
				 {"?", "?", true},
				 {"", "", false}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		bool wild;
		char *text = name_pattern_letters(cases[i].pattern, &wild);

		assert_string_equal(text, cases[i].letters);
		assert_int_equal(wild, cases[i].wild);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_names),
		cmocka_unit_test(wildcards),
		cmocka_unit_test(quotes),
		cmocka_unit_test(letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
